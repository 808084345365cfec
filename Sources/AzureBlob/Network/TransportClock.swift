internal import Glibc

/// The transport's time; tests bring their own.
struct TransportClock: Sendable {
    /// Stands still while the machine sleeps, as libcurl's own clock does.
    var now: @Sendable () -> Duration
    /// How long the machine has slept since it was started.
    var asleep: @Sendable () -> Duration

    static let system = TransportClock(
        now: { read(CLOCK_MONOTONIC) },
        asleep: { read(CLOCK_BOOTTIME) - read(CLOCK_MONOTONIC) }
    )

    private static func read(_ clock: clockid_t) -> Duration {
        var time = timespec()
        clock_gettime(clock, &time)
        return .seconds(Int64(time.tv_sec)) + .nanoseconds(Int64(time.tv_nsec))
    }
}
