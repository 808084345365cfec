import Synchronization

/// The number by which the asking side knows a request.
package struct RequestToken: Hashable, Sendable {
    package let rawValue: UInt

    package init(rawValue: UInt) { self.rawValue = rawValue }
}

/// Where answers go: the FUSE session, or a test that asks the tree without a kernel.
///
/// Every method may be called from any thread, and each token is answered exactly once.
package protocol RequestSink: AnyObject, Sendable {
    func answer(_ token: RequestToken, _ answer: Answer)
    /// Answers a read. The bytes are lent for the duration of the call; one buffer per place that they lie in.
    func answer(_ token: RequestToken, bytes: UnsafeBufferPointer<UnsafeRawBufferPointer>)
    /// Calls `handler` once when the caller no longer wants to wait (FUSE_INTERRUPT with a signal that ends the call,
    /// see `Request.onInterrupt`); perhaps at once, on this thread.
    func onInterrupt(_ token: RequestToken, _ handler: @escaping @Sendable () -> Void)
}

/// A request of the kernel: a thing with one owner that is answered exactly once.
///
/// The compiler refuses a second answer. A request that is dropped on some forgotten path answers EIO by itself, so
/// that no program ever hangs on our mistake. Operations that have the answer in memory answer on the spot
/// (a hand-off to another thread costs 48 µs against 6 µs for the whole round trip); the others call `later`.
package struct Request<Value: Answering>: ~Copyable, Sendable {
    package let caller: Caller
    /// What the kernel calls it, also when it sends it again to the process that follows a killed one; 0: it has no name
    /// for it. Never that of another request on this mount.
    package let number: UInt64
    private let token: RequestToken
    private let sink: any RequestSink
    private var isAnswered = false

    package init(_ token: RequestToken, caller: Caller, number: UInt64 = 0, sink: any RequestSink) {
        self.token = token
        self.caller = caller
        self.number = number
        self.sink = sink
    }

    deinit {
        guard !isAnswered else { return }
        sink.answer(token, .failure(FileSystemError(errno: 5, "a request was dropped without an answer")))
    }

    package consuming func succeed(_ value: Value) {
        isAnswered = true
        sink.answer(token, value.answer)
    }

    package consuming func fail(_ error: FileSystemError) {
        isAnswered = true
        sink.answer(token, .failure(error))
    }

    package consuming func complete(_ result: Result<Value, FileSystemError>) {
        switch result {
        case .success(let value): succeed(value)
        case .failure(let error): fail(error)
        }
    }

    /// Answers from a task, once `body` knows.
    ///
    /// The task is cancelled when the caller is interrupted; `body` must then end soon, and whatever it returns or
    /// throws is the answer. Nothing in `body` may block its thread.
    package consuming func later(_ body: @escaping @Sendable () async throws(FileSystemError) -> Value) {
        let token = token
        let sink = sink
        let pending = PendingRequest(self)
        let task = Task {
            let result: Result<Value, FileSystemError>
            do throws(FileSystemError) { result = .success(try await body()) } catch { result = .failure(error) }
            pending.complete(result)
        }
        sink.onInterrupt(token) { task.cancel() }
    }

    /// Lets go of the ownership rules: for answers that come from a callback. See `PendingRequest`.
    package consuming func pending() -> PendingRequest<Value> { PendingRequest(self) }

    /// How to ask for interrupts without holding the request: the handler may run at once and take it.
    fileprivate borrowing func registration() -> @Sendable (@escaping @Sendable () -> Void) -> Void {
        let token = token
        let sink = sink
        return { handler in sink.onInterrupt(token, handler) }
    }
}

/// A request that several threads may try to answer; the first one does.
package final class PendingRequest<Value: Answering>: Sendable {
    private let request: Mutex<Request<Value>?>

    fileprivate init(_ request: consuming Request<Value>) { self.request = Mutex(request) }

    /// Answers unless somebody did before; says whether this call was the one.
    @discardableResult
    package func complete(_ result: Result<Value, FileSystemError>) -> Bool {
        let taken = request.withLock { request in request.take() }
        guard let taken else { return false }
        taken.complete(result)
        return true
    }

    /// Calls `handler` when the caller no longer waits; the handler may answer.
    package func onInterrupt(_ handler: @escaping @Sendable () -> Void) {
        // Registered outside the lock: the handler may run at once, and take the request.
        let registration = request.withLock { $0?.registration() }
        registration?(handler)
    }
}

/// A read: answered once, with bytes that are only lent, so that nothing is copied between the cache and the kernel.
package struct ReadRequest: ~Copyable, Sendable {
    package let caller: Caller
    private let token: RequestToken
    private let sink: any RequestSink
    private var isAnswered = false

    package init(_ token: RequestToken, caller: Caller, sink: any RequestSink) {
        self.token = token
        self.caller = caller
        self.sink = sink
    }

    deinit {
        guard !isAnswered else { return }
        sink.answer(token, .failure(FileSystemError(errno: 5, "a read was dropped without an answer")))
    }

    /// Answers with the bytes of `buffers`, one after the other; fewer than asked means the end of the file.
    package consuming func succeed(_ buffers: UnsafeBufferPointer<UnsafeRawBufferPointer>) {
        isAnswered = true
        sink.answer(token, bytes: buffers)
    }

    package consuming func succeed(_ buffer: UnsafeRawBufferPointer) {
        isAnswered = true
        withUnsafePointer(to: buffer) { sink.answer(token, bytes: UnsafeBufferPointer(start: $0, count: 1)) }
    }

    package consuming func fail(_ error: FileSystemError) {
        isAnswered = true
        sink.answer(token, .failure(error))
    }

    /// Lets go of the ownership rules: for a miss that the transport answers.
    package consuming func pending() -> PendingRead { PendingRead(self) }
}

/// A read that waits for the store; the first of answer and interrupt wins.
package final class PendingRead: Sendable {
    private let request: Mutex<ReadRequest?>

    fileprivate init(_ request: consuming ReadRequest) { self.request = Mutex(request) }

    @discardableResult
    package func succeed(_ buffers: UnsafeBufferPointer<UnsafeRawBufferPointer>) -> Bool {
        let taken = request.withLock { $0.take() }
        guard let taken else { return false }
        taken.succeed(buffers)
        return true
    }

    @discardableResult
    package func fail(_ error: FileSystemError) -> Bool {
        let taken = request.withLock { $0.take() }
        guard let taken else { return false }
        taken.fail(error)
        return true
    }

    /// Calls `handler` when the caller no longer waits; the handler should end in `fail` with EINTR.
    package func onInterrupt(_ handler: @escaping @Sendable () -> Void) {
        let registration = request.withLock { $0?.registration() }
        registration?(handler)
    }
}

extension ReadRequest {
    /// How to ask for interrupts without holding the request: the handler may run at once and take it.
    fileprivate borrowing func registration() -> @Sendable (@escaping @Sendable () -> Void) -> Void {
        let token = token
        let sink = sink
        return { handler in sink.onInterrupt(token, handler) }
    }
}
