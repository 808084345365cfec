internal import Glibc
internal import Synchronization

/// Keeps the readers of one mount from running away from its disk: what is warmed is to end there, and memory holds only
/// so much of what the disk has not taken yet.
///
/// Whoever asks the mount's process holds the lock, so that the others wait, too.
final class DiskPace: Sendable {
    /// What the mount still has to save, in bytes; `nil` when it does not say.
    private let ask: @Sendable () -> UInt64?
    /// Bytes read between two questions, and those that may be on their way to the disk.
    private let step: UInt64
    private let limit: UInt64
    private let patience: Duration
    private let state = Mutex(State())

    private struct State {
        var bytes: UInt64 = 0
        /// The disk takes nothing any more, or nobody answers: nothing is to wait for.
        var isOver = false
    }

    /// An eighth of the memory may wait; besides it there are the windows of the readers, up to half of it.
    convenience init(mountPoint: String, memory: UInt64) {
        self.init(memory: memory, patience: .seconds(60)) { WarmTarget.ask(mountPoint)?.diskCache?.waiting }
    }

    /// - Parameter patience: how long the disk may take nothing before it is given up.
    init(memory: UInt64, patience: Duration, ask: @escaping @Sendable () -> UInt64?) {
        self.ask = ask
        self.patience = patience
        step = max(memory / 16, 1 << 20)
        limit = memory / 8
    }

    /// So many bytes were read; returns when the next may be.
    func wait(afterReading count: UInt64, unless isInterrupted: () -> Bool) {
        state.withLock { state in
            state.bytes += count
            guard state.bytes >= step else { return }
            state.bytes = 0
            wait(downTo: limit, &state, unless: isInterrupted) { _ in }
        }
    }

    /// Waits until everything is on the disk; tells how much is not.
    func drain(unless isInterrupted: () -> Bool, _ tell: (UInt64) -> Void) {
        state.withLock { wait(downTo: 0, &$0, unless: isInterrupted, tell) }
    }

    private func wait(
        downTo limit: UInt64,
        _ state: inout State,
        unless isInterrupted: () -> Bool,
        _ tell: (UInt64) -> Void
    ) {
        var least = UInt64.max
        var deadline = ContinuousClock.now + patience
        while !state.isOver, !isInterrupted() {
            guard let waiting = ask() else { return state.isOver = true }
            guard waiting > limit else { return }
            tell(waiting)
            if waiting < least {
                least = waiting
                deadline = ContinuousClock.now + patience
            }
            state.isOver = ContinuousClock.now >= deadline
            usleep(10_000)
        }
    }
}
