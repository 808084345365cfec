/// A lease on a blob or container: a pure value, told the time.
struct Lease: Sendable, Equatable {
    enum State: String, Sendable {
        case available, leased, expired, breaking, broken
    }

    /// What was last done; time turns `leased` into expired and `breaking` into broken.
    enum Phase: UInt8, Sendable {
        case available, leased, breaking, broken
    }

    var phase = Phase.available
    var id: String?
    /// Seconds; nil for an infinite lease.
    var duration: Int?
    /// When the lease expires, or when its breaking is over.
    var end: Timestamp?

    func state(at now: Timestamp) -> State {
        let isOver = end.map { $0 <= now } ?? false
        return switch phase {
        case .available: .available
        case .leased: isOver ? .expired : .leased
        case .breaking: isOver ? .broken : .breaking
        case .broken: .broken
        }
    }

    /// Whether writes need the lease's id.
    func isHeld(at now: Timestamp) -> Bool {
        let state = state(at: now)
        return state == .leased || state == .breaking
    }

    // MARK: The five lease calls

    mutating func acquire(_ proposed: String, duration: Int?, now: Timestamp) throws(Failure) {
        switch state(at: now) {
        case .leased where proposed != id: throw .code(.leaseAlreadyPresent)
        case .breaking:
            throw .code(proposed == id ? .leaseIsBreakingAndCannotBeAcquired : .leaseAlreadyPresent)
        case .leased, .available, .broken, .expired:
            self = Lease(
                phase: .leased,
                id: proposed,
                duration: duration,
                end: duration.map { now.adding(seconds: Int64($0)) }
            )
        }
    }

    mutating func renew(_ presented: String, now: Timestamp) throws(Failure) {
        let state = state(at: now)
        guard state != .available else { throw .code(.leaseNotPresentWithLeaseOperation) }
        guard presented == id else { throw .code(.leaseIdMismatchWithLeaseOperation) }
        // An expired lease that somebody wrote past is no longer here: see `noteWrite`.
        guard state == .leased || state == .expired else { throw .code(.leaseIsBrokenAndCannotBeRenewed) }
        end = duration.map { now.adding(seconds: Int64($0)) }
    }

    mutating func change(_ presented: String, to proposed: String, now: Timestamp) throws(Failure) {
        switch state(at: now) {
        case .available, .expired, .broken: throw .code(.leaseNotPresentWithLeaseOperation)
        case .breaking:
            throw .code(presented == id ? .leaseIsBreakingAndCannotBeChanged : .leaseIdMismatchWithLeaseOperation)
        case .leased:
            // A repeated change finds the new id in place, and is done.
            guard presented == id || proposed == id else { throw .code(.leaseIdMismatchWithLeaseOperation) }
            id = proposed
        }
    }

    mutating func release(_ presented: String, now: Timestamp) throws(Failure) {
        guard phase != .available else { throw .code(.leaseNotPresentWithLeaseOperation) }
        guard presented == id else { throw .code(.leaseIdMismatchWithLeaseOperation) }
        self = Lease()
    }

    /// Returns the seconds until the lease is broken: the `x-ms-lease-time` of the answer.
    mutating func breakLease(period: Int?, now: Timestamp) throws(Failure) -> Int {
        let remaining = end.map {
            max(0, Int(($0.ticks - now.ticks + Timestamp.ticksPerSecond - 1) / Timestamp.ticksPerSecond))
        }
        let wait: Int
        switch state(at: now) {
        case .available: throw .code(.leaseNotPresentWithLeaseOperation)
        case .broken, .expired: wait = 0
        case .leased: wait = min(period ?? remaining ?? 0, remaining ?? .max)
        case .breaking: wait = min(period ?? .max, remaining ?? 0)
        }
        phase = wait == 0 ? .broken : .breaking
        end = wait == 0 ? nil : now.adding(seconds: Int64(wait))
        return wait
    }

    // MARK: Other calls

    /// Whether a write that presents this id, or none, may go on.
    func checkWrite(_ presented: String?, now: Timestamp, on subject: LeaseSubject) throws(Failure) {
        guard isHeld(at: now) else {
            guard let presented else { return }
            throw .code(phase != .available && presented == id ? .leaseLost : subject.notPresent)
        }
        guard let presented else { throw .code(.leaseIdMissing) }
        guard presented == id else { throw .code(subject.mismatch) }
    }

    /// Reads need no id, but one that is presented must be right.
    func checkRead(_ presented: String?, now: Timestamp, on subject: LeaseSubject) throws(Failure) {
        if let presented { try checkWrite(presented, now: now, on: subject) }
    }

    /// A write ends what is left of an expired or broken lease: it cannot be renewed any more.
    func afterWrite(at now: Timestamp) -> Lease {
        isHeld(at: now) ? self : Lease()
    }
}

/// What a lease is on: the codes differ.
enum LeaseSubject {
    case blob, container

    var notPresent: ErrorCode {
        self == .blob ? .leaseNotPresentWithBlobOperation : .leaseNotPresentWithContainerOperation
    }

    var mismatch: ErrorCode {
        self == .blob ? .leaseIdMismatchWithBlobOperation : .leaseIdMismatchWithContainerOperation
    }
}
