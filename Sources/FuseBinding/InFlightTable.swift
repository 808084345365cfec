internal import CFuse3
import FileSystemModel
import Synchronization

/// libfuse's request (`fuse_req_t`): alive from its callback until it is replied to, by any thread, once.
struct LibfuseRequest: Sendable {
    nonisolated(unsafe) let raw: OpaquePointer
}

/// What a reply must know of its request.
enum ReplyContext: Sendable {
    case plain
    /// At most `size` bytes may be sent.
    case read(size: Int)
    /// `size` 0 asks for the length only.
    case extendedAttribute(size: Int)
    case open(NodeID, isWritable: Bool)
    case create(isWritable: Bool)
    case openDirectory(NodeID)
    /// Sent again, and perhaps done before: see `Repetition`.
    case repeated(Repetition)
    /// Of a rename that is taken for done if the name that is looked up is there.
    case renamed
}

/// The requests that the kernel waits for, by token.
///
/// Tokens are a counter's values and never reused, so that whoever comes late (an interrupt handler that is
/// registered after the answer, a second answer) finds nothing, instead of another request in reused memory.
/// An entry is removed before its reply is sent; who removes it is the one who replies. About 50 ns per request.
final class InFlightTable: Sendable {
    struct Entry: Sendable {
        let request: LibfuseRequest
        let context: ReplyContext
        /// The thread that waits; 0 when the kernel asks for itself.
        let caller: Int32
        fileprivate var handler: (@Sendable () -> Void)?
        fileprivate var isInterrupted = false

        init(request: LibfuseRequest, context: ReplyContext, caller: Int32) {
            self.request = request
            self.context = context
            self.caller = caller
        }

        var isRename: Bool { if case .renamed = context { true } else { false } }
    }

    private struct State {
        var entries: [UInt: Entry] = [:]
        /// 0 is for requests that nobody waits for.
        var lastToken: UInt = 0
    }

    private let state = Mutex(State())

    var count: Int { state.withLock { $0.entries.count } }

    func insert(_ entry: Entry) -> RequestToken {
        state.withLock { state in
            state.lastToken += 1
            state.entries[state.lastToken] = entry
            return RequestToken(rawValue: state.lastToken)
        }
    }

    /// `nil` when it was answered before.
    func remove(_ token: RequestToken) -> Entry? {
        state.withLock { $0.entries.removeValue(forKey: token.rawValue) }
    }

    /// FUSE_INTERRUPT came. Says whether somebody wants to hear of it; false also for unknown tokens.
    func markInterrupted(_ token: RequestToken) -> Bool {
        state.withLock { state in
            state.entries[token.rawValue]?.isInterrupted = true
            return state.entries[token.rawValue]?.handler != nil
        }
    }

    /// Says whether the interrupt is already there. The handler of an answered request is dropped.
    func setHandler(_ token: RequestToken, _ handler: @escaping @Sendable () -> Void) -> Bool {
        state.withLock { state in
            state.entries[token.rawValue]?.handler = handler
            return state.entries[token.rawValue]?.isInterrupted ?? false
        }
    }

    /// Interrupted, still unanswered, and with a handler that has not been called.
    func interrupted() -> [(token: RequestToken, caller: Int32)] {
        state.withLock { state in
            state.entries.compactMap { token, entry in
                guard entry.isInterrupted, entry.handler != nil else { return nil }
                return (RequestToken(rawValue: token), entry.caller)
            }
        }
    }

    /// The handler, which whoever takes it calls outside the lock, once.
    func takeHandler(_ token: RequestToken) -> (@Sendable () -> Void)? {
        state.withLock { state in
            defer { state.entries[token.rawValue]?.handler = nil }
            return state.entries[token.rawValue]?.handler
        }
    }
}
