import FileSystemModel
import Synchronization

/// Sends logs while they grow, each an interval after its first unsent byte: one timer for all of them, and none while
/// nothing is written.
final class LogSchedule: Sendable {
    /// Logs on their way at a time. More of them wait in line; their requests share connections anyway.
    static let flushCountMax = 32

    /// Who waits here is not kept alive by it: what is unsent is kept elsewhere, and the rest has nothing to send.
    struct Waiting: Sendable { weak let node: FileNode? }

    fileprivate struct State {
        var queue: FlushQueue<Waiting>
        var isTimerRunning = false
        var isEnded = false
    }

    private let clock: TreeClock
    private let state: Mutex<State>

    init(interval: Duration, clock: TreeClock) {
        self.clock = clock
        state = Mutex(State(queue: FlushQueue(countMax: Self.flushCountMax, interval: interval)))
    }

    /// `flush` is called with it when it is due.
    func add(_ node: FileNode, _ flush: @escaping @Sendable (FileNode) async -> Void) {
        let now = clock.monotonic()
        let mustStart = state.withLock { state in
            state.queue.add(Waiting(node: node), at: now)
            return state.startTimer()
        }
        if mustStart { Task { await run(flush) } }
    }

    func end() { state.withLock { $0.isEnded = true } }

    private func run(_ flush: @escaping @Sendable (FileNode) async -> Void) async {
        while true {
            let now = clock.monotonic()
            let next = state.withLock { state -> FlushQueue<Waiting>.Next in
                let next = state.isEnded ? .nothing : state.queue.next(at: now)
                if case .nothing = next { state.isTimerRunning = false }
                return next
            }
            switch next {
            case .nothing: return
            case .sleep(let duration): try? await Task.sleep(for: duration)
            case .flush(let waiting):
                Task {
                    if let node = waiting.node { await flush(node) }
                    let mustStart = state.withLock { state in
                        state.queue.ended()
                        return state.startTimer()
                    }
                    if mustStart { await run(flush) }
                }
            }
        }
    }
}

extension LogSchedule.State {
    fileprivate mutating func startTimer() -> Bool {
        guard !isTimerRunning, !isEnded else { return false }
        isTimerRunning = true
        return true
    }
}
