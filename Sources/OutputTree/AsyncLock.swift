import FileSystemModel
import Glibc
import Synchronization

/// Mutual exclusion for stretches that await: first come, first served, and a cancelled waiter leaves the queue.
final class AsyncLock: Sendable {
    private struct Waiter {
        let id: UInt64
        let continuation: CheckedContinuation<Bool, Never>
    }

    private struct State {
        var isLocked = false
        var nextID: UInt64 = 0
        var waiters: [Waiter] = []
    }

    private let state = Mutex(State())

    func withLock<Value: Sendable>(
        _ body: () async throws(FileSystemError) -> Value
    ) async throws(FileSystemError) -> Value {
        guard await acquire() else { throw FileSystemError(errno: EINTR, "interrupted while waiting for the file") }
        defer { release() }
        return try await body()
    }

    /// Holds all of `locks`, taken in their order: whoever takes several takes them in the same one.
    static func withLocks<Value: Sendable>(
        _ locks: [AsyncLock],
        _ body: () async throws(FileSystemError) -> Value
    ) async throws(FileSystemError) -> Value {
        var heldCount = 0
        defer { for lock in locks[..<heldCount].reversed() { lock.release() } }
        for lock in locks {
            guard await lock.acquire() else {
                throw FileSystemError(errno: EINTR, "interrupted while waiting for the files")
            }
            heldCount += 1
        }
        return try await body()
    }

    /// False when the task was cancelled first.
    private func acquire() async -> Bool {
        let id = state.withLock { state -> UInt64 in
            state.nextID += 1
            return state.nextID
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let decided: Bool? = state.withLock { state in
                    if Task.isCancelled { return false }
                    guard state.isLocked else {
                        state.isLocked = true
                        return true
                    }
                    state.waiters.append(Waiter(id: id, continuation: continuation))
                    return nil
                }
                if let decided { continuation.resume(returning: decided) }
            }
        } onCancel: {
            let waiter = state.withLock { state in
                state.waiters.firstIndex { $0.id == id }.map { state.waiters.remove(at: $0) }
            }
            waiter?.continuation.resume(returning: false)
        }
    }

    private func release() {
        let next = state.withLock { state -> Waiter? in
            guard !state.waiters.isEmpty else {
                state.isLocked = false
                return nil
            }
            return state.waiters.removeFirst()
        }
        next?.continuation.resume(returning: true)
    }
}
