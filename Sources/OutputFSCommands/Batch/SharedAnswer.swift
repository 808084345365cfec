internal import Synchronization

/// An answer that is on its way, and that any number wait for, each for as long as they can spare.
final class SharedAnswer<Value: Sendable>: Sendable {
    private struct State {
        var value: Value?
        var waiters: [UInt64: CheckedContinuation<Value?, Never>] = [:]
        var nextID: UInt64 = 0
    }

    private let state = Mutex(State())

    /// - Parameter body: goes on though nobody waits any more.
    init(_ body: @escaping @Sendable () async -> Value) {
        Task { self.fill(await body()) }
    }

    /// `nil` if it is not there in time.
    func value(within patience: Duration) async -> Value? {
        let (id, known): (UInt64, Value?) = state.withLock { state in
            state.nextID += 1
            return (state.nextID, state.value)
        }
        if let known { return known }
        var alarm: Task<Void, Never>?
        defer { alarm?.cancel() }
        return await withCheckedContinuation { continuation in
            let value: Value? = state.withLock { state in
                if state.value == nil { state.waiters[id] = continuation }
                return state.value
            }
            if let value { return continuation.resume(returning: value) }
            // Not before: one that goes off at once would find nobody to wake.
            alarm = Task {
                try? await Task.sleep(for: patience)
                self.state.withLock { $0.waiters.removeValue(forKey: id) }?.resume(returning: nil)
            }
        }
    }

    private func fill(_ value: Value) {
        let waiters = state.withLock { state in
            state.value = value
            defer { state.waiters = [:] }
            return state.waiters
        }
        for waiter in waiters.values { waiter.resume(returning: value) }
    }
}
