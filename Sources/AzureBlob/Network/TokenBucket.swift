/// So much a second, and a little at once: a pure value, whose time is told to it.
struct TokenBucket: Sendable, Hashable {
    let rate: Int
    /// What may have gathered while nobody took anything.
    let burst: Int
    /// Negative when more was taken than was there.
    private var level: Double
    private var filledAt: Duration

    /// - Parameters:
    ///   - rate: units a second, at least 1.
    ///   - now: of a clock that only goes forward.
    init(rate: Int, burst: Int, now: Duration) {
        self.rate = max(rate, 1)
        self.burst = max(burst, 1)
        level = Double(self.burst)
        filledAt = now
    }

    mutating func fill(now: Duration) {
        guard now > filledAt else { return }
        level = min(Double(burst), level + (now - filledAt) / .seconds(1) * Double(rate))
        filledAt = now
    }

    /// Whether something may be taken. What is taken then may be more than is there: who comes next waits for it.
    var isOpen: Bool { level > 0 }

    mutating func take(_ count: Int) { level -= Double(count) }

    /// How long until something may be taken, counted from the last `fill`.
    var delay: Duration {
        level > 0 ? .zero : .nanoseconds(Int64((1 - level) / Double(rate) * 1e9) + 1)
    }
}
