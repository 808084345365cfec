import Synchronization

/// The time by which an emulator lives: the system's, moved by an offset that tests set.
package final class EmulatorClock: Sendable {
    private let offset = Atomic<Int64>(0)

    package init() {}

    /// Moves the clock, forward or back; leases and tokens expire accordingly.
    package func advance(bySeconds seconds: Int) {
        offset.add(Int64(seconds), ordering: .relaxed)
    }

    func now() -> Timestamp {
        Timestamp.systemNow().adding(seconds: offset.load(ordering: .relaxed))
    }
}
