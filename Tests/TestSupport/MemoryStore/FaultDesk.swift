package import BlobStorage
import Synchronization

/// Where every call reports before it takes effect: counts them, tells those that shall fail, holds those that shall wait.
final class FaultDesk: Sendable {
    struct Fault: Sendable {
        var error: StorageError
        /// The call does what it was asked to, and then fails all the same.
        var takesEffect: Bool
    }

    private struct Rule {
        /// `nil`: any.
        var operation: StoreOperation?
        /// Matching calls to let pass first.
        var skipCount: Int
        var failCount: Int
        var fault: Fault
    }

    private struct Waiter {
        var id: UInt64
        var resume: @Sendable (_ isReleased: Bool) -> Void
    }

    private struct Watcher {
        var operation: StoreOperation
        var count: Int
        var resume: @Sendable () -> Void
    }

    private struct State {
        var counts: [StoreOperation: Int] = [:]
        var rules: [Rule] = []
        var frozen: Set<StoreOperation> = []
        var waiters: [StoreOperation: [Waiter]] = [:]
        var cancelled: Set<UInt64> = []
        var watchers: [Watcher] = []
        var sequels: [StoreOperation: @Sendable () -> Void] = [:]
        var nextID: UInt64 = 0

        /// The watchers whose moment has come.
        mutating func arrived() -> [Watcher] {
            let isDue = { [waiters] (watcher: Watcher) in waiters[watcher.operation, default: []].count >= watcher.count
            }
            defer { watchers.removeAll(where: isDue) }
            return watchers.filter(isDue)
        }
    }

    private let state = Mutex(State())

    // MARK: The store's side

    /// Counts the call; the fault that it shall meet, if any.
    func admit(_ operation: StoreOperation) -> Fault? {
        state.withLock { state in
            state.counts[operation, default: 0] += 1
            var fault: Fault?
            for index in state.rules.indices where state.rules[index].operation ?? operation == operation {
                if state.rules[index].skipCount > 0 {
                    state.rules[index].skipCount -= 1
                } else if fault == nil, state.rules[index].failCount > 0 {
                    state.rules[index].failCount -= 1
                    fault = state.rules[index].fault
                }
            }
            state.rules.removeAll { $0.failCount == 0 }
            return fault
        }
    }

    /// Waits while calls of this operation are held; false when the task was cancelled meanwhile.
    func pass(_ operation: StoreOperation) async -> Bool {
        let id = newID()
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                enter(operation, id: id) { continuation.resume(returning: $0) }
            }
        } onCancel: {
            leave(operation, id: id)
        }
    }

    func newID() -> UInt64 {
        state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
    }

    /// Calls `resume` once: at once if the operation is not held, else when it is let go or cancelled.
    func enter(_ operation: StoreOperation, id: UInt64, resume: @escaping @Sendable (_ isReleased: Bool) -> Void) {
        let (passes, due): (Bool?, [Watcher]) = state.withLock { state in
            if state.cancelled.remove(id) != nil { return (false, []) }
            guard state.frozen.contains(operation) else { return (true, []) }
            state.waiters[operation, default: []].append(Waiter(id: id, resume: resume))
            return (nil, state.arrived())
        }
        for watcher in due { watcher.resume() }
        if let passes { resume(passes) }
    }

    /// The call with this id no longer wants to wait.
    func leave(_ operation: StoreOperation, id: UInt64) {
        let waiter: Waiter? = state.withLock { state in
            guard let index = state.waiters[operation]?.firstIndex(where: { $0.id == id }) else {
                state.cancelled.insert(id)
                return nil
            }
            return state.waiters[operation]?.remove(at: index)
        }
        waiter?.resume(false)
    }

    /// What is to happen between the effect of this call and its answer.
    func takeSequel(of operation: StoreOperation) -> (@Sendable () -> Void)? {
        state.withLock { $0.sequels.removeValue(forKey: operation) }
    }

    // MARK: The test's side

    func setSequel(of operation: StoreOperation, _ body: @escaping @Sendable () -> Void) {
        state.withLock { $0.sequels[operation] = body }
    }

    func add(operation: StoreOperation?, skipping skipCount: Int, count: Int, _ fault: Fault) {
        state.withLock {
            $0.rules.append(Rule(operation: operation, skipCount: skipCount, failCount: count, fault: fault))
        }
    }

    func removeFaults() { state.withLock { $0.rules.removeAll() } }
    var counts: [StoreOperation: Int] { state.withLock { $0.counts } }
    func resetCounts() { state.withLock { $0.counts.removeAll() } }

    func freeze(_ operation: StoreOperation) { _ = state.withLock { $0.frozen.insert(operation) } }

    func thaw(_ operation: StoreOperation) {
        let waiters = state.withLock { state in
            state.frozen.remove(operation)
            return state.waiters.removeValue(forKey: operation) ?? []
        }
        for waiter in waiters { waiter.resume(true) }
    }

    /// Lets the call go that has waited longest; the others stay.
    func releaseFirst(_ operation: StoreOperation) {
        let waiter: Waiter? = state.withLock { state in
            guard state.waiters[operation]?.isEmpty == false else { return nil }
            return state.waiters[operation]?.removeFirst()
        }
        waiter?.resume(true)
    }

    func watch(_ operation: StoreOperation, count: Int, resume: @escaping @Sendable () -> Void) {
        let due = state.withLock { state in
            state.watchers.append(Watcher(operation: operation, count: count, resume: resume))
            return state.arrived()
        }
        for watcher in due { watcher.resume() }
    }
}

extension MemoryStore {
    /// The next `count` calls of `operation` (`nil`: of any) fail with `error`; with `takesEffect`, after they did what
    /// they were asked to. `Int.max`: all from now on.
    package func failNext(
        _ operation: StoreOperation?,
        count: Int = 1,
        error: StorageError,
        takesEffect: Bool = false
    ) {
        desk.add(
            operation: operation,
            skipping: 0,
            count: count,
            FaultDesk.Fault(error: error, takesEffect: takesEffect)
        )
    }

    /// The `n`-th call from now of `operation` (`nil`: of any) fails; 1 is the next.
    package func fail(
        call n: Int,
        of operation: StoreOperation? = nil,
        error: StorageError,
        takesEffect: Bool = false
    ) {
        desk.add(
            operation: operation,
            skipping: n - 1,
            count: 1,
            FaultDesk.Fault(error: error, takesEffect: takesEffect)
        )
    }

    package func removeFaults() { desk.removeFaults() }

    /// When the next call of `operation` has done what it should, and nobody knows it yet, `body` runs, on a thread that may
    /// block.
    package func afterNext(_ operation: StoreOperation, _ body: @escaping @Sendable () -> Void) {
        desk.setSequel(of: operation, body)
    }

    /// Calls so far, those that failed included.
    package func count(of operation: StoreOperation) -> Int { desk.counts[operation, default: 0] }
    package var counts: [StoreOperation: Int] { desk.counts }
    package func resetCounts() { desk.resetCounts() }

    /// Calls of `operation` stop before they take effect, until `release`.
    package func hold(_ operation: StoreOperation) { desk.freeze(operation) }
    package func release(_ operation: StoreOperation) { desk.thaw(operation) }
    /// Lets the call go that has been held longest; later ones are still held.
    package func releaseFirst(_ operation: StoreOperation) { desk.releaseFirst(operation) }

    /// Returns when `count` calls of `operation` are held.
    package func waitUntilHeld(_ operation: StoreOperation, count: Int = 1) async {
        await withCheckedContinuation { continuation in
            desk.watch(operation, count: count) { continuation.resume() }
        }
    }
}

extension StorageError {
    /// An error for tests that do not care about the details.
    package static func test(_ kind: Kind, _ persistence: Persistence = .permanent) -> StorageError {
        StorageError(kind, persistence, operation: "Test", resource: "test", message: "as the test asked for")
    }
}
