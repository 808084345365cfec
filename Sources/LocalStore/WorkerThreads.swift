internal import CLinux
internal import DequeModule
internal import Glibc

/// A fixed number of threads for work that may block: reading a file back, hashing, freeing disk space. Swift's own
/// pool has as many threads as cores, and a blocked one stalls every task of the process.
///
/// Jobs run in the order of arrival. The threads end, after the jobs that are there, when nobody holds this any more.
package final class WorkerThreads: Sendable {
    private let queue: JobQueue

    /// `name` is what `top -H` shows, of at most 15 bytes.
    package init(name: String, count: Int) {
        let queue = JobQueue()
        self.queue = queue
        for _ in 0..<max(1, count) {
            let start = Unmanaged.passRetained(ThreadStart(name: name, queue: queue))
            var thread = pthread_t()
            let code = pthread_create(&thread, nil, runJobs, start.toOpaque())
            precondition(code == 0, "pthread_create: \(String(cString: strerror(code)))")
            pthread_detach(thread)
        }
    }

    deinit { queue.close() }

    package func run(_ job: @escaping @Sendable () -> Void) { queue.add(job) }

    /// Runs `job` there and waits for it without holding a thread of Swift's pool.
    package func perform<Success: Sendable, Failure: Error>(
        _ job: @escaping @Sendable () throws(Failure) -> Success
    ) async throws(Failure) -> Success {
        let result = await withCheckedContinuation { (continuation: CheckedContinuation<Result<Success, Failure>, _>) in
            run {
                do throws(Failure) { continuation.resume(returning: .success(try job())) } catch {
                    continuation.resume(returning: .failure(error))
                }
            }
        }
        return try result.get()
    }
}

/// What a new thread is given.
private final class ThreadStart: Sendable {
    let name: String
    let queue: JobQueue

    init(name: String, queue: JobQueue) {
        self.name = name
        self.queue = queue
    }
}

/// The body of each thread.
private func runJobs(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let argument else { return nil }
    let start = Unmanaged<ThreadStart>.fromOpaque(argument).takeRetainedValue()
    pthread_setname_np(pthread_self(), String(start.name.prefix(15)))
    // Signals belong to the thread that waits for them.
    var all = sigset_t()
    sigfillset(&all)
    pthread_sigmask(SIG_BLOCK, &all, nil)
    while let job = start.queue.next() { job() }
    return nil
}

/// Jobs that wait for a thread. `Synchronization` has no condition variable, hence the pair from pthreads.
private final class JobQueue: Sendable {
    // Guarded by `mutex`, all of them.
    private nonisolated(unsafe) var jobs: Deque<@Sendable () -> Void> = []
    private nonisolated(unsafe) var isClosed = false
    private nonisolated(unsafe) let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private nonisolated(unsafe) let arrival: UnsafeMutablePointer<pthread_cond_t>

    init() {
        mutex = .allocate(capacity: 1)
        arrival = .allocate(capacity: 1)
        mutex.initialize(to: pthread_mutex_t())
        arrival.initialize(to: pthread_cond_t())
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(arrival, nil)
    }

    deinit {
        pthread_cond_destroy(arrival)
        pthread_mutex_destroy(mutex)
        arrival.deallocate()
        mutex.deallocate()
    }

    func add(_ job: @escaping @Sendable () -> Void) {
        pthread_mutex_lock(mutex)
        jobs.append(job)
        pthread_mutex_unlock(mutex)
        pthread_cond_signal(arrival)
    }

    /// Waits for a job; `nil` once the queue is closed and empty.
    func next() -> (@Sendable () -> Void)? {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while jobs.isEmpty {
            guard !isClosed else { return nil }
            pthread_cond_wait(arrival, mutex)
        }
        return jobs.removeFirst()
    }

    func close() {
        pthread_mutex_lock(mutex)
        isClosed = true
        pthread_mutex_unlock(mutex)
        pthread_cond_broadcast(arrival)
    }
}
