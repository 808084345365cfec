internal import Synchronization

/// What a store has done since it was made: for `outputfs status`, and for tests that count requests.
package struct RequestCounters: Sendable, Hashable {
    /// Attempts by operation, retries included.
    package var requests: [StorageOperation: Int] = [:]
    /// Attempts that came to an end, by operation and HTTP status (0: no answer, or none that was complete).
    package var ended: [StorageOperation: [Int: Int]] = [:]
    /// How long those took.
    package var latency: [StorageOperation: LatencyHistogram] = [:]
    /// Attempts after the first of a call.
    package var retries = 0
    /// Attempts beside one that did not answer, for the same bytes.
    package var hedges = 0
    /// Calls that failed in the end, whatever the reason.
    package var failures = 0
    /// Bodies of answers and of requests, in bytes.
    package var bytesReceived: UInt64 = 0
    package var bytesSent: UInt64 = 0
    /// Seconds that the service's clock was ahead of this machine's at the last answer that was collected.
    package var clockOffset: Int64?

    package init() {}

    /// Those of another store beside this one; the clock is this one's.
    package mutating func add(_ other: RequestCounters) {
        requests.merge(other.requests, uniquingKeysWith: +)
        ended.merge(other.ended) { $0.merging($1, uniquingKeysWith: +) }
        latency.merge(other.latency) { $0.adding($1) }
        (retries, hedges, failures) = (retries + other.retries, hedges + other.hedges, failures + other.failures)
        (bytesReceived, bytesSent) = (bytesReceived + other.bytesReceived, bytesSent + other.bytesSent)
    }
}

/// The counters' keeper.
final class RequestCounting: Sendable {
    private let counters = Mutex(RequestCounters())

    var snapshot: RequestCounters { counters.withLock { $0 } }

    func sent(_ operation: StorageOperation, isRetry: Bool) {
        counters.withLock { counters in
            counters.requests[operation, default: 0] += 1
            if isRetry { counters.retries += 1 }
        }
    }

    func hedged(_ operation: StorageOperation) {
        counters.withLock { counters in
            counters.requests[operation, default: 0] += 1
            counters.hedges += 1
        }
    }

    func ended(_ result: ExchangeResult, _ operation: StorageOperation, after duration: Duration) {
        let status = result.failure == nil ? result.head?.status ?? 0 : 0
        counters.withLock { counters in
            counters.ended[operation, default: [:]][status, default: 0] += 1
            counters.latency[operation, default: LatencyHistogram()].add(duration)
            counters.bytesReceived += UInt64(result.byteCount + result.body.count)
            counters.bytesSent += UInt64(result.uploadedCount)
        }
    }

    func noteClock(offset: Int64) { counters.withLock { $0.clockOffset = offset } }

    func failed() { counters.withLock { $0.failures += 1 } }
}
