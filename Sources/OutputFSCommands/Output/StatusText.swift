internal import OutputTree

/// `outputfs status` for people.
extension StatusReport {
    /// One line a mount.
    func table(now: Int) -> String {
        guard !isEmpty else { return "Nothing is mounted. Try: outputfs mount --help, or outputfs demo" }
        var table = TextTable([
            ("MOUNT POINT", .left), ("UP", .right), ("UNSENT", .right), ("ERRORS", .right), ("CACHED", .right),
            ("SOURCE", .left),
        ])
        for mount in mounts {
            table.add([
                mount.mountPoint, HumanUnits.age(seconds: now - mount.mountedAt), "\(mount.tree.pendingFiles.count)",
                "\(mount.tree.errors.count)", HumanUnits.bytes(mount.cache.resident), mount.source,
            ])
        }
        for mount in silent { table.add([mount.mountPoint, "-", "-", "-", "-", mount.reason]) }
        return table.text
    }

    /// Everything of the mounts that are left after filtering.
    func details(now: Int) -> String {
        (mounts.map { $0.details(now: now) } + silent.map { "\($0.mountPoint): \($0.reason)" })
            .joined(separator: "\n\n")
    }
}
