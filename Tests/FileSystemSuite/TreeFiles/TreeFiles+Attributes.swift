import FileSystemModel
internal import Glibc
package import SystemPackage

extension TreeFiles {
    func attributes(of node: NodeID, handle: HandleID?) throws(Errno) -> Attributes {
        let answer = try ask(AttributesAnswer.self) { request in
            fileSystem.getattr(request, node, handle: handle)
        }
        guard case .attributes(let attributes) = answer else { throw unexpected(answer) }
        return attributes.attributes
    }

    func setAttributes(
        _ node: NodeID,
        _ changes: AttributeChanges,
        handle: HandleID?
    ) throws(Errno) -> Attributes {
        let answer = try ask(AttributesAnswer.self) { request in
            fileSystem.setattr(request, node, changes, handle: handle)
        }
        guard case .attributes(let attributes) = answer else { throw unexpected(answer) }
        return attributes.attributes
    }

    private func change(
        _ path: String,
        follows: Bool,
        _ change: (inout AttributeChanges) -> Void
    ) throws(Errno) {
        var changes = AttributeChanges()
        change(&changes)
        let wanted = changes
        try withWalk { (walk) throws(Errno) in
            let found = try walk.find(path, follows: follows)
            if wanted.size != nil, found.kind == .directory { throw .isDirectory }
            _ = try setAttributes(found.node, wanted, handle: nil)
        }
    }

    package func truncate(_ path: String, to size: UInt64) throws(Errno) {
        try change(path, follows: true) { $0.size = size }
    }

    package func setPermissions(_ path: String, _ permissions: UInt16) throws(Errno) {
        try change(path, follows: true) { $0.permissions = permissions }
    }

    package func setOwner(_ path: String, user: UInt32, group: UInt32) throws(Errno) {
        try change(path, follows: false) { changes in
            changes.userID = user
            changes.groupID = group
        }
    }

    package func setModificationTime(_ path: String, _ time: Int64?) throws(Errno) {
        try change(path, follows: false) { changes in
            changes.modificationTime =
                time.map {
                    .at(Timestamp(seconds: $0 / 1_000_000_000, nanoseconds: Int32($0 % 1_000_000_000)))
                } ?? .now
        }
    }

    // MARK: Extended attributes

    package func attribute(_ path: String, _ name: String) throws(Errno) -> [UInt8] {
        try withWalk { (walk) throws(Errno) in
            let found = try walk.find(path, follows: false)
            return try value { [self] request, size in
                fileSystem.getxattr(request, found.node, name, size: size)
            }
        }
    }

    package func attributes(_ path: String) throws(Errno) -> [String] {
        try withWalk { (walk) throws(Errno) in
            let found = try walk.find(path, follows: false)
            let names = try value { [self] request, size in
                fileSystem.listxattr(request, found.node, size: size)
            }
            return names.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
        }
    }

    /// Asks for the size first, as getfattr does, then for as much.
    private func value(
        _ start: (consuming Request<ExtendedAttributeAnswer>, Int) -> Void
    ) throws(Errno) -> [UInt8] {
        let first = try ask(ExtendedAttributeAnswer.self) { request in start(request, 0) }
        guard case .extendedAttribute(.size(let size)) = first else { throw unexpected(first) }
        guard size > 0 else { return [] }
        let second = try ask(ExtendedAttributeAnswer.self) { request in start(request, size) }
        guard case .extendedAttribute(.value(let bytes)) = second else { throw unexpected(second) }
        return bytes
    }

    package func setAttribute(
        _ path: String,
        _ name: String,
        _ value: [UInt8],
        flags: Int32
    ) throws(Errno) {
        try withWalk { (walk) throws(Errno) in
            let found = try walk.find(path, follows: false)
            let mode: ExtendedAttributeFlags = flags == 1 ? .createOnly : flags == 2 ? .replaceOnly : .createOrReplace
            _ = try ask(Done.self) { request in
                var request: Request<Done>? = request
                value.withUnsafeBytes { bytes in
                    guard let request = request.take() else { return }
                    fileSystem.setxattr(request, found.node, name, bytes, flags: mode)
                }
            }
        }
    }

    package func removeAttribute(_ path: String, _ name: String) throws(Errno) {
        try withWalk { (walk) throws(Errno) in
            let found = try walk.find(path, follows: false)
            _ = try ask(Done.self) { request in fileSystem.removexattr(request, found.node, name) }
        }
    }
}

extension FileStatus {
    init(_ attributes: Attributes) {
        let time = attributes.modificationTime
        self.init(
            inode: attributes.inode,
            kind: Kind(attributes.kind),
            permissions: attributes.permissions,
            userID: attributes.userID,
            groupID: attributes.groupID,
            linkCount: UInt64(attributes.linkCount),
            size: attributes.size,
            modificationTime: time.seconds * 1_000_000_000 + Int64(time.nanoseconds)
        )
    }
}
