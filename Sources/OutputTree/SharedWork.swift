import FileSystemModel
import Glibc
import Synchronization

/// One piece of work for many who want its result: started by the first, joined by the others.
///
/// Who is cancelled stops waiting at once; the work itself is cancelled when nobody wants it any more, and can then not
/// be joined: a newcomer must not get a cancellation that was not meant for it.
final class SharedWork<Value: Sendable>: Sendable {
    private struct State {
        var result: Result<Value, FileSystemError>?
        var waiters: [UInt64: CheckedContinuation<Result<Value, FileSystemError>, Never>] = [:]
        var nextID: UInt64 = 0
        /// Those who joined and neither got the result nor gave up.
        var interest = 0
        var isAbandoned = false
        var task: Task<Void, Never>?
    }

    private let state = Mutex(State())
    private let outlivesWaiters: Bool

    /// `outlivesWaiters`: the work goes on when nobody waits for it any more.
    init(outlivesWaiters: Bool = false, _ work: @escaping @Sendable () async throws(FileSystemError) -> Value) {
        self.outlivesWaiters = outlivesWaiters
        let task = Task { [weak self] in
            let result: Result<Value, FileSystemError>
            do throws(FileSystemError) { result = .success(try await work()) } catch { result = .failure(error) }
            self?.finish(result)
        }
        state.withLock { if $0.result == nil { $0.task = task } }
    }

    /// Registers the caller's interest; who gets true calls `value` once. False when it is over or given up.
    func join() -> Bool {
        state.withLock { state in
            guard state.result == nil, !state.isAbandoned else { return false }
            state.interest += 1
            return true
        }
    }

    /// What came out of it; `nil` before its end, and if it failed.
    var finished: Value? { try? state.withLock { $0.result }?.get() }

    /// The result, for one who joined.
    func value() async throws(FileSystemError) -> Value {
        let id = state.withLock { state -> UInt64 in
            state.nextID += 1
            return state.nextID
        }
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let decided: Decision = state.withLock { state in
                    if let result = state.result { return .known(result) }
                    if Task.isCancelled { return .left(abandoned: leave(&state)) }
                    state.waiters[id] = continuation
                    return .waits
                }
                switch decided {
                case .waits: break
                case .known(let result): continuation.resume(returning: result)
                case .left(let abandoned):
                    abandoned?.cancel()
                    continuation.resume(returning: Self.interrupted)
                }
            }
        } onCancel: {
            let (waiter, abandoned) = state.withLock { state in
                let waiter = state.waiters.removeValue(forKey: id)
                return (waiter, waiter == nil ? nil : leave(&state))
            }
            abandoned?.cancel()
            waiter?.resume(returning: Self.interrupted)
        }
        return try result.get()
    }

    private enum Decision {
        case waits
        case known(Result<Value, FileSystemError>)
        case left(abandoned: Task<Void, Never>?)
    }

    private static var interrupted: Result<Value, FileSystemError> {
        .failure(FileSystemError(errno: EINTR, "interrupted while waiting"))
    }

    /// One less is interested. The last one gets the work, to cancel it when the lock is free: cancelling runs handlers on
    /// the spot.
    private func leave(_ state: inout State) -> Task<Void, Never>? {
        state.interest -= 1
        guard state.interest == 0, !outlivesWaiters else { return nil }
        state.isAbandoned = true
        return state.task
    }

    private func finish(_ result: Result<Value, FileSystemError>) {
        let waiters = state.withLock { state in
            state.result = result
            state.task = nil
            defer { state.waiters = [:] }
            return state.waiters.values
        }
        for waiter in waiters { waiter.resume(returning: result) }
    }
}
