import FileSystemModel
import Glibc
import Synchronization

@testable import FuseBinding

/// What a file system was asked and a test will answer: handed over from the session's thread to the test's.
final class Held<Value: Sendable>: Sendable {
    private let values = Mutex<[Value]>([])

    func put(_ value: Value) { values.withLock { $0.append(value) } }

    /// Waits up to 20 s for the next one.
    func take() -> Value? {
        for _ in 0..<20_000 {
            if let value = values.withLock({ $0.isEmpty ? nil : $0.removeFirst() }) { return value }
            usleep(1000)
        }
        return nil
    }
}

/// Whether `condition` comes true within 20 s.
func becomesTrue(_ condition: () -> Bool) -> Bool {
    for _ in 0..<20_000 {
        if condition() { return true }
        usleep(1000)
    }
    return false
}

/// Runs a test's body on a thread of its own; issues that it records belong to the test.
///
/// A body that waits in a system call holds one of the two threads of Swift's pool; with two such tests at once, no
/// task of the file systems under test would run.
func offPool(_ body: @escaping @Sendable () throws -> Void) async throws {
    // A task, not a bare thread: it inherits the task-local that says which test is running.
    try await Task(executorPreference: ThreadPerJob()) { try body() }.value
}

private final class ThreadPerJob: TaskExecutor {
    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let executor = asUnownedTaskExecutor()
        let run: @Sendable () -> Void = { job.runSynchronously(on: executor) }
        do throws(SessionError) { try PlainThread(name: "test", run).detach() } catch { run() }
    }
}
