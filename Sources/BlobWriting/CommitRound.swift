internal import BlobStorage
internal import Synchronization

/// One commit and everybody who waits for it. A caller may go away; when the last one has, the commit is cancelled.
final class CommitRound: Sendable {
    typealias Outcome = Result<CommittedFile, CommitError>

    private struct State {
        var outcome: Outcome?
        var waiters: [Int: CheckedContinuation<Outcome, Never>] = [:]
        var nextWaiter = 0
        var task: Task<Void, Never>?
        var isCancelled = false
    }

    let headers: BlobHeaders
    let condition: VersionCondition
    private let blob: BlobAddress
    private let state = Mutex(State())

    init(blob: BlobAddress, headers: BlobHeaders, condition: VersionCondition) {
        self.blob = blob
        self.headers = headers
        self.condition = condition
    }

    func start(_ body: @escaping @Sendable () async -> Void) {
        let task = Task { await body() }
        let isCancelled = state.withLock { state in
            if state.outcome == nil { state.task = task }
            return state.isCancelled
        }
        if isCancelled { task.cancel() }
    }

    func finish(_ outcome: Outcome) {
        let waiters = state.withLock { state in
            state.outcome = outcome
            state.task = nil
            defer { state.waiters = [:] }
            return state.waiters
        }
        for waiter in waiters.values { waiter.resume(returning: outcome) }
    }

    func cancel() {
        let task = state.withLock { state in
            state.isCancelled = true
            return state.task
        }
        task?.cancel()
    }

    /// Ends early, as cancelled, when the calling task is.
    func wait() async -> Outcome {
        let number = state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let outcome = state.withLock { state -> Outcome? in
                    if let outcome = state.outcome { return outcome }
                    state.waiters[number] = continuation
                    return nil
                }
                if let outcome { continuation.resume(returning: outcome) } else if Task.isCancelled { leave(number) }
            }
        } onCancel: {
            leave(number)
        }
    }

    private func leave(_ number: Int) {
        let (waiter, isLast) = state.withLock { state in
            let waiter = state.waiters.removeValue(forKey: number)
            return (waiter, waiter != nil && state.waiters.isEmpty)
        }
        if isLast { cancel() }
        waiter?.resume(returning: .failure(.cancelled("commit", blob)))
    }
}
