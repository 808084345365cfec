internal import Dispatch
internal import Synchronization

/// Parts of files on their way from the thread that walks to those that read. Bounded: the walk waits for room.
final class WarmQueue: Sendable {
    struct Part: Sendable {
        var file: WarmFile
        var index: Int
    }

    private struct State {
        var files: [WarmFile] = []
        /// Of `files`, the first that has parts left, and the next of these.
        var head = 0
        var nextPart = 0
        var isClosed = false
    }

    private let state = Mutex(State())
    /// Counts parts that nobody took.
    private let parts = DispatchSemaphore(value: 0)
    /// Counts files that may still be put in.
    private let room = DispatchSemaphore(value: 0)

    /// With 100,000 files of 100 bytes of path the queue takes 20 MB; a walk that is further ahead only makes the
    /// time that is left known earlier.
    init(capacity: Int = 100_000) {
        // Counted up from 0: a semaphore that is freed below its first value ends the process.
        for _ in 0..<capacity { room.signal() }
    }

    /// Waits for room. The file has at least one part.
    func put(_ file: WarmFile) {
        room.wait()
        state.withLock { $0.files.append(file) }
        for _ in 0..<file.partCount { parts.signal() }
    }

    /// No more will come: `readerCount` threads are woken for their end.
    func close(readerCount: Int) {
        state.withLock { $0.isClosed = true }
        for _ in 0..<readerCount { parts.signal() }
    }

    /// The next part of the first file; `nil` after the last.
    func take() -> Part? {
        parts.wait()
        let (part, isLast) = state.withLock { state -> (Part?, Bool) in
            guard state.head < state.files.count else { return (nil, false) }
            let file = state.files[state.head]
            let part = Part(file: file, index: state.nextPart)
            state.nextPart += 1
            guard state.nextPart == file.partCount else { return (part, false) }
            state.nextPart = 0
            state.head += 1
            // The array is moved up once half of it is used up: in the mean one step a file.
            if state.head > 1_000, state.head * 2 > state.files.count {
                state.files.removeFirst(state.head)
                state.head = 0
            }
            return (part, true)
        }
        if isLast { room.signal() }
        return part
    }
}
