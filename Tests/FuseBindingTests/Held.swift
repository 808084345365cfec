import FileSystemModel
import Glibc
import Synchronization

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
