internal import Checksums
internal import Glibc
internal import Synchronization

/// Local files that should be what the store has.
final class LocalSide: Sendable {
    private let root: String
    let isFolder: Bool
    /// Hashes of the files that the store has, too.
    private let seen = Mutex<Set<UInt64>>([])

    init(root: String) {
        self.root = root
        isFolder = if case .folder? = try? LocalFolder.kind(of: root) { true } else { false }
    }

    /// - Parameter names: below the root; none: the root itself.
    func path(of names: [String]) -> String {
        let path = names.reduce(root) { LocalFolder.joined($0, $1) }
        seen.withLock { _ = $0.insert(NameHash.fnv1a(path)) }
        return path
    }

    /// How a file differs from what the store has; `nil`: not at all.
    func difference(_ path: String, byteCount: UInt64, md5: [UInt8]) throws(LocalFileError) -> String? {
        guard case .file(let count)? = try LocalFolder.kind(of: path) else { return "is not there" }
        guard UInt64(count) == byteCount else { return "has \(count) bytes, and the blob \(byteCount)" }
        var hasher = MD5Hasher()
        try LocalFolder.read(path) { hasher.update($0) }
        return hasher.finish() == md5 ? nil : "has other bytes"
    }

    /// Files below the root that the store has not, sorted. What `sync` and unfinished downloads keep there does not count.
    func onlyLocal() throws(LocalFileError) -> [String] {
        var found: [String] = []
        var open = [root]
        while let folder = open.popLast() {
            for name in try LocalFolder.names(in: folder) where !name.hasPrefix(".outputfs-") {
                let path = LocalFolder.joined(folder, name)
                switch try LocalFolder.kind(of: path) {
                // Links to folders may lead back.
                case .folder: if !LocalFolder.isLink(path) { open.append(path) }
                case .file: if !(seen.withLock { $0.contains(NameHash.fnv1a(path)) }) { found.append(path) }
                case .other, nil: break
                }
            }
        }
        return found.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }
}
