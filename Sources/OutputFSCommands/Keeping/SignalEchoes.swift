/// Tells a signal that came twice, directly and by way of the keeper, from two.
struct SignalEchoes: Sendable {
    /// Both come within moments of each other.
    private static let window = Duration.seconds(1)

    private let keeper: Int32?
    private var last: (number: Int32, isFromKeeper: Bool, at: ContinuousClock.Instant)?

    init(keeper: Int32?) { self.keeper = keeper }

    mutating func isEcho(_ number: Int32, from sender: Int32, at now: ContinuousClock.Instant) -> Bool {
        guard let keeper else { return false }
        let isFromKeeper = sender == keeper
        if let last, last.number == number, last.isFromKeeper != isFromKeeper, last.at.duration(to: now) < Self.window {
            self.last = nil
            return true
        }
        last = (number, isFromKeeper, now)
        return false
    }
}
