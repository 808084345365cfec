package import FileSystemModel
import Glibc

/// The two clocks of a tree, as parameters so that tests can turn them.
package struct TreeClock: Sendable {
    /// What a program sees as a file's time.
    package var wall: @Sendable () -> Timestamp
    /// What validities are measured with: never goes back.
    package var monotonic: @Sendable () -> Duration

    package init(wall: @escaping @Sendable () -> Timestamp, monotonic: @escaping @Sendable () -> Duration) {
        self.wall = wall
        self.monotonic = monotonic
    }

    package static let system = TreeClock(
        wall: {
            let now = read(CLOCK_REALTIME)
            return Timestamp(seconds: Int64(now.tv_sec), nanoseconds: Int32(now.tv_nsec))
        },
        monotonic: {
            let now = read(CLOCK_MONOTONIC)
            return .seconds(now.tv_sec) + .nanoseconds(now.tv_nsec)
        }
    )

    private static func read(_ clock: clockid_t) -> timespec {
        var now = timespec()
        clock_gettime(clock, &now)
        return now
    }
}
