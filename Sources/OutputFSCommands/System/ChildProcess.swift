internal import CLinux
internal import Glibc

/// A program that was started, until it is waited for.
struct ChildProcess: Sendable {
    let processID: Int32

    /// Where a child's standard streams go; `nil` leaves them where ours go.
    struct Streams: Sendable {
        var input: Int32?
        var output: Int32?
        var error: Int32?
    }

    /// posix_spawn(3), which unlike fork(2) is safe once threads run. Signals are unblocked and at their defaults.
    ///
    /// - Parameters:
    ///   - arguments: with the program's name in front.
    ///   - kept: descriptors that the child inherits under the same numbers, though they are close-on-exec here.
    ///   - directory: where the child begins, if it is there.
    ///   - startsSession: the child gets a session of its own (setsid), away from this terminal.
    static func start(
        _ path: String,
        _ arguments: [String],
        environment: [String: String],
        streams: Streams = Streams(),
        keeping kept: [Int32] = [],
        directory: String? = nil,
        startsSession: Bool = false
    ) -> Result<ChildProcess, Errno> {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for (target, source) in [(STDIN_FILENO, streams.input), (1, streams.output), (2, streams.error)] {
            if let source { posix_spawn_file_actions_adddup2(&actions, source, target) }
        }
        // Onto itself: POSIX has this clear close-on-exec in the child only.
        for descriptor in kept { posix_spawn_file_actions_adddup2(&actions, descriptor, descriptor) }
        if let directory, access(directory, X_OK) == 0 { clinux_spawn_chdir(&actions, directory) }

        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        var defaults = sigset_t()
        sigemptyset(&none)
        sigemptyset(&defaults)
        for number in [SIGPIPE, SIGINT, SIGTERM, SIGHUP] { sigaddset(&defaults, number) }
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &defaults)
        var flags = Int16(POSIX_SPAWN_SETSIGMASK) | Int16(POSIX_SPAWN_SETSIGDEF)
        if startsSession { flags |= 0x80 }  // POSIX_SPAWN_SETSID: behind _GNU_SOURCE in <spawn.h>.
        posix_spawnattr_setflags(&attributes, flags)

        var argumentPointers = arguments.map { strdup($0) } + [nil]
        var environmentPointers = environment.map { strdup("\($0)=\($1)") } + [nil]
        defer { for pointer in argumentPointers + environmentPointers { free(pointer) } }
        var processID: pid_t = 0
        let status = posix_spawnp(
            &processID,
            path,
            &actions,
            &attributes,
            &argumentPointers,
            &environmentPointers
        )
        return status == 0 ? .success(ChildProcess(processID: processID)) : .failure(Errno(status))
    }

    /// Waits for the end: the exit status, or 128 + the signal's number, as the shell counts.
    func wait() -> Int32 {
        var status: Int32 = 0
        while waitpid(processID, &status, 0) < 0 {
            if errno != EINTR { return 127 }
        }
        let signal = status & 0x7F
        return signal == 0 ? (status >> 8) & 0xFF : 128 + signal
    }

    /// Waits for the end and leaves the process to be waited for: until then its id is nobody else's.
    func waitWithoutReaping() {
        var information = siginfo_t()
        while waitid(P_PID, id_t(processID), &information, WEXITED | WNOWAIT) < 0, errno == EINTR {}
    }

    func signal(_ number: Int32) { kill(processID, number) }
}

extension ChildProcess {
    /// Runs a program to its end and gives its exit status and what it wrote to both streams.
    static func run(
        _ path: String,
        _ arguments: [String],
        environment: [String: String] = System.environment
    ) -> Result<(status: Int32, output: String), Errno> {
        guard let pipe = Pipe() else { return .failure(Errno()) }
        let null = open("/dev/null", O_RDONLY | O_CLOEXEC)
        defer { if null >= 0 { close(null) } }
        let started = start(
            path,
            [path] + arguments,
            environment: environment,
            streams: Streams(input: null, output: pipe.writeEnd, error: pipe.writeEnd)
        )
        pipe.closeWriteEnd()
        switch started {
        case .failure(let error): return .failure(error)
        case .success(let child):
            let output = pipe.readToEnd()
            return .success((child.wait(), String(decoding: output, as: UTF8.self)))
        }
    }
}

/// Both ends of a pipe(2), close-on-exec.
final class Pipe {
    let readEnd: Int32
    let writeEnd: Int32
    private var isWriteEndOpen = true

    init?() {
        var ends: [Int32] = [-1, -1]
        // In one step: another thread may start a program in between, which would keep an end open.
        guard pipe2(&ends, O_CLOEXEC) == 0 else { return nil }
        (readEnd, writeEnd) = (ends[0], ends[1])
    }

    deinit {
        close(readEnd)
        closeWriteEnd()
    }

    func closeWriteEnd() {
        guard isWriteEndOpen else { return }
        isWriteEndOpen = false
        close(writeEnd)
    }

    func readToEnd() -> [UInt8] {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = read(readEnd, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return bytes }
            bytes += chunk[..<count]
        }
    }
}
