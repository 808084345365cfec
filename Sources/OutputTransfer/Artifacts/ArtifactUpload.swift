internal import BlobStorage
internal import BlobWriting
internal import LocalStore
internal import Synchronization

/// Uploads a file or folder as azure-ai-ml does, so that each finds what the other put there; and, unlike it, looks at what
/// it finds: all names, sizes and stored MD5s.
package struct ArtifactUpload: Sendable {
    /// What the confirmation says of the asset.
    package struct Asset: Sendable, Hashable {
        package var name: String
        package var version: String

        package init(name: String, version: String) {
            self.name = name
            self.version = version
        }
    }

    package struct Outcome: Sendable {
        /// The blob, or the folder of blobs.
        package var path: String
        /// As it stands in the store: that of an earlier upload where this one found all of it.
        package var asset: Asset
        package var uploaded: Int
        package var kept: Int
        package var bytes: UInt64
        /// Why it did not go to the folder of its hash.
        package var collision: String?
    }

    private let store: any BlobStore
    private let container: String
    private let bodies: AsyncLimiter
    private let jobs: Int
    private let disk = WorkerThreads(name: "upload", count: 4)
    private let progress = SharedCounters()

    /// - Parameter jobs: requests in flight.
    package init(tree: StoreTree, container: String, jobs: Int) {
        (store, self.container, self.jobs) = (tree.store, container, jobs)
        bodies = AsyncLimiter(jobs)
    }

    package var counters: TransferCounters { progress.value }

    package func run(_ folder: ArtifactFolder, as asset: Asset) async throws -> Outcome {
        let (files, stamps, hash) = try await disk.perform {
            let files = try folder.files()
            // Before the hash: a file that changes from here on fails, and is never stored under the hash of another.
            let stamps = try files.map { try FileStamp(at: $0.localPath) }
            return (files, stamps, try ArtifactHash.object(of: folder))
        }
        var locals = files.map { ArtifactPlan.Local(name: $0.relativePath, length: UInt64($0.byteCount)) }
        progress.change { counters in
            counters.found = files.count
            counters.foundBytes = locals.reduce(0) { $0 + $1.length }
            counters.isListed = true
        }
        guard !files.isEmpty else { throw LocalFileError(folder.path, "holds no file that is not ignored") }
        var place = Place(id: hash, folder: folder)
        var collision: String?
        while true {
            let found = try await look(at: place)
            try await addMD5(to: &locals, files, stamps, where: found.remote)
            let plan = ArtifactPlan(locals, remote: found.remote, isConfirmed: found.asset != nil)
            switch plan {
            case .complete:
                return Outcome(
                    path: place.path,
                    asset: found.asset ?? asset,
                    uploaded: 0,
                    kept: files.count,
                    bytes: 0,
                    collision: collision
                )
            case .collision(let reason):
                // The library takes any id: under one of its own this content is nobody else's.
                collision = reason
                place.id = RandomID.uuid()
            case .repair(let lacking):
                progress.change { counters in
                    counters.kept = files.count - lacking.count
                    counters.doneBytes = counters.foundBytes - lacking.reduce(0) { $0 + locals[$1].length }
                }
                try await upload(lacking.map { (files[$0], stamps[$0]) }, to: place, found)
                let confirmed = try await confirm(place, indicator: files[0].relativePath, asset)
                let bytes = lacking.reduce(0) { $0 + UInt64(files[$1].byteCount) }
                return Outcome(
                    path: place.path,
                    asset: confirmed,
                    uploaded: lacking.count,
                    kept: files.count - lacking.count,
                    bytes: bytes,
                    collision: collision
                )
            }
        }
    }

    // MARK: Where

    private struct Place {
        var id: String
        let folder: ArtifactFolder

        init(id: String, folder: ArtifactFolder) {
            self.id = id
            self.folder = folder
        }

        /// The folder of the upload; in a hierarchical namespace a directory, which the library confirms there.
        var upload: String { "LocalUpload/\(id)" }
        var path: String { "\(upload)/\(folder.name)" }

        /// Of a file by its name behind the folder; a single file is its own.
        func blob(_ relativePath: String) -> String { folder.isFolder ? "\(path)/\(relativePath)" : path }
    }

    // MARK: What is there

    private struct Found {
        var remote: [NameBytes: ArtifactPlan.Remote] = [:]
        var versions: [NameBytes: ETag] = [:]
        /// Of the confirmation; `nil` without one.
        var asset: Asset?
    }

    private func look(at place: Place) async throws -> Found {
        var found = Found()
        let prefix = place.folder.isFolder ? place.path + "/" : place.path
        // With its own directory, which is listed in a hierarchical namespace.
        let query = BlobQuery(container: container, prefix: place.upload, includesMetadata: true)
        var marker: ListMarker?
        repeat {
            let page = try await store.listBlobs(query, after: marker)
            for case .blob(let blob, let properties) in page.items {
                let isDirectory = properties.marksDirectory(blob)
                if isDirectory, blob.utf8.elementsEqual(place.upload.utf8) {
                    found.asset = found.asset ?? Asset(confirmedBy: properties.metadata)
                }
                let isOwn =
                    place.folder.isFolder
                    ? blob.utf8.starts(with: prefix.utf8) : blob.utf8.elementsEqual(prefix.utf8)
                guard isOwn, !isDirectory else { continue }
                let name =
                    place.folder.isFolder
                    ? String(decoding: blob.utf8.dropFirst(prefix.utf8.count), as: UTF8.self) : place.folder.name
                found.remote[NameBytes(name)] = .init(length: properties.length, md5: properties.contentMD5)
                found.versions[NameBytes(name)] = properties.version.etag
                // With links out of the folder the library's first file can be another: any may carry it.
                if let asset = Asset(confirmedBy: properties.metadata) { found.asset = asset }
            }
            marker = page.next
        } while marker != nil
        return found
    }

    /// Of the files that only their MD5 tells from what is there.
    private func addMD5(
        to locals: inout [ArtifactPlan.Local],
        _ files: [ArtifactFolder.File],
        _ stamps: [FileStamp],
        where remote: [NameBytes: ArtifactPlan.Remote]
    ) async throws {
        let wanted = locals.indices.filter {
            locals[$0].md5 == nil && ArtifactPlan.needsMD5(locals[$0], remote: remote)
        }
        try await withThrowingTaskGroup(of: (Int, String).self) { group in
            for (turn, index) in wanted.enumerated() {
                if turn >= jobs, let (index, md5) = try await group.next() { locals[index].md5 = md5 }
                let (path, stamp) = (files[index].localPath, stamps[index])
                group.addTask { [disk] in
                    try await disk.performInterruptibly { flag throws(LocalFileError) in
                        (index, try SourceFile(path, as: stamp).md5(unless: flag))
                    }
                }
            }
            for try await (index, md5) in group { locals[index].md5 = md5 }
        }
    }

    // MARK: Sending

    private func upload(
        _ files: [(file: ArtifactFolder.File, stamp: FileStamp)],
        to place: Place,
        _ found: Found
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (index, item) in files.enumerated() {
                if index >= 2 * jobs { try await group.next() }
                let address = BlobAddress(container: container, name: place.blob(item.file.relativePath))
                let known = found.versions[NameBytes(item.file.relativePath)]
                group.addTask { try await upload(item.file, item.stamp, to: address, known) }
            }
            try await group.waitForAll()
        }
    }

    private func upload(
        _ file: ArtifactFolder.File,
        _ stamp: FileStamp,
        to address: BlobAddress,
        _ known: ETag?
    ) async throws {
        let source = try await disk.perform { () throws(LocalFileError) in try SourceFile(file.localPath, as: stamp) }
        let upload = FileUpload(
            store: store,
            address: address,
            source: source,
            bodies: bodies,
            disk: disk
        ) { [progress] count in progress.change { $0.doneBytes += UInt64(count) } }
        do {
            _ = try await upload.run(BlobHeaders(), known.map { .matches($0) } ?? .absent)
        } catch let error as StorageError where error.kind == .alreadyExists || error.kind == .conditionFailed {
            // Somebody uploads the same: what counts is what is there now.
            let there = try await store.properties(of: address)
            guard there.length == source.byteCount else { throw error }
            if let stored = there.contentMD5 {
                let own = try await disk.performInterruptibly { flag throws(LocalFileError) in
                    try source.md5(unless: flag)
                }
                guard own == stored else { throw error }
            }
        }
        progress.change { $0.done += 1 }
    }

    /// Last, so that a confirmed artifact is whole. Of two that confirm at once the first one stands.
    ///
    /// In a hierarchical namespace the library's client for it looks at the directory of the upload, and the one for blobs at
    /// the first file: both say it then.
    private func confirm(_ place: Place, indicator: String, _ asset: Asset) async throws -> Asset {
        let directory = BlobAddress(container: container, name: place.upload)
        var asset = asset
        do throws(StorageError) {
            if try await store.properties(of: directory).isDirectory {
                asset = try await confirm(directory, asset, keepsMetadata: true)
            }
        } catch {
            guard error.kind == .notFound || error.kind == .denied else { throw error }
        }
        let file = BlobAddress(container: container, name: place.blob(indicator))
        return try await confirm(file, asset, keepsMetadata: false)
    }

    /// - Parameter keepsMetadata: the library replaces all of a file's.
    private func confirm(
        _ address: BlobAddress,
        _ asset: Asset,
        keepsMetadata: Bool
    ) async throws(StorageError) -> Asset {
        while true {
            let properties = try await store.properties(of: address)
            if let confirmed = Asset(confirmedBy: properties.metadata) { return confirmed }
            do throws(StorageError) {
                _ = try await store.setMetadata(
                    asset.confirmation(over: keepsMetadata ? properties.metadata : [:]),
                    of: address,
                    condition: .matches(properties.version.etag)
                )
                return asset
            } catch {
                guard error.kind == .conditionFailed else { throw error }
            }
        }
    }
}

extension ArtifactUpload.Asset {
    /// What the library stores on the first file: all of its metadata.
    func confirmation(over metadata: BlobMetadata) -> BlobMetadata {
        var metadata = metadata
        metadata["upload_status"] = "completed"
        metadata["name"] = name
        metadata["version"] = version
        return metadata
    }

    init?(confirmedBy metadata: BlobMetadata) {
        guard metadata["upload_status"] == "completed" else { return nil }
        self.init(name: metadata["name"] ?? "", version: metadata["version"] ?? "")
    }
}

/// Names that nobody else takes.
enum RandomID {
    /// RFC 9562, version 4.
    static func uuid() -> String {
        var bytes = (0..<16).map { _ in UInt8.random(in: 0...255) }
        bytes[6] = bytes[6] & 0x0F | 0x40
        bytes[8] = bytes[8] & 0x3F | 0x80
        let hex = Array(ArtifactHash.hexadecimal(bytes))
        return [0..<8, 8..<12, 12..<16, 16..<20, 20..<32].map { String(hex[$0]) }.joined(separator: "-")
    }
}
