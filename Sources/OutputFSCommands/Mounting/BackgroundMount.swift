internal import Glibc

/// A mount that outlives its command: this program once more with `--foreground`, in a session of its own.
///
/// Never fork(2): a child of a process in which Swift's concurrency ran exits silently. The child inherits standard
/// error and says there by itself why it could not mount; on the pipe it says only that it did. Secrets reach it as
/// they reached the parent, by files and environment.
enum BackgroundMount {
    /// Starts the child and returns once the mount answers. Fails with the child's own status, its words being said.
    static func start(_ arguments: [String]) throws(CommandFailure) {
        guard let pipe = Pipe() else { throw CommandFailure(.system, "no pipe: \(Errno())") }
        let childArguments =
            ["outputfs", "mount", "--foreground", "--ready-descriptor", "\(pipe.writeEnd)"] + arguments.dropFirst()
        let started = ChildProcess.start(
            "/proc/self/exe",
            childArguments,
            environment: System.environment,
            keeping: [pipe.writeEnd],
            startsSession: true
        )
        pipe.closeWriteEnd()
        switch started {
        case .failure(let error):
            throw CommandFailure(.system, "the mount's process cannot be started: \(error)")
        case .success(let child):
            guard pipe.readToEnd().isEmpty else { return }
            let status = child.wait()
            if let known = ExitStatus(rawValue: status), known != .success { System.exit(known) }
            throw CommandFailure(
                .system,
                "the mount's process ended with status \(status) before it had mounted",
                try: "outputfs mount --foreground --log-level debug …"
            )
        }
    }
}

/// The child's end of that pipe.
struct ReadySignal: Sendable {
    let descriptor: Int32

    /// Tells the parent that the mount answers, and leaves the terminal: from here on standard output and error are
    /// the log, and the working directory keeps nothing busy.
    func send(logDescriptor: Int32) {
        System.write([1], to: descriptor)
        close(descriptor)
        Self.leaveTerminal(logDescriptor: logDescriptor)
    }

    static func leaveTerminal(logDescriptor: Int32) {
        let null = open("/dev/null", O_RDWR)
        if null >= 0 {
            dup2(null, STDIN_FILENO)
            if null > 2 { close(null) }
        }
        dup2(logDescriptor, STDOUT_FILENO)
        dup2(logDescriptor, STDERR_FILENO)
        chdir("/")
    }
}
