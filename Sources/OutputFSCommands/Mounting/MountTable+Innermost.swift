internal import FuseBinding

extension MountTable {
    /// The mount that a path lies in: the one with the longest mount point, and of those at the same place the topmost.
    /// `path` is canonical.
    func innermost(around path: String) -> MountTableEntry? {
        var found: MountTableEntry?
        for entry in entries where Path.isInside(path, entry.mountPoint) {
            if entry.mountPoint.utf8.count >= found?.mountPoint.utf8.count ?? 0 { found = entry }
        }
        return found
    }
}
