internal import CFuse3  // which brings `struct stat`
internal import CLinux
internal import Glibc

/// What must be true before a mount is tried, so that the reason for a failure can be said in words.
enum MountPreflight {
    /// Where fusermount3 is looked for: the path compiled into Debian's libfuse, then what it may be elsewhere.
    private static let helpers = ["/usr/bin/fusermount3", "/bin/fusermount3", "/usr/local/bin/fusermount3"]

    static var helper: String? { helpers.first { access($0, X_OK) == 0 } }

    /// Checks, and says where the mount will be: absolute, without symbolic links.
    static func check(_ options: SessionOptions) throws(SessionError) -> String {
        let table = MountTable.current()
        // Before anything touches the path: a mount whose process hangs would hang stat(2), too.
        try refuseMounted(absolute(options.mountPoint), table)
        let path = try resolved(options.mountPoint)
        try refuseMounted(path, table)
        var status = stat()
        guard stat(path, &status) == 0 else { throw unreachable(options.mountPoint, errno) }
        guard status.st_mode & 0o170000 == 0o040000 else {
            throw SessionError(
                .mountPointNotADirectory,
                path,
                "the mount point is not a directory",
                remedy: "Name an existing directory"
            )
        }
        guard access("/dev/fuse", F_OK) == 0 else {
            throw SessionError(
                .deviceMissing,
                "/dev/fuse",
                "this system has no FUSE device",
                remedy: "Load the module (modprobe fuse), or give the container --device /dev/fuse"
            )
        }
        if geteuid() != 0 { try checkUnprivileged(options, path, status) }
        return path
    }

    /// What fusermount3 will insist on.
    private static func checkUnprivileged(
        _ options: SessionOptions,
        _ path: String,
        _ status: stat
    ) throws(SessionError) {
        guard helper != nil else {
            throw SessionError(
                .helperMissing,
                "fusermount3",
                "not found, and only root can mount without it",
                remedy: "Install the package fuse3"
            )
        }
        // libfuse opens it itself, and does not turn to fusermount3 when it may not.
        guard access("/dev/fuse", R_OK | W_OK) == 0 else {
            throw SessionError(
                .notPermitted,
                "/dev/fuse",
                "no permission to open it",
                remedy: "Its mode should be 0666 (or run as root)"
            )
        }
        guard access(path, W_OK) == 0, status.st_mode & 0o1000 == 0 || status.st_uid == getuid() else {
            throw SessionError(
                .notPermitted,
                path,
                "a user can only mount over a directory of their own that they can write to"
            )
        }
        if options.allowOther || options.allowRoot, !allowsOthers(configuration: textFile("/etc/fuse.conf") ?? "") {
            throw SessionError(
                .notPermitted,
                options.allowOther ? "allow_other" : "allow_root",
                "not permitted to users on this system",
                remedy: "Put the line user_allow_other into /etc/fuse.conf, or mount as root"
            )
        }
    }

    /// Whether a line of fuse.conf(5) says `user_allow_other`.
    static func allowsOthers(configuration: String) -> Bool {
        configuration.split(separator: "\n").contains { line in
            line.filter { $0 != " " && $0 != "\t" } == "user_allow_other"
        }
    }

    private static func refuseMounted(_ path: String, _ table: MountTable) throws(SessionError) {
        guard let mounted = table.topmost(at: path), mounted.isFuse else { return }
        if isDead(path) { throw unreachable(path, ENOTCONN) }
        throw SessionError(
            .alreadyMounted,
            path,
            "a FUSE file system (\(mounted.type)) is mounted there",
            remedy: "Unmount it first: outputfs unmount \(path)"
        )
    }

    /// statfs(2) is never answered from the kernel's caches: by the mount's process, or, if that is gone, by ENOTCONN.
    private static func isDead(_ path: String) -> Bool {
        var statistics = statvfs()
        return statvfs(path, &statistics) != 0 && errno == ENOTCONN
    }

    private static func absolute(_ path: String) -> String {
        var path = path
        if !path.hasPrefix("/") {
            guard let directory = getcwd(nil, 0) else { return path }
            defer { free(directory) }
            path = String(cString: directory) + "/" + path
        }
        while path.utf8.count > 1, path.hasSuffix("/") { path.removeLast() }
        return path
    }

    private static func resolved(_ path: String) throws(SessionError) -> String {
        guard let resolved = realpath(path, nil) else { throw unreachable(path, errno) }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    private static func unreachable(_ path: String, _ reason: Int32) -> SessionError {
        switch reason {
        case ENOENT:
            SessionError(
                .mountPointMissing,
                path,
                "the mount point does not exist",
                remedy: "Create it: mkdir -p \(path)"
            )
        case ENOTDIR:
            SessionError(.mountPointNotADirectory, path, "a part of the path is not a directory")
        case ENOTCONN:
            SessionError(
                .deadMount,
                path,
                "a file system is mounted there whose process is gone",
                remedy: "Take it away: fusermount3 -uz \(path) (as root: umount -l \(path))"
            )
        case EACCES:
            SessionError(.notPermitted, path, "no permission to reach the mount point")
        default:
            SessionError(.refused, path, String(cString: strerror(reason)))
        }
    }
}
