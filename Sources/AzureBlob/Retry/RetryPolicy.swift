internal import BlobStorage

/// When to try again: exponential back-off with full jitter, within one deadline for the whole call.
///
/// | failures so far | wait up to, network | wait up to, throttled |
/// |---|---|---|
/// | 1 | 0.2 s | 1 s |
/// | 2 | 0.4 s | 2 s |
/// | 3 | 0.8 s | 4 s |
/// | 5 | 3.2 s | 16 s |
/// | 8 and more | 20 s | 20 s |
struct RetryPolicy: Sendable, Hashable {
    /// Counted from the call's start, or from its last progress.
    var deadline: Duration

    private static let delayMax = Duration.seconds(20)
    /// Wrong or torn answers and refused checksums: if three in a row are bad, the fourth will be.
    private static let corruptionsMax = 3

    /// The longest wait after so many failures in a row.
    static func ceiling(afterFailures failures: Int, kind: StorageError.Kind) -> Duration {
        let base: Duration =
            switch kind {
            case .throttled: .seconds(1)
            // The name is free after 30 s at the earliest.
            case .containerBeingDeleted: .seconds(4)
            default: .milliseconds(200)
            }
        return min(delayMax, base * (1 << min(max(failures, 1) - 1, 10)))
    }

    /// How long to wait before the next attempt; `nil` to give up.
    ///
    /// - Parameters:
    ///   - failures: in a row, this one included.
    ///   - elapsed: since the start or the last progress.
    ///   - random: from 0 up to 1.
    func delay(
        after error: StorageError,
        failures: Int,
        elapsed: Duration,
        random: Double
    ) -> Duration? {
        guard error.persistence == .temporary, elapsed < deadline else { return nil }
        if error.kind == .corrupted, failures >= Self.corruptionsMax { return nil }
        let jittered = Self.ceiling(afterFailures: failures, kind: error.kind) * random
        // Earlier than the service asked is of no use, so a wish past the deadline ends the call.
        if let asked = error.retryAfter {
            return elapsed + asked < deadline ? max(asked, jittered) : nil
        }
        return min(jittered, deadline - elapsed)
    }

    /// The time that one attempt may take: what is left of the deadline, at least a few seconds, and longer for bodies,
    /// counted with 64 KiB/s: a link that is slower than that for one connection is as good as down.
    func attemptTotal(elapsed: Duration, byteCount: Int) -> Duration {
        max(deadline - elapsed, .seconds(5)) + .milliseconds(byteCount / 64)
    }
}

/// Where time and chance come from; tests bring their own.
package struct Surroundings: Sendable {
    /// Seconds since the epoch, for `x-ms-date`.
    package var wallClock: @Sendable () -> Int64
    /// Time that only goes forward, from an arbitrary start.
    package var uptime: @Sendable () -> Duration
    package var sleep: @Sendable (Duration) async throws -> Void
    /// From 0 up to 1.
    package var random: @Sendable () -> Double

    package init(
        wallClock: @escaping @Sendable () -> Int64,
        uptime: @escaping @Sendable () -> Duration,
        sleep: @escaping @Sendable (Duration) async throws -> Void,
        random: @escaping @Sendable () -> Double
    ) {
        self.wallClock = wallClock
        self.uptime = uptime
        self.sleep = sleep
        self.random = random
    }
}
