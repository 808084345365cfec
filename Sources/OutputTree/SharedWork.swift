import FileSystemModel
import Glibc
import Synchronization

/// One piece of work for many who want its result: started by the first, joined by the others.
///
/// Who is cancelled stops waiting at once; the work itself is cancelled when nobody waits for it any more.
final class SharedWork<Value: Sendable>: Sendable {
    private struct State {
        var result: Result<Value, FileSystemError>?
        var waiters: [UInt64: CheckedContinuation<Result<Value, FileSystemError>, Never>] = [:]
        var nextID: UInt64 = 0
        var task: Task<Void, Never>?
    }

    private let state = Mutex(State())

    init(_ work: @escaping @Sendable () async throws(FileSystemError) -> Value) {
        let task = Task { [weak self] in
            let result: Result<Value, FileSystemError>
            do throws(FileSystemError) { result = .success(try await work()) } catch { result = .failure(error) }
            self?.finish(result)
        }
        state.withLock { $0.task = task }
    }

    /// Whether a result is there: then joining is of no use to those who want something newer.
    var isFinished: Bool { state.withLock { $0.result != nil } }

    func value() async throws(FileSystemError) -> Value {
        let id = state.withLock { state -> UInt64 in
            state.nextID += 1
            return state.nextID
        }
        let interrupted = FileSystemError(errno: EINTR, "interrupted while waiting for a listing")
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let decided: Result<Value, FileSystemError>? = state.withLock { state in
                    if let result = state.result { return result }
                    if Task.isCancelled { return .failure(interrupted) }
                    state.waiters[id] = continuation
                    return nil
                }
                if let decided { continuation.resume(returning: decided) }
            }
        } onCancel: {
            let (waiter, orphan) = state.withLock { state in
                let waiter = state.waiters.removeValue(forKey: id)
                return (waiter, state.waiters.isEmpty && state.result == nil ? state.task : nil)
            }
            orphan?.cancel()
            waiter?.resume(returning: .failure(interrupted))
        }
        return try result.get()
    }

    private func finish(_ result: Result<Value, FileSystemError>) {
        let waiters = state.withLock { state in
            state.result = result
            defer { state.waiters = [:] }
            return state.waiters.values
        }
        for waiter in waiters { waiter.resume(returning: result) }
    }
}
