internal import FuseBinding
internal import Glibc
internal import Synchronization

/// A command that runs as if it had been started without us: same streams, same signals, same exit status.
///
/// Signals are blocked in this process and taken by one thread, which passes them on. Those that a terminal sends go to
/// the whole process group, so the command has them already.
final class WatchedCommand: Sendable {
    private enum Phase {
        case waiting
        case running(ChildProcess)
        case over(signals: Int)
    }

    private let phase = Mutex(Phase.waiting)
    private static let passedOn = [SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2]

    private static var set: sigset_t {
        var set = sigset_t()
        sigemptyset(&set)
        for number in passedOn { sigaddset(&set, number) }
        return set
    }

    /// To be called first thing: threads that are made later inherit what is blocked.
    static func blockSignals() {
        var set = set
        pthread_sigmask(SIG_BLOCK, &set, nil)
        TerminationSignals.ignorePipe()
    }

    /// - Parameter giveUp: called when, the command being over, two signals have come: uploads go on after the first, since
    ///   whoever ends a task with one wants its outputs.
    init(giveUp: @escaping @Sendable (_ number: Int32) -> Void) {
        PlainThread.start(named: "signals") { [self] in
            while true {
                var (set, info) = (Self.set, siginfo_t())
                let number = sigwaitinfo(&set, &info)
                guard number > 0 else { continue }
                // Above 0: the kernel's own, for a key of the terminal.
                let isFromTerminal = info.si_code > 0
                let isTooMuch = phase.withLock { phase in
                    switch phase {
                    case .waiting: return false
                    case .running(let child):
                        if !isFromTerminal { child.signal(number) }
                        return false
                    case .over(let signals):
                        phase = .over(signals: signals + 1)
                        return signals + 1 >= 2
                    }
                }
                if isTooMuch { giveUp(number) }
            }
        }
    }

    /// Runs it to its end. The status counts as a shell counts: 128 and the signal that ended it, 127 where there is no
    /// such program, 126 where it cannot be run; then the words are on stderr.
    func run(_ command: [String], environment: [String: String], streams: ChildProcess.Streams) -> Int32 {
        // The lock is held while it starts, so that no signal is lost in between.
        let started = phase.withLock { phase in
            let started = ChildProcess.start(command[0], command, environment: environment, streams: streams)
            if case .success(let child) = started { phase = .running(child) }
            return started
        }
        switch started {
        case .success(let child):
            child.waitWithoutReaping()
            phase.withLock { $0 = .over(signals: 0) }
            return child.wait()
        case .failure(let error):
            phase.withLock { $0 = .over(signals: 0) }
            Terminal.error("outputfs: \(command[0]): \(error)")
            return error.code == ENOENT ? 127 : 126
        }
    }
}
