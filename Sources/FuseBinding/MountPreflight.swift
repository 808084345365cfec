internal import CFuse3  // which brings `struct stat`
internal import CLinux
internal import Glibc

/// What must be true before a mount is tried, so that the reason for a failure can be said in words.
package enum MountPreflight {
    /// Where fusermount3 is: the path compiled into Debian's libfuse, else on PATH, as libfuse itself looks.
    static var helper: String? {
        let path = getenv("PATH").map { String(cString: $0) } ?? ""
        return (["/usr/bin"] + path.split(separator: ":")).map { "\($0)/fusermount3" }.first { access($0, X_OK) == 0 }
    }

    /// What this machine must have and allow, wherever the mount will be.
    ///
    /// - Throws: `deviceMissing`, `helperMissing`, `notPermitted`.
    package static func checkMachine(allowsOthers: Bool) throws(SessionError) {
        let device = open("/dev/fuse", O_RDWR | O_CLOEXEC)
        guard device >= 0 else {
            let number = errno
            // libfuse opens it itself, also where fusermount3 makes the mount.
            throw SessionError(
                number == EACCES ? .notPermitted : .deviceMissing,
                "/dev/fuse",
                "cannot be opened: \(String(cString: strerror(number)))",
                remedy: number == EACCES
                    ? "Give it its usual mode (chmod 666 /dev/fuse), or mount as root"
                    : "Load the module (modprobe fuse); in a container: --device /dev/fuse --cap-add SYS_ADMIN"
            )
        }
        close(device)
        guard geteuid() != 0 else { return }
        guard helper != nil else {
            throw SessionError(
                .helperMissing,
                "fusermount3",
                "not found, and only root can mount without it",
                remedy: "Install the package fuse3"
            )
        }
        if allowsOthers, !Self.allowsOthers(configuration: textFile("/etc/fuse.conf") ?? "") {
            throw SessionError(
                .notPermitted,
                "/etc/fuse.conf",
                "does not let users give others access to their mounts",
                remedy: "Put the line user_allow_other into /etc/fuse.conf, or leave out --allow-other"
            )
        }
    }

    /// Checks the place, and says where it is: absolute, without symbolic links.
    ///
    /// - Throws: `mountPointMissing`, `mountPointNotADirectory`, `alreadyMounted`, `deadMount`, `notPermitted`, `refused`.
    package static func check(_ mountPoint: String) throws(SessionError) -> String {
        let table = MountTable.current()
        // Before anything touches the path: a mount whose process hangs would hang stat(2), too.
        try refuseMounted(absolute(mountPoint), table)
        let path = try resolved(mountPoint)
        try refuseMounted(path, table)
        var status = stat()
        guard stat(path, &status) == 0 else { throw unreachable(mountPoint, errno) }
        guard status.st_mode & 0o170000 == 0o040000 else {
            throw SessionError(
                .mountPointNotADirectory,
                path,
                "the mount point is not a directory",
                remedy: "Name an existing directory"
            )
        }
        // What fusermount3 will insist on.
        guard
            geteuid() == 0
                || access(path, W_OK) == 0 && (status.st_mode & 0o1000 == 0 || status.st_uid == getuid())
        else {
            throw SessionError(
                .notPermitted,
                path,
                "a user can only mount over a directory of their own that they can write to",
                remedy: "Mount on a directory of your own"
            )
        }
        return path
    }

    /// Whether a line of fuse.conf(5) says `user_allow_other`.
    static func allowsOthers(configuration: String) -> Bool {
        configuration.split(separator: "\n").contains { line in
            line.prefix { $0 != "#" }.filter { $0 != " " && $0 != "\t" } == "user_allow_other"
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
