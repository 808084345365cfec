import BlobStorage
package import FileSystemModel
import Glibc

/// `user.*` attributes live in blob metadata; `user.blob.*` shows the blob's own properties.
extension OutputFileSystem {
    package func getxattr(
        _ request: consuming Request<ExtendedAttributeAnswer>,
        _ node: NodeID,
        _ name: String,
        size: Int
    ) {
        // The kernel asks for `security.capability` before writes: an answer without a request.
        guard name.hasPrefix("user.") else {
            request.fail(FileSystemError(errno: ENODATA, name))
            return
        }
        let file = nodes.file(node)
        let isOfUpload = name.hasPrefix(Self.uploadAttributePrefix)
        guard let address = isOfUpload ? attributedAddress(of: node) : file?.address else {
            request.fail(FileSystemError(errno: ENODATA, name))
            return
        }
        request.later { [self] () async throws(FileSystemError) in
            let all: [(name: String, value: [UInt8])]
            if let file, !isOfUpload {
                let isOfTier = ExtendedAttributeNames.tierNames.contains(name)
                all = try await extendedAttributes(of: file, withTier: isOfTier)
            } else {
                all = try await uploadAttributes(of: address)
            }
            guard let value = all.first(where: { $0.name.utf8.elementsEqual(name.utf8) })?.value else {
                throw FileSystemError(errno: ENODATA, name)
            }
            return try Self.answer(value, size: size)
        }
    }

    /// What a node's attributes are about: a file's blob, or what the names of a directory's blobs begin with.
    private func attributedAddress(of node: NodeID) -> BlobAddress? {
        switch nodes[node] {
        case .file(let file): file.address
        case .directory(let directory): directory.place.contents
        case .selfLink, nil: nil
        }
    }

    package func listxattr(_ request: consuming Request<ExtendedAttributeAnswer>, _ node: NodeID, size: Int) {
        let file = nodes.file(node)
        guard let address = attributedAddress(of: node), file != nil || hasUploadAttributes(address) else {
            request.succeed(size == 0 ? .size(0) : .value([]))
            return
        }
        request.later { [self] () async throws(FileSystemError) in
            var names: [UInt8] = []
            var attributes = try await uploadAttributes(of: address)
            if let file { attributes += try await extendedAttributes(of: file, withTier: true) }
            for attribute in attributes {
                names.append(contentsOf: attribute.name.utf8)
                names.append(0)
            }
            return try Self.answer(names, size: size)
        }
    }

    package func setxattr(
        _ request: consuming Request<Done>,
        _ node: NodeID,
        _ name: String,
        _ value: UnsafeRawBufferPointer,
        flags: ExtendedAttributeFlags
    ) {
        let value = [UInt8](value)
        change(request, node, name) { [self] file, key async throws(FileSystemError) in
            let exists = try await extendedAttributes(of: file).contains { $0.name.utf8.elementsEqual(name.utf8) }
            if flags == .createOnly, exists { throw FileSystemError(errno: EEXIST, "\(name) is there") }
            if flags == .replaceOnly, !exists { throw FileSystemError(errno: ENODATA, name) }
            try checkSize(of: file, adding: key, ExtendedAttributeNames.encode(value))
            file.withState { $0.pending.extended[key] = ExtendedAttributeNames.encode(value) }
        }
    }

    package func removexattr(_ request: consuming Request<Done>, _ node: NodeID, _ name: String) {
        change(request, node, name) { [self] file, key async throws(FileSystemError) in
            guard try await extendedAttributes(of: file).contains(where: { $0.name.utf8.elementsEqual(name.utf8) })
            else { throw FileSystemError(errno: ENODATA, name) }
            file.withState { $0.pending.extended[key] = String?.none }
        }
    }

    // MARK: Parts

    private func change(
        _ request: consuming Request<Done>,
        _ node: NodeID,
        _ name: String,
        _ body: @escaping @Sendable (FileNode, String) async throws(FileSystemError) -> Void
    ) {
        do throws(FileSystemError) {
            try requireWritable()
            guard case .file(let file) = nodes[node] else {
                throw FileSystemError(errno: EOPNOTSUPP, "only files have user attributes here")
            }
            try requireBlob(file.address)
            guard !name.hasPrefix(ExtendedAttributeNames.readOnlyPrefix) else {
                throw FileSystemError(errno: EPERM, "\(name) shows a property of the blob")
            }
            guard !name.hasPrefix(Self.uploadAttributePrefix) else {
                throw FileSystemError(errno: EPERM, "\(name) shows what Azure ML knows of the file")
            }
            guard let key = ExtendedAttributeNames.key(of: name) else {
                throw FileSystemError(errno: EOPNOTSUPP, "only user attributes can be kept")
            }
            request.later { [self] () async throws(FileSystemError) in
                try await requireUnconfirmed(file.address, "setxattr")
                try await file.changes.withLock { () async throws(FileSystemError) in
                    try await body(file, key)
                    // With bytes on their way it rides with them.
                    if file.hasUnsentContent {
                        try await keepAttributes(of: file)
                    } else {
                        try await commitAttributes(file)
                    }
                }
                return Done()
            }
        } catch { request.fail(error) }
    }

    /// Refused here with the errno of a full attribute space, before the service refuses a whole commit.
    private func checkSize(of node: FileNode, adding key: String, _ value: String) throws(FileSystemError) {
        var metadata = node.withState { $0.metadata(options: options) }
        metadata[key] = value
        // Times, owner and mode that later commits add need room as well.
        guard metadata.byteCount <= ExtendedAttributeNames.metadataSizeMax - 512 else {
            throw FileSystemError(
                errno: E2BIG,
                "a blob holds 8 KiB of metadata, this makes \(metadata.byteCount) bytes"
            )
        }
    }

    /// `withTier`: a GET or a commit, by which the properties may be known, did not say in which tier the blob is.
    private func extendedAttributes(
        of node: FileNode,
        withTier: Bool = false
    ) async throws(FileSystemError) -> [(name: String, value: [UInt8])] {
        let isKnown = node.withState { file in
            guard let properties = file.properties else { return file.facts == nil }
            return !withTier || properties.accessTier != nil || properties.type != .block
        }
        if !isKnown { try await pinForChange(node) }
        let (properties, pending, facts) = node.withState { ($0.properties, $0.pending.extended, $0.facts) }
        var attributes: [(name: String, value: [UInt8])] = []
        var metadata = properties?.metadata ?? [:]
        for (key, value) in pending { metadata[key] = value }
        for item in metadata.items {
            guard let name = ExtendedAttributeNames.attribute(ofKey: item.name),
                let value = ExtendedAttributeNames.decode(item.value)
            else { continue }
            attributes.append((name, value))
        }
        guard facts != nil, let properties else { return attributes }
        let shown: [(String, String?)] = [
            ("etag", properties.version.etag.text), ("type", properties.type.rawValue),
            ("content_type", properties.contentType), ("content_md5", properties.contentMD5),
            ("content_encoding", properties.contentEncoding), ("access_tier", properties.accessTier),
            ("archive_status", properties.archiveStatus), ("lease_state", properties.leaseState),
        ]
        for (name, value) in shown {
            guard let value else { continue }
            attributes.append((ExtendedAttributeNames.readOnlyPrefix + name, Array(value.utf8)))
        }
        return attributes
    }

    private static func answer(_ value: [UInt8], size: Int) throws(FileSystemError) -> ExtendedAttributeAnswer {
        if size == 0 { return .size(value.count) }
        guard value.count <= size else {
            throw FileSystemError(errno: ERANGE, "\(value.count) bytes do not fit \(size)")
        }
        return .value(value)
    }
}
