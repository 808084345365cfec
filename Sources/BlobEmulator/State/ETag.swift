internal import Synchronization

/// A version of a blob or container: the time it was made, pushed on where two would meet. Opaque to clients.
struct ETag: Hashable, Sendable {
    let ticks: Int64

    /// 100 ns units between the year 1 and 1970: the service prints .NET ticks.
    private static let epoch: Int64 = 621_355_968_000_000_000

    /// As in the lists: without quotes.
    var bare: String {
        "0x" + String(ticks + Self.epoch, radix: 16, uppercase: true)
    }

    /// As in headers.
    var quoted: String {
        "\"" + bare + "\""
    }
}

/// Hands out ETags and snapshot times: never the same twice, even when the clock stands or goes back.
final class ETagSource: Sendable {
    private let last: Atomic<Int64>

    init(after last: Int64 = 0) {
        self.last = Atomic(last)
    }

    func next(at now: Timestamp) -> ETag {
        var previous = last.load(ordering: .relaxed)
        while true {
            let candidate = max(previous + 1, now.ticks)
            let (isExchanged, seen) = last.compareExchange(
                expected: previous,
                desired: candidate,
                ordering: .relaxed
            )
            if isExchanged { return ETag(ticks: candidate) }
            previous = seen
        }
    }
}
