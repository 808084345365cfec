internal import BlobStorage
internal import Synchronization

/// One ranged read: the first attempt starts on the caller's thread, everything after it on the transport's, and only
/// what must wait (a back-off, a token) is a task.
final class RangeRead: ReadOperation, Sendable {
    private let engine: RequestEngine
    private let read: BlobRead
    private let completion: @Sendable (Result<BlobReadResult, StorageError>) -> Void
    private let requestID = RandomName.hexadecimal()
    private let state: Mutex<State>

    private struct State {
        var range: RangeProgress
        var call: CallProgress
        var isRetry = false
        var isForeground: Bool
        var isCancelled = false
        /// At most one of the two is there: the attempt under way, or what it waits for.
        var transfer: Transfer?
        var task: Task<Void, Never>?
    }

    init(
        _ read: BlobRead,
        engine: RequestEngine,
        completion: @escaping @Sendable (Result<BlobReadResult, StorageError>) -> Void
    ) {
        self.engine = engine
        self.read = read
        self.completion = completion
        let call = CallProgress(engine.policy(for: .getBlob), now: engine.surroundings.uptime())
        let range = RangeProgress(read, offered: engine.offeredChecksum.strongest)
        state = Mutex(State(range: range, call: call, isForeground: read.isForeground))
    }

    func start() {
        let range = state.withLock { $0.range }
        do throws(StorageError) {
            if let problem = range.problem { throw StorageError(.invalid, .permanent, range.request, problem) }
            try RequestRules.check(range.request)
        } catch {
            complete(.failure(error), isOnTransport: false)
            return
        }
        attemptWithAnyToken()
    }

    func cancel() {
        let (transfer, task) = state.withLock { state in
            state.isCancelled = true
            return (state.transfer, state.task)
        }
        task?.cancel()
        if let transfer { engine.transport.cancel(transfer) }
    }

    func raisePriority() {
        let transfer = state.withLock { state in
            state.isForeground = true
            return state.transfer
        }
        if let transfer { engine.transport.raise(transfer) }
    }

    // MARK: Attempts

    /// With the token that is there; what must be awaited is a task.
    private func attemptWithAnyToken() {
        if !engine.authorizer.needsToken {
            attempt(token: nil)
        } else if let token = engine.authorizer.readyToken {
            attempt(token: token)
        } else {
            later { await $0.awaitTokenAndAttempt(refused: nil) }
        }
    }

    /// - Parameter refused: the token that was refused, and how.
    private func awaitTokenAndAttempt(refused: (token: Secret?, error: StorageError)?) async {
        do throws(StorageError) {
            let token = try await engine.authorizer.token(refused: refused?.token)
            // There is no other: the service's word stands.
            if let refused, refused.token == token { throw refused.error }
            attempt(token: token)
        } catch {
            // Nothing was sent: as any attempt that failed.
            let failure = AttemptFailure(error: error, isUnclear: false)
            let (next, request) = state.withLock { state in
                (engine.next(after: failure, &state.call, requestID: requestID), state.range.request)
            }
            if Task.isCancelled {
                complete(.failure(engine.cancelled(request)), isOnTransport: false)
            } else if case .wait(let delay) = next {
                await waitAndAttempt(delay)
            } else {
                complete(.failure(error), isOnTransport: false)
            }
        }
    }

    private func attempt(token: Secret?) {
        let before = state.withLock { state in
            defer { state.isRetry = true }
            return state
        }
        let range = before.range
        guard !before.isCancelled else {
            complete(.failure(engine.cancelled(range.request)), isOnTransport: false)
            return
        }
        let request = range.request
        let destination = read.destination + range.delivered
        let exchange = Exchange(
            request: engine.authorizer.authorize(request, requestID: requestID, token: token),
            body: nil,
            sink: .memory(
                MemorySink(
                    destination: destination,
                    capacity: { range.capacity(of: $0) },
                    onProgress: progressReport(from: range.delivered)
                )
            ),
            priority: before.isForeground ? .foreground : .background,
            timeouts: engine.timeouts(for: request, before.call, byteCount: range.range.count - range.delivered),
            lane: engine.lane,
            onHedge: { [engine] in engine.counting.hedged(.getBlob) },
            needsFreshConnection: before.call.needsFreshConnection
        )
        engine.counting.sent(.getBlob, isRetry: before.isRetry)
        let start = engine.surroundings.uptime()
        let transfer = engine.transport.start(exchange) { [engine] result in
            engine.counting.ended(result, .getBlob, after: engine.surroundings.uptime() - start)
            // The transport's thread has other transfers to serve; CRC-64 takes it 0.3 ms for 4 MiB, MD5 6 ms.
            if range.verification == .md5 {
                self.later { $0.ended(result, token: token, isOnTransport: false) }
            } else {
                self.ended(result, token: token, isOnTransport: true)
            }
        }
        let now = state.withLock { state in
            // The answer may have been faster than this line; then another attempt may stand here already.
            if !transfer.hasEnded { state.transfer = transfer }
            return state
        }
        if now.isCancelled { engine.transport.cancel(transfer) }
        if now.isForeground, !before.isForeground { engine.transport.raise(transfer) }
    }

    private func progressReport(from delivered: Int) -> (@Sendable (Int) -> Void)? {
        guard read.verification == .none, let onProgress = read.onProgress else { return nil }
        return { onProgress(delivered + $0) }
    }

    private func ended(_ result: ExchangeResult, token: Secret?, isOnTransport: Bool) {
        let action = state.withLock { state -> Action in
            state.transfer = nil
            let request = state.range.request
            let bytes = UnsafeRawBufferPointer(start: read.destination + state.range.delivered, count: result.byteCount)
            let outcome = engine.outcome(of: result, request)
            switch state.range.ended(outcome, head: result.head, bytes: bytes) {
            case .done(let answer):
                if read.verification == .offered {
                    engine.offeredChecksum.learn(state.range.verification, engine.logger)
                }
                return .complete(.success(answer))
            case .askAgain: return .askAgain
            case .pastEnd(let failure): return .findEnd(failure)
            case .failed(let failure, let madeProgress):
                if madeProgress { state.call.progressed(now: engine.surroundings.uptime()) }
                return .follow(engine.next(after: failure, &state.call, requestID: requestID), failure)
            }
        }
        switch action {
        case .complete(let answer): complete(answer, isOnTransport: isOnTransport)
        case .askAgain: attemptWithAnyToken()
        case .findEnd(let failure): later { await $0.findEnd(failure) }
        case .follow(.wait(let delay), _): later { await $0.waitAndAttempt(delay) }
        case .follow(.renewToken, let failure):
            later { await $0.awaitTokenAndAttempt(refused: (token, failure.error)) }
        case .follow(.correctClock(let date), let failure):
            if engine.learnClock(from: date) {
                attempt(token: nil)
            } else {
                complete(.failure(failure.error), isOnTransport: isOnTransport)
            }
        case .follow(.reconnect, _): attemptWithAnyToken()
        case .follow(.fail(let error), _): complete(.failure(error), isOnTransport: isOnTransport)
        }
    }

    private enum Action {
        case complete(Result<BlobReadResult, StorageError>)
        case findEnd(AttemptFailure)
        case askAgain
        case follow(CallProgress.Next, AttemptFailure)
    }

    private func waitAndAttempt(_ delay: Duration) async {
        do {
            try await engine.surroundings.sleep(delay)
        } catch {
            let request = state.withLock { $0.range.request }
            complete(.failure(engine.cancelled(request)), isOnTransport: false)
            return
        }
        attemptWithAnyToken()
    }

    /// The answer to a range behind the blob's end does not tell its length: a HEAD does. If the blob has grown over the
    /// range meanwhile, the read goes on.
    private func findEnd(_ failure: AttemptFailure) async {
        let range = state.withLock { $0.range }
        do throws(StorageError) {
            let properties = try await engine.properties(of: read.blob, condition: range.request.condition).properties
            if properties.length > range.range.lowerBound + UInt64(range.delivered) {
                var failure = failure
                failure.error.persistence = .temporary
                let next = state.withLock { engine.next(after: failure, &$0.call, requestID: requestID) }
                guard case .wait(let delay) = next else { throw failure.error }
                await waitAndAttempt(delay)
            } else {
                let answer = BlobReadResult(
                    byteCount: range.delivered,
                    blobLength: properties.length,
                    version: properties.version,
                    creationTime: properties.creationTime,
                    properties: read.wantsProperties ? properties : nil
                )
                complete(.success(answer), isOnTransport: false)
            }
        } catch {
            complete(.failure(error), isOnTransport: false)
        }
    }

    // MARK: Ends

    /// Goes on in a task, which `cancel` ends.
    private func later(_ work: @escaping @Sendable (RangeRead) async -> Void) {
        let task = Task { await work(self) }
        let isCancelled = state.withLock { state in
            state.task = task
            return state.isCancelled
        }
        if isCancelled { task.cancel() }
    }

    private func complete(_ answer: Result<BlobReadResult, StorageError>, isOnTransport: Bool) {
        if case .failure(let error) = answer, error.kind != .cancelled { engine.counting.failed() }
        if isOnTransport {
            completion(answer)
        } else {
            engine.transport.perform { self.completion(answer) }
        }
    }
}
