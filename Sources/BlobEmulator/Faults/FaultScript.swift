internal import Glibc
internal import Synchronization

/// The faults that are in force. Every rule sees every request; the effects of all that hit are combined.
package final class FaultScript: Sendable {
    fileprivate struct Entry {
        let rule: FaultRule
        var seen = 0
        /// Of a throttle: what is left of the current second's allowance.
        var allowance: Double
        var refilled: Timestamp
    }

    private let entries = Mutex<[Entry]>([])
    /// Goes up when rules are taken back: who waits for that goes on.
    private let replacements = Atomic(0)
    private let held = Atomic(0)

    init() {}

    package func add(_ rule: FaultRule) {
        let entry = Self.entry(rule)
        entries.withLock { $0.append(entry) }
    }

    package func replace(with rules: [FaultRule]) {
        let fresh = rules.map(Self.entry)
        entries.withLock { $0 = fresh }
        replacements.add(1, ordering: .sequentiallyConsistent)
    }

    package func clear() {
        entries.withLock { $0 = [] }
        replacements.add(1, ordering: .sequentiallyConsistent)
    }

    /// Requests that wait for the rules to be replaced.
    var heldCount: Int { held.load(ordering: .sequentiallyConsistent) }

    /// Waits until the rules under which the plan was made are replaced.
    func hold(_ plan: FaultPlan) {
        guard let replacement = plan.heldAt else { return }
        held.add(1, ordering: .sequentiallyConsistent)
        while replacements.load(ordering: .sequentiallyConsistent) == replacement { usleep(10_000) }
        held.subtract(1, ordering: .sequentiallyConsistent)
    }

    private static func entry(_ rule: FaultRule) -> Entry {
        Entry(rule: rule, allowance: 1, refilled: .systemNow())
    }

    /// What happens to a request, of which every matching rule takes note.
    func plan(operation: String, blob: Name?) -> FaultPlan {
        let replacement = replacements.load(ordering: .sequentiallyConsistent)
        return entries.withLock { entries in
            var plan = FaultPlan()
            guard !entries.isEmpty else { return plan }
            for index in entries.indices where entries[index].rule.matches(operation: operation, blob: blob) {
                let rule = entries[index].rule
                entries[index].seen += 1
                let ordinal = entries[index].seen - rule.skip
                guard ordinal > 0, rule.times.map({ ordinal <= $0 }) ?? true else { continue }
                if case .throttle(let rate, let retryAfter) = rule.effect {
                    guard !entries[index].allows(rate: rate) else { continue }
                    plan.add(.status(503, code: "ServerBusy", retryAfter: retryAfter))
                } else if case .hold = rule.effect {
                    plan.heldAt = replacement
                } else {
                    plan.add(rule.effect)
                }
            }
            return plan
        }
    }
}

extension FaultScript.Entry {
    /// Takes one request out of the allowance; a tenth of a second's worth may gather.
    fileprivate mutating func allows(rate: Int) -> Bool {
        let now = Timestamp.systemNow()
        let elapsed = Double(max(0, now.ticks - refilled.ticks)) / Double(Timestamp.ticksPerSecond)
        allowance = min(max(1, Double(rate) / 10), allowance + elapsed * Double(rate))
        refilled = now
        guard allowance >= 1 else { return false }
        allowance -= 1
        return true
    }
}

/// The combined faults of one request.
struct FaultPlan: Sendable {
    struct Refusal: Sendable {
        var status: Int
        var code: String
        var retryAfter: Int?
        var isApplied: Bool
    }

    struct Stall: Sendable {
        var part: FaultEffect.StalledPart
        var afterBytes: Int
        var milliseconds: Int
    }

    var delay = 0
    /// Until rules are replaced for the next time after so many.
    var heldAt: Int?
    var bytesPerSecond: Int?
    var refusal: Refusal?
    var reset: FaultEffect.ResetPoint?
    var cutAfter: Int?
    var stall: Stall?
    var corruptedByte: Int?
    var corruptedRequestByte: Int?
    var hasWrongChecksum = false
    var missingChecksum: FaultEffect.Checksum?
    var pageLimit: Int?
    var copyDelay: Int?
    var rehydrationDelay: Int?
    var deletionSeconds: Int?

    /// Whether the answer has to go out piece by piece.
    var disturbsSending: Bool {
        if case .afterBodyBytes = reset { return true }
        return bytesPerSecond != nil || cutAfter != nil || stall != nil || corruptedByte != nil
    }

    mutating func add(_ effect: FaultEffect) {
        switch effect {
        case .delay(let milliseconds): delay += milliseconds
        case .bodyRate(let rate): bytesPerSecond = min(bytesPerSecond ?? .max, max(rate, 1))
        case .status(let status, let code, let retryAfter, let isApplied):
            refusal = Refusal(status: status, code: code, retryAfter: retryAfter, isApplied: isApplied)
        case .reset(let point): reset = point
        case .cut(let bytes): cutAfter = bytes
        case .stall(let part, let bytes, let milliseconds):
            stall = Stall(part: part, afterBytes: bytes, milliseconds: milliseconds)
        case .corrupt(let byte): corruptedByte = byte
        case .corruptRequest(let byte): corruptedRequestByte = byte
        case .wrongChecksum: hasWrongChecksum = true
        case .withoutRangeChecksum(let checksum): missingChecksum = checksum
        case .shortPages(let entries): pageLimit = entries
        case .throttle, .hold: break
        case .pendingCopy(let milliseconds): copyDelay = milliseconds
        case .pendingRehydration(let milliseconds): rehydrationDelay = milliseconds
        case .containerBeingDeleted(let seconds): deletionSeconds = seconds
        }
    }
}
