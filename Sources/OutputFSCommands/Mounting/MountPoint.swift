internal import FuseBinding
internal import Glibc

/// The checks before a mount: each answer names the thing and the remedy, where the kernel would say one errno.
enum MountPoint {
    /// The path that the command line means. On a node, what lies below its mounts is made if it is not there.
    static func named(_ path: String?, on node: BatchNode?) throws(CommandFailure) -> String {
        guard let node else { return path ?? "" }
        let place = node.mountPoint(named: path)
        guard place != path else { return place }
        var made = node.mountsDirectory
        for part in place.dropFirst(made.count).split(separator: "/") {
            made = Path.join(made, String(part))
            // EEXIST, also of a dead mount; whatever else is wrong with it is told by the checks to come.
            guard mkdir(made, 0o755) != 0, errno != EEXIST else { continue }
            throw CommandFailure(
                .cannotCreate,
                "the mount point \(made) cannot be made: \(Errno())",
                try: "a start task with elevated rights (userIdentity.autoUser.elevationLevel admin)",
                "a mount point of your own, such as ./outputs"
            )
        }
        return place
    }

    /// Gives the canonical path of a directory that can be mounted on. Takes away a dead mount of ours.
    static func prepare(_ path: String, allowsContent: Bool) throws(CommandFailure) -> String {
        if let place = System.canonicalPath(path), let mounted = MountTable.current().topmost(at: place),
            mounted.isOutputFS
        {
            try takeAwayIfDead(place, source: mounted.source)
        }
        return try check(path, allowsContent: allowsContent)
    }

    /// The same without changing anything.
    static func check(_ path: String, allowsContent: Bool) throws(CommandFailure) -> String {
        let canonical: String
        do throws(SessionError) { canonical = try MountPreflight.check(path) } catch { throw CommandFailure(error) }
        if !allowsContent, let first = System.names(in: canonical).sorted().first {
            throw CommandFailure(
                .cannotCreate,
                "the mount point \(path) is not empty: it holds '\(first)', which a mount would hide",
                try: "mount on an empty directory",
                "--nonempty (or -o nonempty), to hide it"
            )
        }
        return canonical
    }

    /// /dev/fuse and, for those who are not root, the helper that may open the door.
    static func checkMachine(allowsOthers: Bool) throws(CommandFailure) {
        do throws(SessionError) {
            try MountPreflight.checkMachine(allowsOthers: allowsOthers)
        } catch {
            var failure = CommandFailure(error)
            if error.code == .notPermitted, BatchNode.current != nil {
                failure.remedies.append(
                    "on a Batch node: mount in a start task with elevated rights; root needs no leave"
                )
            }
            throw failure
        }
    }

    /// A place that is written while the mount serves must not lie in the mount: it would wait for itself.
    /// Another mount of ours is no better: its bytes would go to the store.
    static func checkOutside(_ path: String, mountPoint: String, option: String) throws(CommandFailure) {
        let canonical = deepestCanonical(path)
        guard let reason = reasonToRefuse(canonical, mountPoint: mountPoint, MountTable.current()) else { return }
        throw CommandFailure(
            .usage,
            "\(option) \(path) \(reason)",
            try: "\(option) with a path on a local disk"
        )
    }

    /// A cache that keeps whole directories of files must not hold the mount point either.
    static func checkCacheDirectory(_ path: String, mountPoint: String) throws(CommandFailure) {
        try checkOutside(path, mountPoint: mountPoint, option: "--cache-dir")
        guard Path.isInside(mountPoint, deepestCanonical(path)) else { return }
        throw CommandFailure(
            .usage,
            "--cache-dir \(path) holds the mount point \(mountPoint)",
            try: "--cache-dir with a directory of its own"
        )
    }

    /// `path` and `mountPoint` are canonical.
    private static func reasonToRefuse(_ path: String, mountPoint: String, _ table: MountTable) -> String? {
        if Path.isInside(path, mountPoint) { return "lies inside the mount point \(mountPoint)" }
        guard let around = table.innermost(around: path), around.isOutputFS else { return nil }
        return "lies inside another mount of outputfs, \(around.mountPoint)"
    }

    /// Makes the directory, for this user only, and shows that it can be written.
    static func makePrivateDirectory(_ path: String, option: String) throws(CommandFailure) {
        var made = ""
        for part in path.split(separator: "/") {
            made += "/" + part
            guard mkdir(made, 0o700) != 0, errno != EEXIST else { continue }
            let error = Errno()
            // A parent that is there but not ours answers EACCES or EROFS; only the last part counts.
            var status = stat()
            if stat(made, &status) == 0 { continue }
            throw CommandFailure(
                .cannotCreate,
                "\(option) \(made) cannot be made: \(error)",
                try: "\(option) elsewhere"
            )
        }
        guard access(path, R_OK | W_OK | X_OK) == 0 else {
            throw CommandFailure(
                .cannotCreate,
                "\(option) \(path) cannot be written: \(Errno())",
                try: "\(option) elsewhere"
            )
        }
    }

    /// The canonical form of what exists of a path, with the rest behind it.
    private static func deepestCanonical(_ path: String) -> String {
        var missing: [String] = []
        var existing = path
        while true {
            if let canonical = System.canonicalPath(existing) {
                return missing.reversed().reduce(canonical) { Path.join($0, $1) }
            }
            let (parent, name) = Path.split(existing)
            if parent == existing || name.isEmpty { return path }
            missing.append(name)
            existing = parent
        }
    }

    private static func takeAwayIfDead(_ mountPoint: String, source: String) throws(CommandFailure) {
        // Of a mount whose keeper is gone the worker is going.
        for _ in 0..<40 where ControlClient.isServed(mountPoint) && !KeeperLock.isHeld(mountPoint) { usleep(50_000) }
        // The daemon is asked before the mount is touched: a stat of a mount that hangs would hang as well.
        // The kernel answers stat from what it remembers for a while after the end; statfs it has to ask for.
        var statistics = statvfs()
        let isDead = !ControlClient.isServed(mountPoint) && statvfs(mountPoint, &statistics) != 0 && errno == ENOTCONN
        guard isDead else {
            throw CommandFailure(
                .busy,
                "\(mountPoint) is mounted already (\(source))",
                try: "outputfs status \(mountPoint)",
                "outputfs unmount \(mountPoint)"
            )
        }
        do throws(SessionError) { try Unmounting.unmount(mountPoint, lazily: true) } catch {
            throw CommandFailure(
                .busy,
                "\(mountPoint) is a mount whose process is gone, and it cannot be taken away: \(error.reason)",
                try: "fusermount3 -uz \(mountPoint)"
            )
        }
    }
}
