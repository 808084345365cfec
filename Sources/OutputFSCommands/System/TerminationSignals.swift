internal import FuseBinding
internal import Glibc
internal import Synchronization

/// SIGTERM, SIGINT and SIGHUP as events of one thread.
///
/// Blocked in the main thread before any other exists, so that all inherit the mask and none is ever interrupted;
/// one thread takes them with sigwait(3). SIGPIPE is ignored: a peer that went away is an errno, not the end.
enum TerminationSignals {
    private static var set: sigset_t {
        var set = sigset_t()
        sigemptyset(&set)
        for number in [SIGTERM, SIGINT, SIGHUP] { sigaddset(&set, number) }
        return set
    }

    /// To be called first thing in a command that serves.
    static func block() {
        var set = set
        pthread_sigmask(SIG_BLOCK, &set, nil)
        ignorePipe()
    }

    /// To be called first thing in a command that sends something and is ended by signals as others are.
    static func ignorePipe() { signal(SIGPIPE, SIG_IGN) }

    /// Waits for one of them and says which, and which process sent it.
    static func wait() -> (number: Int32, sender: Int32) {
        var set = set
        while true {
            var info = siginfo_t()
            let number = sigwaitinfo(&set, &info)
            if number > 0 { return (number, info._sifields._kill.si_pid) }
        }
    }

    /// Calls `handler` on a thread of its own for each signal that comes, counted from 1.
    ///
    /// - Parameter keeper: the process that passes on what it gets. A service manager sends to both, which is once.
    static func watch(keeper: Int32? = nil, _ handler: @escaping @Sendable (_ number: Int32, _ count: Int) -> Void) {
        PlainThread.start(named: "signals") {
            var count = 0
            var echoes = SignalEchoes(keeper: keeper)
            while true {
                let (number, sender) = wait()
                guard !echoes.isEcho(number, from: sender, at: .now) else { continue }
                count += 1
                handler(number, count)
            }
        }
    }

    static func name(_ number: Int32) -> String {
        switch number {
        case SIGTERM: "SIGTERM"
        case SIGINT: "SIGINT"
        case SIGHUP: "SIGHUP"
        default: "signal \(number)"
        }
    }
}
