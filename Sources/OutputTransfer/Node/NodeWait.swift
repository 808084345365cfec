/// Decides what one of several processes on a machine does next, when one of them is to work and the others are to wait.
///
/// Only what happens after its arrival counts: what an earlier run left says nothing about this one.
struct NodeWait: Sendable, Hashable {
    enum Step: Sendable, Hashable {
        case wait
        /// Take the lock and work; if somebody else is faster, ask again.
        case lead
        case follow(NodeOutcome)
    }

    let leads: Bool
    /// The outcome that was there at the arrival.
    let seen: String?
    /// Somebody held the lock since then: when it is free and tells nothing, that process died.
    private(set) var hasSeenLeader = false

    /// How long the others wait for a leader to appear: launchers start their processes within seconds, but a leader may
    /// have imports to do first. Without an end, one rank too many in the environment would hang for ever.
    static let patience = Duration.seconds(60)

    init(leads: Bool, seen: String?) {
        self.leads = leads
        self.seen = seen
    }

    /// - Parameters:
    ///   - outcome: what is there now.
    ///   - isLocked: somebody else works.
    ///   - waited: since the arrival.
    mutating func next(outcome: NodeOutcome?, isLocked: Bool, waited: Duration) -> Step {
        if let outcome, outcome.id != seen { return .follow(outcome) }
        if isLocked {
            hasSeenLeader = true
            return .wait
        }
        return leads || hasSeenLeader || waited >= Self.patience ? .lead : .wait
    }
}
