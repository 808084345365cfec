internal import Glibc

/// The open connections: bounded in number, and ended together.
///
/// A pthread mutex and condition, since Synchronization has no condition variable to wait on.
final class ConnectionRegistry: @unchecked Sendable {
    /// One thread each; beyond it, clients wait in the listening socket's queue.
    static let limit = 1024

    private let lock: UnsafeMutablePointer<pthread_mutex_t>
    private let changed: UnsafeMutablePointer<pthread_cond_t>
    // Guarded by `lock`.
    private var descriptors: Set<Int32> = []
    /// The accepting thread, and one per connection.
    private var threadCount = 0
    private var isClosed = false

    init() {
        lock = .allocate(capacity: 1)
        changed = .allocate(capacity: 1)
        pthread_mutex_init(lock, nil)
        pthread_cond_init(changed, nil)
    }

    deinit {
        pthread_mutex_destroy(lock)
        pthread_cond_destroy(changed)
        lock.deallocate()
        changed.deallocate()
    }

    private func locked<Result>(_ body: () -> Result) -> Result {
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        return body()
    }

    func threadStarts() {
        locked { threadCount += 1 }
    }

    func threadEnds() {
        locked {
            threadCount -= 1
            pthread_cond_broadcast(changed)
        }
    }

    /// Waits for room and takes a connection in; false if the server is stopping.
    func add(_ descriptor: Int32) -> Bool {
        locked {
            while descriptors.count >= Self.limit, !isClosed { pthread_cond_wait(changed, lock) }
            guard !isClosed else { return false }
            descriptors.insert(descriptor)
            threadCount += 1
            return true
        }
    }

    /// Closes a connection's descriptor; under the lock, so that `closeAll` never meets its number reused.
    func remove(_ descriptor: Int32) {
        locked {
            descriptors.remove(descriptor)
            close(descriptor)
            threadCount -= 1
            pthread_cond_broadcast(changed)
        }
    }

    /// Ends all connections and returns when every thread is gone.
    func closeAll() {
        locked {
            isClosed = true
            for descriptor in descriptors { shutdown(descriptor, Int32(SHUT_RDWR)) }
            pthread_cond_broadcast(changed)
            while threadCount > 0 { pthread_cond_wait(changed, lock) }
        }
    }
}
