internal import Dispatch
internal import Foundation
internal import Synchronization

/// Runs `body`, which blocks, on a thread of its own: Swift's cooperative pool has one thread per core, and the tree
/// needs them to answer. Still in the test's task, so that failures are counted as that test's.
package func onOwnThread<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withTaskExecutorPreference(OwnThreads()) { try body() }
}

/// One new thread for each stretch of work.
private final class OwnThreads: TaskExecutor {
    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        startThread { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}

private func startThread(_ body: @escaping @Sendable () -> Void) {
    let thread = Thread(block: body)
    thread.stackSize = 1 << 20
    thread.start()
}

/// A thread that does something beside its maker, who can wait for its end.
package final class Worker<Value: Sendable>: Sendable {
    private let result = Mutex<Result<Value, any Error>?>(nil)
    private let group = DispatchGroup()

    package init(_ body: @escaping @Sendable () throws -> Value) {
        group.enter()
        startThread { [self] in
            let value = Result { try body() }
            result.withLock { $0 = value }
            group.leave()
        }
    }

    package var isFinished: Bool { result.withLock { $0 != nil } }

    /// What it found, for tasks: nothing may block a thread of Swift's pool, of which there are two here, or the work
    /// that is waited for never gets one.
    package func value() async throws -> Value {
        await withCheckedContinuation { continuation in
            group.notify(queue: .global()) { continuation.resume() }
        }
        return try join()
    }

    /// Blocks until it is done; for threads of one's own.
    package func join() throws -> Value {
        group.wait()
        guard let value = result.withLock({ $0 }) else { throw CancellationError() }
        return try value.get()
    }
}

/// Waits on this thread, which must not be one of Swift's pool, for what a task finds out.
package func blocking<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) throws -> Value {
    let box = Holder<Value>()
    let arrival = DispatchSemaphore(value: 0)
    Task {
        do { box.set(.success(try await body())) } catch { box.set(.failure(error)) }
        arrival.signal()
    }
    arrival.wait()
    return try box.get()
}

private final class Holder<Value: Sendable>: Sendable {
    private let value = Mutex<Result<Value, any Error>?>(nil)

    func set(_ result: Result<Value, any Error>) { value.withLock { $0 = result } }

    func get() throws -> Value {
        guard let value = value.withLock({ $0 }) else { throw CancellationError() }
        return try value.get()
    }
}

/// Asks until `condition` holds or 20 s are over (a mount is aborted after a minute); says which. For what happens behind an answer, such as a commit
/// after the last release.
package func eventually(_ condition: () throws -> Bool) rethrows -> Bool {
    for _ in 0..<2_000 {
        if try condition() { return true }
        usleep(10_000)
    }
    return try condition()
}
