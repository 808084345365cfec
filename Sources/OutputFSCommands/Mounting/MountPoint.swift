internal import Glibc

/// The checks before a mount: each answer names the thing and the remedy, where the kernel would say one errno.
enum MountPoint {
    /// Gives the canonical path of a directory that can be mounted on. Takes away a dead mount of ours.
    static func prepare(_ path: String, allowsContent: Bool) throws(CommandFailure) -> String {
        guard let canonical = System.canonicalPath(path) else { throw unreachable(path, Errno()) }
        if let mounted = MountTable.current().mount(at: canonical), mounted.type == MountTable.outputFSType {
            try takeAwayIfDead(canonical, source: mounted.source)
        }
        var status = stat()
        guard stat(canonical, &status) == 0 else { throw unreachable(path, Errno()) }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            throw CommandFailure(.notFound, "the mount point \(path) is not a directory", try: "name a directory")
        }
        if System.userID != 0, access(canonical, W_OK) != 0 {
            throw CommandFailure(
                .denied,
                "the mount point \(path) belongs to somebody else, and only root may mount there",
                try: "mount on a directory of your own"
            )
        }
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
        let device = open("/dev/fuse", O_RDWR | O_CLOEXEC)
        guard device >= 0 else {
            let error = Errno()
            // libfuse opens it itself, also where fusermount3 makes the mount.
            throw CommandFailure(
                .system,
                "/dev/fuse cannot be opened: \(error)",
                try: error.code == EACCES ? "chmod 666 /dev/fuse, its usual mode, or mount as root" : "modprobe fuse",
                "in a container: --device /dev/fuse --cap-add SYS_ADMIN"
            )
        }
        close(device)
        guard System.userID != 0 else { return }
        guard executable("fusermount3") != nil else {
            throw CommandFailure(
                .system,
                "fusermount3 is not installed, and only root can mount without it",
                try: "apt-get install fuse3"
            )
        }
        if allowsOthers, !othersAllowed() {
            throw CommandFailure(
                .denied,
                "/etc/fuse.conf does not let users give others access to their mounts",
                try: "add the line user_allow_other to /etc/fuse.conf",
                "leave out --allow-other"
            )
        }
    }

    /// A place that is written while the mount serves must not lie in the mount: it would wait for itself.
    static func checkOutside(_ path: String, mountPoint: String, option: String) throws(CommandFailure) {
        guard Path.isInside(deepestCanonical(path), mountPoint) else { return }
        throw CommandFailure(
            .usage,
            "\(option) \(path) lies inside the mount point \(mountPoint)",
            try: "\(option) with a path on a local disk"
        )
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

    /// Where a program lies on PATH.
    static func executable(_ name: String) -> String? {
        let places = (System.environment["PATH"] ?? "").split(separator: ":").map(String.init) + ["/usr/bin", "/bin"]
        return places.map { Path.join($0, name) }.first { access($0, X_OK) == 0 }
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
        if let error = Unmounting.detach(mountPoint, lazily: true) {
            throw CommandFailure(
                .busy,
                "\(mountPoint) is a mount whose process is gone, and it cannot be taken away: \(error)",
                try: "fusermount3 -uz \(mountPoint)"
            )
        }
    }

    private static func unreachable(_ path: String, _ error: Errno) -> CommandFailure {
        switch error.code {
        case ENOENT:
            CommandFailure(.notFound, "the mount point \(path) does not exist", try: "mkdir -p \(path)")
        case ENOTDIR:
            CommandFailure(.notFound, "the mount point \(path) is not a directory", try: "name a directory")
        case ENOTCONN:
            CommandFailure(
                .busy,
                "\(path) is a mount whose process is gone",
                try: "fusermount3 -uz \(path)"
            )
        default:
            CommandFailure(.notFound, "the mount point \(path) cannot be looked at: \(error)", try: "ls -ld \(path)")
        }
    }

    private static func othersAllowed() -> Bool {
        guard case .success(let bytes) = System.read("/etc/fuse.conf") else { return false }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").contains { line in
            line.split(whereSeparator: \.isWhitespace).first == "user_allow_other"
        }
    }
}
