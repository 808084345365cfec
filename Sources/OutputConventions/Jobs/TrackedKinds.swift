/// The kinds of output whose files are shown while they grow.
package struct TrackedKinds: Sendable, Hashable {
    /// Names as in `TaskLog`, without the `$` that the blobs have.
    package let names: [String]

    package init(_ names: [String]) { self.names = names }

    package static let standard = TrackedKinds([PredefinedKind.taskLog.rawValue])

    /// Whether the blob is an output of such a kind: `<task>/$TaskLog/…` of a task, `$MyLog/…` of a job.
    package func contain(blobName: String) -> Bool {
        let name = blobName.utf8
        if names.contains(where: { isFolder(of: name[...], $0) }) { return true }
        guard let slash = name.firstIndex(of: UInt8(ascii: "/")) else { return false }
        let rest = name[name.index(after: slash)...]
        return names.contains { isFolder(of: rest, $0) }
    }

    private func isFolder(of path: Substring.UTF8View, _ kind: String) -> Bool {
        guard path.first == UInt8(ascii: "$") else { return false }
        let name = path.dropFirst()
        return name.starts(with: kind.utf8) && name.dropFirst(kind.utf8.count).first == UInt8(ascii: "/")
    }
}
