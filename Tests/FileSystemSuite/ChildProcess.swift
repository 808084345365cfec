internal import Glibc
package import SystemPackage

/// A program beside this one, by posix_spawn(3): Foundation's `Process` wants a run loop to wait in.
package final class ChildProcess: Sendable {
    package let id: Int32

    /// `environment`: `NAME=value` entries, all that the child gets. Its output goes to `output`, else to /dev/null.
    package init(
        _ arguments: [String],
        environment: [String] = ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"],
        output: String = "/dev/null"
    ) throws(Errno) {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
        // A shell that runs the tests in its background ignores SIGINT, and that is inherited.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var (defaults, unblocked) = (sigset_t(), sigset_t())
        sigfillset(&defaults)
        sigemptyset(&unblocked)
        posix_spawnattr_setsigdefault(&attributes, &defaults)
        posix_spawnattr_setsigmask(&attributes, &unblocked)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK))
        var argv = arguments.map { strdup($0) } + [nil]
        var envp = environment.map { strdup($0) } + [nil]
        defer { for pointer in argv + envp { free(pointer) } }
        var id: pid_t = 0
        let result = posix_spawn(&id, arguments[0], &actions, &attributes, &argv, &envp)
        guard result == 0 else { throw Errno(rawValue: result) }
        self.id = id
    }

    package func send(_ signal: Int32) { kill(id, signal) }

    /// Blocks until it has ended: its exit code, or, negative, the signal that ended it.
    @discardableResult
    package func wait() -> Int32 {
        var status: Int32 = 0
        while waitpid(id, &status, 0) < 0, errno == EINTR {}
        let signal = status & 0x7F
        return signal == 0 ? status >> 8 & 0xFF : -signal
    }
}
