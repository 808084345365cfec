internal import BlobStorage

/// One failed attempt, as far as the call that made it is concerned.
struct AttemptFailure: Error, Sendable {
    var error: StorageError
    /// Whether the service may have done what was asked: the request went out, and no answer said otherwise.
    var isUnclear = false
    /// The server's clock, if it answered.
    var serverDate: Int64?
}

/// A call on its way through its attempts: decides what follows each failure. Holds no clock of its own.
struct CallProgress: Sendable {
    let policy: RetryPolicy
    /// When the call began, or last got further.
    private(set) var start: Duration
    /// In a row.
    private(set) var failures = 0
    /// Whether an earlier attempt may have been carried out.
    private(set) var isUnclear = false
    private var hasLearnedClock = false
    private var hasRefusedToken = false

    init(_ policy: RetryPolicy, now: Duration) {
        self.policy = policy
        start = now
    }

    enum Next: Sendable {
        case wait(Duration)
        /// With another date, at once.
        case correctClock(Int64)
        /// With another token, at once.
        case renewToken
        case fail(StorageError)
    }

    /// Bytes arrived that will not be asked for again: the deadline counts from now.
    mutating func progressed(now: Duration) {
        start = now
        failures = 0
    }

    mutating func noteSent(times count: Int) {
        // libcurl repeated the request over a new connection: the first one's fate is unknown.
        if count > 1 { isUnclear = true }
    }

    mutating func failed(_ failure: AttemptFailure, now: Duration, random: Double, usesToken: Bool) -> Next {
        let error = failure.error
        if failure.isUnclear { isUnclear = true }
        if error.kind == .unauthenticated {
            // Without a status it is the identity service that refused: it was asked a moment ago.
            if usesToken, error.status != nil, !hasRefusedToken {
                hasRefusedToken = true
                return .renewToken
            }
            if error.code == "AuthenticationFailed", let date = failure.serverDate, !hasLearnedClock {
                hasLearnedClock = true
                return .correctClock(date)
            }
        }
        failures += 1
        if let delay = policy.delay(after: error, failures: failures, elapsed: now - start, random: random) {
            return .wait(delay)
        }
        var last = error
        if last.persistence == .temporary { last.persistence = .persistent }
        return .fail(last)
    }
}
