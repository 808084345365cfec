/// When an answer that somebody waits for and that does not come is asked for a second time.
///
/// A connection can die without a word, and one server of many can hang: the stall timeout (20 s) is for the network as
/// a whole, not for one request of hundreds. Nobody is asked twice for long: a store that is sick as a whole must not
/// get twice the load.
struct HedgePolicy: Sendable, Hashable {
    /// Nothing is asked again earlier than this.
    var patienceMin: Duration = .seconds(1)

    /// Answers between two second requests, in the long run, and how many of those may come in a row.
    static let answersPerHedge = 20
    static let hedgesInRow = 4

    /// Of the last answers: how long until their first byte.
    private var latencies: [Duration] = []
    private var next = 0
    private var median: Duration = .zero
    /// In answers.
    private var credit = Self.hedgesInRow * Self.answersPerHedge

    private static let historyCount = 32

    init(patienceMin: Duration = .seconds(1)) { self.patienceMin = patienceMin }

    /// How long nothing may come before it is asked again: four times what is usual.
    var patience: Duration { max(patienceMin, median * 4) }

    /// How often to look.
    var interval: Duration { patienceMin / 4 }

    /// Notes a complete answer whose first byte took so long.
    mutating func noteAnswer(after latency: Duration) {
        credit = min(credit + 1, Self.hedgesInRow * Self.answersPerHedge)
        if latencies.count < Self.historyCount {
            latencies.append(latency)
        } else {
            latencies[next] = latency
            next = (next + 1) % Self.historyCount
        }
        // The median moves slowly: every eighth answer is often enough.
        if next % 8 == 0 { median = latencies.sorted()[latencies.count / 2] }
    }

    /// Whether one more second request is within bounds; it then counts.
    mutating func takeCredit() -> Bool {
        guard credit >= Self.answersPerHedge else { return false }
        credit -= Self.answersPerHedge
        return true
    }
}

/// What the loop knows of a transfer that may be asked for twice.
struct HedgeState {
    /// The second request for the same answer, while it is under way.
    var twin: Transfer?
    /// Of a second request: the first.
    var original: Transfer?
    /// `arrivedCount` when the loop last looked, and when it last found it changed.
    var seenCount = 0
    var changedAt: ContinuousClock.Instant?
}
