package import BlobStorage
import Synchronization

/// A hierarchical namespace: directories are blobs that say so, and what is in them has their name and a slash before
/// its own.
extension MemoryStore {
    package func makeDirectory(
        _ directory: BlobAddress,
        metadata: BlobMetadata
    ) async throws(StorageError) -> BlobVersion {
        try await perform(.makeDirectory, on: directory.description) { [self] (failures) throws(StorageError) in
            try requireHierarchy(failures)
            try NameRules.check(blobName: directory.name, failures)
            try NameRules.check(metadata, failures)
            return try state.withLock { (state) throws(StorageError) in
                guard try state.blob(directory, failures)?.committed == nil else {
                    throw failures(.alreadyExists, 409, "PathAlreadyExists")
                }
                try state.makeParents(of: directory, failures)
                return state.addDirectory(directory, metadata: metadata)
            }
        }
    }

    package func removeDirectory(_ directory: BlobAddress, recursively: Bool) async throws(StorageError) {
        try await perform(.removeDirectory, on: directory.description) { [self] (failures) throws(StorageError) in
            try requireHierarchy(failures)
            try state.withLock { (state) throws(StorageError) in
                guard try state.blob(directory, failures)?.committed != nil else {
                    throw failures(.notFound, 404, "PathNotFound")
                }
                guard recursively || !state.hasEntries(directory) else {
                    throw failures(.notEmpty, 409, "DirectoryNotEmpty")
                }
                for blob in [directory] + state.entries(below: directory) { state.blobs[blob] = nil }
            }
        }
    }

    package func renamePath(
        _ source: BlobAddress,
        _ path: RenamedPath,
        to destination: BlobAddress,
        condition: VersionCondition
    ) async throws(StorageError) -> BlobVersion {
        try await perform(.renamePath, on: source.description) { [self] (failures) throws(StorageError) in
            try requireHierarchy(failures)
            try NameRules.check(blobName: destination.name, failures)
            return try state.withLock { (state) throws(StorageError) in
                let found = try state.blob(source, failures)?.committed
                if case .file(let etag) = path, found?.properties.version.etag != etag {
                    throw failures(.conditionFailed, 412, "SourceConditionNotMet")
                }
                guard let found else { throw failures(.notFound, 404, "SourcePathNotFound") }
                try found.checkLease(failures)
                guard destination != source, !source.holds(destination) else {
                    throw failures(.invalid, 409, "InvalidRenameSourcePath")
                }
                let old = try state.blob(destination, failures)?.committed
                try condition.check(old, failures)
                if let old {
                    guard old.properties.isDirectory == found.properties.isDirectory else {
                        throw failures(.conflict, 409, "InvalidSourceOrDestinationResourceType")
                    }
                    guard !state.hasEntries(destination) else { throw failures(.notEmpty, 409, "DirectoryNotEmpty") }
                }
                try state.makeParents(of: destination, failures)
                for blob in [source] + state.entries(below: source) {
                    let tail = String(decoding: blob.name.utf8.dropFirst(source.name.utf8.count), as: UTF8.self)
                    let moved = BlobAddress(container: destination.container, name: destination.name + tail)
                    state.blobs[moved] = state.blobs.removeValue(forKey: blob)
                }
                return found.properties.version
            }
        }
    }

    private func requireHierarchy(_ failures: Failures) throws(StorageError) {
        guard namespace == .hierarchical else { throw failures(.invalid, 400, "HierarchicalNamespaceNotEnabled") }
    }
}

extension BlobAddress {
    /// Whether the other path is in this directory.
    func holds(_ other: BlobAddress) -> Bool {
        other.container == container && other.name.utf8.starts(with: name.utf8)
            && other.name.utf8.dropFirst(name.utf8.count).first == UInt8(ascii: "/")
    }

    /// The directories that the path is in, the outermost first.
    var parents: [BlobAddress] {
        name.utf8.indices.filter { name.utf8[$0] == UInt8(ascii: "/") }
            .map { BlobAddress(container: container, name: String(Substring(name.utf8[..<$0]))) }
    }
}

extension MemoryStore.State {
    func entries(below directory: BlobAddress) -> [BlobAddress] { blobs.keys.filter { directory.holds($0) } }

    func hasEntries(_ directory: BlobAddress) -> Bool {
        entries(below: directory).contains { blobs[$0]?.committed != nil }
    }

    /// Directories that are not there come into being; a file in their place is in the way.
    mutating func makeParents(of path: BlobAddress, _ failures: Failures) throws(StorageError) {
        for parent in path.parents {
            if let found = blobs[parent]?.committed {
                guard found.properties.isDirectory else { throw failures(.conflict, 409, "PathConflict") }
            } else {
                _ = addDirectory(parent, metadata: [:])
            }
        }
    }

    mutating func addDirectory(_ directory: BlobAddress, metadata: BlobMetadata) -> BlobVersion {
        let version = newVersion()
        var properties = BlobProperties(version: version, length: 0, creationTime: now, metadata: metadata)
        properties.metadata["hdi_isfolder"] = "true"
        properties.isDirectory = true
        blobs[directory] = StoredBlob(committed: StoredBlob.Committed(properties: properties, bytes: []))
        return version
    }
}

extension StoredBlob.Committed {
    /// Throws for a directory, to which most of what can be done with blobs cannot.
    func checkFile(_ failures: Failures) throws(StorageError) {
        if properties.isDirectory { throw failures(.conflict, 400, "OperationNotSupportedOnDirectory") }
    }
}

extension NameRules {
    /// A listing below what is a file is refused.
    static func check(
        prefix query: BlobQuery,
        _ blobs: [BlobAddress: StoredBlob],
        _ failures: Failures
    ) throws(StorageError) {
        for parent in BlobAddress(container: query.container, name: query.prefix).parents {
            guard let found = blobs[parent]?.committed, !found.properties.isDirectory else { continue }
            throw failures(.invalid, 400, "InvalidQueryParameterValue")
        }
    }
}
