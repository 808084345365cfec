import FileSystemModel
import Synchronization

/// The asking side without a kernel: writes down what it is answered.
final class RecordingSink: RequestSink {
    enum Reply: Equatable {
        case failure(Int32)
        case done
        case count(Int)
        case bytes([UInt8])
        case other
    }

    private struct State {
        var replies: [(token: RequestToken, reply: Reply)] = []
        var handlers: [RequestToken: @Sendable () -> Void] = [:]
    }

    private let state = Mutex(State())
    let caller = Caller(userID: 1, groupID: 2, processID: 3)

    var replies: [Reply] { state.withLock { $0.replies.map(\.reply) } }

    func answer(_ token: RequestToken, _ answer: Answer) {
        let reply: Reply =
            switch answer {
            case .failure(let error): .failure(error.errno)
            case .done: .done
            case .count(let count): .count(count)
            default: .other
            }
        state.withLock { $0.replies.append((token, reply)) }
    }

    func answer(_ token: RequestToken, bytes: UnsafeBufferPointer<UnsafeRawBufferPointer>) {
        let copy = bytes.flatMap { Array($0) }
        state.withLock { $0.replies.append((token, .bytes(copy))) }
    }

    func onInterrupt(_ token: RequestToken, _ handler: @escaping @Sendable () -> Void) {
        state.withLock { $0.handlers[token] = handler }
    }

    /// The caller no longer wants to wait; says whether anybody listened.
    @discardableResult
    func interrupt(_ token: RequestToken) -> Bool {
        let handler = state.withLock { $0.handlers.removeValue(forKey: token) }
        handler?()
        return handler != nil
    }

    func request<Value>(_ number: UInt = 1) -> Request<Value> {
        Request(RequestToken(rawValue: number), caller: caller, sink: self)
    }

    func readRequest() -> ReadRequest { ReadRequest(RequestToken(rawValue: 1), caller: caller, sink: self) }

    /// Waits for an answer that a task gives; the test's time limit bounds it.
    func firstReply() async -> Reply? {
        while replies.isEmpty && !Task.isCancelled { await Task.yield() }
        return replies.first
    }
}

/// A readdir's buffer that takes `room` entries.
final class RecordingDirectoryBuffer: DirectoryBuffer {
    enum Ending: Equatable {
        case finished
        case failed(Int32)
    }

    private struct State {
        var names: [FileName] = []
        var endings: [Ending] = []
    }

    let wantsEntries = true
    private let room: Int
    private let state = Mutex(State())

    init(room: Int) { self.room = room }

    var names: [FileName] { state.withLock { $0.names } }
    var endings: [Ending] { state.withLock { $0.endings } }

    func add(_ entry: DirectoryEntry) -> Bool {
        state.withLock { state in
            guard state.names.count < room else { return false }
            state.names.append(entry.name)
            return true
        }
    }

    func finish() { state.withLock { $0.endings.append(.finished) } }
    func fail(_ error: FileSystemError) { state.withLock { $0.endings.append(.failed(error.errno)) } }
    func onInterrupt(_ handler: @escaping @Sendable () -> Void) {}
}
