internal import Synchronization

/// How often each operation was asked for, and how many bytes of bodies went each way.
package struct RequestCounters: Sendable, Codable, Equatable {
    package struct Count: Sendable, Codable, Equatable {
        package var requests = 0
        /// Answers with a status of 400 and above, and connections that were reset instead of answered.
        package var failures = 0
        package var bytesReceived = 0
        package var bytesSent = 0

        package init() {}
    }

    /// By the operation's name, such as `Get Blob`; operations that were never asked for are absent.
    package var operations: [String: Count] = [:]

    package init() {}

    /// Zeros for an operation that was never asked for.
    package subscript(operation: String) -> Count {
        operations[operation] ?? Count()
    }

    package var total: Count {
        operations.values.reduce(into: Count()) { total, count in
            total.requests += count.requests
            total.failures += count.failures
            total.bytesReceived += count.bytesReceived
            total.bytesSent += count.bytesSent
        }
    }
}

/// The counters of a running server.
final class CounterTable: Sendable {
    private let counts = Mutex<[String: RequestCounters.Count]>([:])

    func note(_ operation: String, isFailure: Bool, received: Int, sent: Int) {
        counts.withLock { counts in
            counts[operation, default: RequestCounters.Count()].requests += 1
            if isFailure { counts[operation, default: RequestCounters.Count()].failures += 1 }
            counts[operation, default: RequestCounters.Count()].bytesReceived += received
            counts[operation, default: RequestCounters.Count()].bytesSent += sent
        }
    }

    /// Takes bytes off that were counted and never sent; a reset meanwhile is left alone.
    func takeOff(_ operation: String, unsent: Int) {
        counts.withLock { counts in
            guard let sent = counts[operation]?.bytesSent else { return }
            counts[operation]?.bytesSent = max(0, sent - unsent)
        }
    }

    var snapshot: RequestCounters {
        var counters = RequestCounters()
        counters.operations = counts.withLock { $0 }
        return counters
    }

    func reset() {
        counts.withLock { $0 = [:] }
    }
}
