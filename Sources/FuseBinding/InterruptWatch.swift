import Synchronization

/// Decides about interrupted requests, and is the only thread that calls their handlers.
///
/// libfuse reports FUSE_INTERRUPT with the request's own lock held, on a thread that should be reading requests;
/// there it is only noted (`InFlightTable.markInterrupted`). The kernel sends it once per request, for the first
/// signal of whatever kind; a SIGKILL after a SIGPROF is never told. So this thread looks again while such a request
/// is unanswered.
final class InterruptWatch: Sendable {
    /// How long a process that is being killed may have to wait after its call met a harmless signal first.
    private static let interval: Int32 = 50  // milliseconds; one look costs about 15 µs

    private let wakeUp: WakeUp
    private let isStopping = Atomic(false)

    init() throws(SessionError) { wakeUp = try WakeUp() }

    /// There may be something to decide.
    func ring() { wakeUp.ring() }

    func stop() {
        isStopping.store(true, ordering: .releasing)
        wakeUp.ring()
    }

    /// The thread's body; returns after `stop`.
    func run(_ inFlight: InFlightTable, gaveUp: (Int32) -> Bool = callerGaveUp) {
        while !isStopping.load(ordering: .acquiring) {
            let interrupted = inFlight.interrupted()
            for (token, caller) in interrupted where gaveUp(caller) { inFlight.takeHandler(token)?() }
            wakeUp.wait(milliseconds: interrupted.isEmpty ? nil : Self.interval)
        }
    }
}
