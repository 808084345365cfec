internal import Dispatch
import FileSystemModel
internal import Synchronization
internal import Testing

/// The kernel's side of the requests: hands out tokens, and blocks the asking thread until the answer is there.
final class KernelSink: RequestSink {
    enum Reply: Sendable {
        case answer(Answer)
        case bytes([UInt8])
    }

    private struct Waiting {
        let arrival: DispatchSemaphore
        var reply: Reply?
        var onInterrupt: (@Sendable () -> Void)?
    }

    private struct State {
        var nextToken: UInt = 1
        var waiting: [RequestToken: Waiting] = [:]
    }

    private let state = Mutex(State())

    /// Starts a request with `start`, and blocks until it is answered.
    func ask(_ start: (RequestToken) -> Void) -> Reply {
        let arrival = DispatchSemaphore(value: 0)
        let token = state.withLock { state in
            let token = RequestToken(rawValue: state.nextToken)
            state.nextToken += 1
            state.waiting[token] = Waiting(arrival: arrival)
            return token
        }
        start(token)
        arrival.wait()
        return state.withLock { $0.waiting.removeValue(forKey: token)?.reply }
            ?? .answer(.failure(FileSystemError(errno: 5, "woken without an answer")))
    }

    /// Requests that wait for an answer.
    var waitingCount: Int { state.withLock { $0.waiting.count } }

    /// What the signals of a user who presses Ctrl-C do to everything that waits.
    func interruptAll() {
        let handlers = state.withLock { state in state.waiting.values.compactMap(\.onInterrupt) }
        for handler in handlers { handler() }
    }

    // MARK: RequestSink

    func answer(_ token: RequestToken, _ answer: Answer) { arrive(token, .answer(answer)) }

    func answer(_ token: RequestToken, bytes: UnsafeBufferPointer<UnsafeRawBufferPointer>) {
        arrive(token, .bytes(bytes.reduce(into: []) { $0 += $1 }))
    }

    func onInterrupt(_ token: RequestToken, _ handler: @escaping @Sendable () -> Void) {
        // Answered meanwhile: then nobody waits whom a signal could reach.
        state.withLock { $0.waiting[token]?.onInterrupt = handler }
    }

    private func arrive(_ token: RequestToken, _ reply: Reply) {
        let (arrival, isFirst) = state.withLock { state -> (DispatchSemaphore?, Bool) in
            guard let waiting = state.waiting[token], waiting.reply == nil else { return (nil, false) }
            state.waiting[token]?.reply = reply
            return (waiting.arrival, true)
        }
        if !isFirst { Issue.record("request \(token.rawValue) was answered twice") }
        arrival?.signal()
    }
}

/// The buffer of one readdir: room for a fixed number of entries, as a small page has.
final class ListingBuffer: DirectoryBuffer {
    private struct State {
        var entries: [DirectoryEntry] = []
        var error: FileSystemError?
        var isAnswered = false
    }

    let wantsEntries: Bool
    private let capacity: Int
    private let state = Mutex(State())
    private let arrival = DispatchSemaphore(value: 0)

    init(capacity: Int, wantsEntries: Bool) {
        self.capacity = capacity
        self.wantsEntries = wantsEntries
    }

    func add(_ entry: DirectoryEntry) -> Bool {
        state.withLock { state in
            guard state.entries.count < capacity else { return false }
            state.entries.append(entry)
            return true
        }
    }

    func finish() { arrive(nil) }
    func fail(_ error: FileSystemError) { arrive(error) }
    func onInterrupt(_ handler: @escaping @Sendable () -> Void) {}

    private func arrive(_ error: FileSystemError?) {
        let isFirst = state.withLock { state in
            defer {
                state.isAnswered = true
                state.error = error
            }
            return !state.isAnswered
        }
        if !isFirst { Issue.record("a readdir was answered twice") }
        arrival.signal()
    }

    /// Blocks until the answer is there.
    func wait() -> Result<[DirectoryEntry], FileSystemError> {
        arrival.wait()
        return state.withLock { state in
            if let error = state.error { return .failure(error) }
            return .success(state.entries)
        }
    }
}
