internal import Dispatch
internal import FuseBinding
internal import Synchronization

extension PlainThread {
    /// Starts a thread that nobody waits for. A mount that cannot have its threads cannot serve: then the program ends.
    static func start(named name: String, _ run: @escaping @Sendable () -> Void) {
        do throws(SessionError) { try PlainThread(name: name, run).detach() } catch {
            Terminal.error("outputfs: \(error)")
            System.exit(.system)
        }
    }

    /// Runs async work from a plain thread and waits for its value.
    static func wait<Value: Sendable>(for body: @escaping @Sendable () async -> Value) -> Value {
        let slot = Slot<Value>()
        Task { slot.fill(await body()) }
        return slot.wait()
    }
}

/// A place for one value that one thread waits for.
private final class Slot<Value: Sendable>: Sendable {
    private let value = Mutex<Value?>(nil)
    private let filled = DispatchSemaphore(value: 0)

    func fill(_ value: Value) {
        self.value.withLock { $0 = value }
        filled.signal()
    }

    func wait() -> Value {
        while true {
            filled.wait()
            if let value = value.withLock({ $0 }) { return value }
        }
    }
}
