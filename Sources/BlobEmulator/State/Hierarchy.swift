/// Who may do what with a path: kept and shown, and not enforced, since all that get here have a key or a token.
struct PathAccess: Sendable, Equatable {
    var owner = "$superuser"
    var group = "$superuser"
    /// `user::rwx,group::r-x,other::---`, what is named besides in between.
    var acl: String

    init(isDirectory: Bool) {
        acl = isDirectory ? "user::rwx,group::r-x,other::---" : "user::rw-,group::r--,other::---"
    }

    init(owner: String, group: String, acl: String) {
        (self.owner, self.group, self.acl) = (owner, group, acl)
    }

    /// Nine letters, and a `+` where the list names more than the three.
    var permissions: String {
        let entries = acl.split(separator: ",")
        func letters(_ subject: String) -> String {
            entries.first { $0.hasPrefix(subject + "::") }.map { String($0.suffix(3)) } ?? "---"
        }
        return letters("user") + letters("group") + letters("other") + (entries.count > 3 ? "+" : "")
    }

    /// Takes permissions as nine letters or four octal digits; false where they are neither.
    mutating func set(permissions text: String) -> Bool {
        guard let letters = Self.letters(text) else { return false }
        let named = acl.split(separator: ",").filter { !$0.contains("::") }.map(String.init)
        let parts = ["user::" + letters[0], "group::" + letters[1]] + named + ["other::" + letters[2]]
        acl = parts.joined(separator: ",")
        return true
    }

    private static func letters(_ text: String) -> [String]? {
        if text.utf8.count == 4, let mode = UInt16(text, radix: 8) {
            return [6, 3, 0].map { shift in
                let bits = mode >> UInt16(shift) & 7
                return (bits & 4 != 0 ? "r" : "-") + (bits & 2 != 0 ? "w" : "-") + (bits & 1 != 0 ? "x" : "-")
            }
        }
        let bytes = Array(text.utf8)
        guard bytes.count == 9 || bytes.count == 10,
            bytes.prefix(9).enumerated().allSatisfy({ "rwxtT-".utf8.contains($0.element) })
        else { return nil }
        return [0, 3, 6].map { String(decoding: bytes[$0..<$0 + 3], as: UTF8.self) }
    }
}

extension Blob {
    /// Whether it is what the Blob endpoint shows of a directory. Only in an account with a hierarchical namespace is it
    /// one; elsewhere it is a blob with a metadatum.
    var isFolder: Bool {
        content.length == 0 && kind == .block
            && metadata.entries.contains { $0.name.lowercased() == Self.folderMark && $0.value.lowercased() == "true" }
    }

    /// The metadatum that the Blob endpoint shows of directories.
    static let folderMark = "hdi_isfolder"

    static func folder(_ etag: ETag, at now: Timestamp) -> Blob {
        var blob = Blob(kind: .block, etag: etag, modified: now, created: now)
        blob.metadata.entries = [(folderMark, "true")]
        return blob
    }

    var pathAccess: PathAccess { access ?? PathAccess(isDirectory: isFolder) }
}

/// A container of an account with a hierarchical namespace: every directory is an entry of its own, and each entry's
/// parents are there.
extension ContainerState {
    func isDirectory(_ name: Name) -> Bool {
        name.bytes.isEmpty || isHierarchical && blobs[name]?.current?.isFolder == true
    }

    /// `400` for what can be done with files only.
    func requireFile(_ name: Name) throws(Failure) {
        guard isHierarchical, isDirectory(name) else { return }
        throw .code(.operationNotSupportedOnDirectory)
    }

    /// `409` where a part of the way to `name` is a file, or the way is too long.
    func requirePlace(for name: Name) throws(Failure) {
        guard isHierarchical else { return }
        guard name.ancestors.count < 63 else { throw .code(.pathIsTooDeep) }
        for ancestor in name.ancestors where blobs[ancestor]?.current != nil && !isDirectory(ancestor) {
            throw .code(.pathConflict)
        }
    }

    /// A listing below what is a file is refused.
    func requirePrefix(_ prefix: Name) throws(Failure) {
        guard isHierarchical else { return }
        for ancestor in prefix.ancestors where blobs[ancestor]?.current != nil && !isDirectory(ancestor) {
            throw .invalidParameter("prefix", prefix.text)
        }
    }

    /// Whether something lies in the directory.
    func hasEntries(_ directory: Name) -> Bool {
        let prefix = directory.directoryPrefix
        var position = blobs.lowerBound(prefix)
        while let (name, node) = blobs[position], name.hasPrefix(prefix) {
            if node.current != nil { return true }
            position = blobs.position(after: position)
        }
        return false
    }

    /// Directories on the way to `name` that are not there yet come into being.
    mutating func makeParents(of name: Name, _ etag: ETag, at now: Timestamp) {
        guard isHierarchical else { return }
        for ancestor in name.ancestors where blobs[ancestor]?.current == nil {
            commit(.blob(ancestor, .folder(etag, at: now)))
        }
    }

    /// The names of all that lies in the directory, in order.
    func names(below directory: Name) -> [Name] {
        let prefix = directory.directoryPrefix
        var names: [Name] = []
        var position = blobs.lowerBound(prefix)
        while let (name, _) = blobs[position], name.hasPrefix(prefix) {
            names.append(name)
            position = blobs.position(after: position)
        }
        return names
    }

    /// The path and all below it go: current blobs, their snapshots, and what was put and not committed.
    mutating func removeTree(_ root: Name) {
        for name in [root] + names(below: root) {
            for time in blobs[name]?.snapshots.map(\.time) ?? [] { commit(.snapshot(name, time, nil)) }
            if blobs[name]?.staged != nil { commit(.unstaged(name)) }
            commit(.blob(name, nil))
        }
    }
}

extension Name {
    /// The directories that a path is in, the outermost first; not the root.
    var ancestors: [Name] {
        bytes.indices.filter { bytes[$0] == UInt8(ascii: "/") }.map { Name(Array(bytes[..<$0])) }
    }

    /// What the names of all that lies in this directory begin with.
    var directoryPrefix: Name { bytes.isEmpty ? self : Name(bytes + [UInt8(ascii: "/")]) }

    /// As a hierarchical namespace understands it: no slash at an end, none twice.
    var normalizedPath: Name {
        let parts = bytes.split(separator: UInt8(ascii: "/"))
        return Name(Array(parts.joined(separator: [UInt8(ascii: "/")])))
    }

    /// This name with `new` in the place of `old` at its beginning.
    func moved(from old: Name, to new: Name) -> Name { Name(new.bytes + bytes.dropFirst(old.bytes.count)) }
}
