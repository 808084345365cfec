internal import CLinux
internal import Glibc

/// Takes a mount away, from within its process or from outside: by system call where we may, else by fusermount3.
package enum Unmounting {
    /// MNT_DETACH and UMOUNT_NOFOLLOW of <sys/mount.h>.
    private static let detach: Int32 = 2
    private static let noFollow: Int32 = 8

    /// Nothing happens where nothing is mounted any more. `mountPoint` is absolute and not followed if it is a link.
    ///
    /// - Throws: `busy` unless `lazily`; `refused`, `helperMissing`, `resources`.
    package static func unmount(_ mountPoint: String, lazily: Bool) throws(SessionError) {
        if umount2(mountPoint, noFollow | (lazily ? detach : 0)) == 0 { return }
        let reason = errno
        switch reason {
        case EPERM:
            try callHelper(mountPoint, lazily: lazily)
        case EINVAL, ENOENT:
            return  // not mounted any more
        default:
            throw failure(mountPoint, reason)
        }
    }

    private static func failure(_ mountPoint: String, _ reason: Int32) -> SessionError {
        guard reason == EBUSY else { return SessionError(.refused, mountPoint, String(cString: strerror(reason))) }
        return SessionError(
            .busy,
            mountPoint,
            "busy: a process has a file open or its working directory there",
            remedy: "See who: fuser -vm \(mountPoint)"
        )
    }

    private static func callHelper(_ mountPoint: String, lazily: Bool) throws(SessionError) {
        guard let helper = MountPreflight.helper else {
            throw SessionError(
                .helperMissing,
                "fusermount3",
                "not found, and only root can unmount without it",
                remedy: "Install the package fuse3"
            )
        }
        let arguments = [helper, lazily ? "-uz" : "-u", "--", mountPoint]
        let (status, output) = try ChildProcess.run(helper, arguments)
        guard status != 0 else { return }
        // It passes umount's errno on in words only, in the C locale.
        if output.contains("busy") { throw failure(mountPoint, EBUSY) }
        throw SessionError(.refused, mountPoint, output.isEmpty ? "fusermount3 ended with status \(status)" : output)
    }
}

/// A short-lived helper program.
private enum ChildProcess {
    /// Runs it to its end; its exit status and what it wrote to stderr (4 KiB at most).
    static func run(_ path: String, _ arguments: [String]) throws(SessionError) -> (status: Int32, errors: String) {
        var ends: [Int32] = [-1, -1]
        // In one step: another thread may start a program in between, which would keep an end open.
        guard pipe2(&ends, O_CLOEXEC) == 0 else {
            throw SessionError(.resources, path, String(cString: strerror(errno)))
        }
        let (reading, writing) = (ends[0], ends[1])
        defer { close(reading) }
        let spawned = Result { () throws(SessionError) in try spawn(path, arguments, errors: writing) }
        // Ours must be closed for the helper's end to be the last one.
        close(writing)
        let child = try spawned.get()
        let output = withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 1) { buffer -> String in
            var used = 0
            while used < buffer.count {
                let count = read(reading, buffer.baseAddress?.advanced(by: used), buffer.count - used)
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { break }
                used += count
            }
            return String(decoding: buffer[..<used].filter { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
        }
        var status: Int32 = 0
        while waitpid(child, &status, 0) < 0 && errno == EINTR {}
        return (status == 0 ? 0 : max(1, (status >> 8) & 0xff), output)
    }

    private static func spawn(_ path: String, _ arguments: [String], errors: Int32) throws(SessionError) -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, errors, 2)
        let argv = arguments.map { (word: String) in strdup(word) } + [nil]
        let environment =
            ["LC_ALL=C", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"].map { (word: String) in strdup(word) } + [nil]
        defer { for word in argv + environment { free(word) } }
        var child = pid_t()
        let status = posix_spawn(&child, path, &actions, nil, argv, environment)
        guard status == 0 else { throw SessionError(.resources, path, String(cString: strerror(status))) }
        return child
    }
}
