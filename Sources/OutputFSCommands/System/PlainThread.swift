internal import CLinux
internal import Dispatch
internal import Glibc
internal import Synchronization

/// Threads that may block, which those of Swift's pool may not.
enum PlainThread {
    private final class Body: Sendable {
        let name: String
        let run: @Sendable () -> Void

        init(name: String, run: @escaping @Sendable () -> Void) {
            self.name = name
            self.run = run
        }
    }

    /// Starts a detached thread. `name` has at most 15 bytes (the kernel's limit).
    static func start(named name: String, _ run: @escaping @Sendable () -> Void) {
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        defer { pthread_attr_destroy(&attributes) }
        pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        var thread = pthread_t()
        let body = Unmanaged.passRetained(Body(name: name, run: run))
        let status = pthread_create(
            &thread,
            &attributes,
            { raw in
                guard let raw else { return nil }
                let body = Unmanaged<Body>.fromOpaque(raw).takeRetainedValue()
                pthread_setname_np(pthread_self(), body.name)
                body.run()
                return nil
            },
            body.toOpaque()
        )
        if status != 0 {
            body.release()
            Terminal.error("outputfs: cannot start a thread: \(System.message(status))")
            System.exit(.system)
        }
    }

    /// Runs async work from a plain thread and waits for its value.
    static func wait<Value: Sendable>(for body: @escaping @Sendable () async -> Value) -> Value {
        let slot = Slot<Value>()
        Task { slot.fill(await body()) }
        return slot.wait()
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
}
