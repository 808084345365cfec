internal import BlobStorage
internal import Logging
internal import Synchronization

/// Everything a call needs: authorizes, sends, retries, counts.
final class RequestEngine: Sendable {
    let authorizer: RequestAuthorizer
    let transport: Transport
    let lane: Int
    let configuration: AzureBlobStoreConfiguration
    let surroundings: Surroundings
    let counting = RequestCounting()
    let offeredChecksum = OfferedChecksum()
    /// The server, or the token, permits no Blob Batch.
    let refusesBatches = Atomic(false)
    let logger: Logger

    init(
        authorizer: RequestAuthorizer,
        transport: Transport,
        lane: Int = 0,
        configuration: AzureBlobStoreConfiguration,
        surroundings: Surroundings,
        logger: Logger
    ) {
        self.authorizer = authorizer
        self.transport = transport
        self.lane = lane
        self.configuration = configuration
        self.surroundings = surroundings
        self.logger = logger
    }

    /// Head and collected body of a success.
    struct Answer: Sendable {
        var head: ResponseHead
        var body: [UInt8]
    }

    /// What a look at the blob said about an attempt whose answer was lost.
    enum Recovery<Value> {
        /// It was carried out.
        case done(Value)
        /// It was not, and may be sent again.
        case sendAgain
        /// Somebody else did this: the refusal stands.
        case refused
    }

    /// Sends until there is an answer, the service refuses, or time is up.
    ///
    /// - Parameters:
    ///   - read: makes a value of a success; what it throws counts as a failed attempt.
    ///   - recover: asked when the service refuses and an earlier attempt may have been carried out unseen.
    func call<Value: Sendable>(
        _ request: StorageRequest,
        body: UploadBody? = nil,
        priority: TransferPriority = .foreground,
        read: (Answer) throws(StorageError) -> Value,
        recover: ((StorageError) async throws(StorageError) -> Recovery<Value>)? = nil
    ) async throws(StorageError) -> Value {
        do throws(StorageError) {
            try RequestRules.check(request)
            return try await attempts(request, body, priority, read, recover)
        } catch {
            if error.kind != .cancelled { counting.failed() }
            throw error
        }
    }

    private func attempts<Value: Sendable>(
        _ request: StorageRequest,
        _ body: UploadBody?,
        _ priority: TransferPriority,
        _ read: (Answer) throws(StorageError) -> Value,
        _ recover: ((StorageError) async throws(StorageError) -> Recovery<Value>)?
    ) async throws(StorageError) -> Value {
        let requestID = RandomName.hexadecimal()
        var progress = CallProgress(policy(for: request.operation), now: surroundings.uptime())
        var refusal: (token: Secret?, error: StorageError)?
        var isRetry = false
        while true {
            let token: Secret?
            do throws(StorageError) {
                token = try await authorizer.token(refused: refusal?.token)
            } catch {
                try await waitForIdentity(error, &progress, request, requestID)
                continue
            }
            // There is no other: the service's word stands.
            if let refusal, refusal.token == token { throw refusal.error }
            refusal = nil
            let exchange = Exchange(
                request: authorizer.authorize(request, requestID: requestID, token: token),
                body: body,
                sink: .collected(limit: Self.answerMax),
                priority: priority,
                timeouts: timeouts(for: request, progress, byteCount: body?.byteCount ?? 0),
                lane: lane,
                needsFreshConnection: progress.needsFreshConnection
            )
            counting.sent(request.operation, isRetry: isRetry)
            isRetry = true
            let start = surroundings.uptime()
            let result = await transport.send(exchange)
            counting.ended(result, request.operation, after: surroundings.uptime() - start)
            if let date = result.head?.date { counting.noteClock(offset: date - surroundings.wallClock()) }
            progress.noteSent(times: result.sendCount)
            var failure: AttemptFailure
            switch outcome(of: result, request) {
            case .success(let answer):
                do throws(StorageError) {
                    return try read(answer)
                } catch {
                    // The status said yes: what was asked is done, though the answer cannot be read.
                    failure = AttemptFailure(error: error, isUnclear: true)
                }
            case .failure(let failed): failure = failed
            }
            if progress.isUnclear, failure.error.persistence == .permanent, failure.error.kind != .cancelled,
                let recover
            {
                switch try await recover(failure.error) {
                case .done(let value): return value
                case .sendAgain: failure.error.persistence = .temporary
                case .refused: break
                }
            }
            switch next(after: failure, &progress, requestID: requestID) {
            case .wait(let delay):
                do { try await surroundings.sleep(delay) } catch { throw cancelled(request) }
            case .correctClock(let date):
                guard learnClock(from: date) else { throw failure.error }
            case .renewToken: refusal = (token, failure.error)
            case .reconnect: break
            case .fail(let error): throw error
            }
        }
    }

    /// Nothing was sent, since there is no token: as any attempt that failed.
    private func waitForIdentity(
        _ error: StorageError,
        _ progress: inout CallProgress,
        _ request: StorageRequest,
        _ requestID: String
    ) async throws(StorageError) {
        let failure = AttemptFailure(error: error, isUnclear: false)
        guard !Task.isCancelled else { throw cancelled(request) }
        guard case .wait(let delay) = next(after: failure, &progress, requestID: requestID) else { throw error }
        do { try await surroundings.sleep(delay) } catch { throw cancelled(request) }
    }

    /// Pages of a listing and block lists are the largest answers that are collected: 5,000 blobs with 8 KiB of
    /// metadata each.
    private static let answerMax = 256 << 20

    func next(after failure: AttemptFailure, _ progress: inout CallProgress, requestID: String) -> CallProgress.Next {
        let next = progress.failed(
            failure,
            now: surroundings.uptime(),
            random: surroundings.random(),
            usesToken: authorizer.needsToken
        )
        if case .wait(let delay) = next {
            logger.debug(
                "trying again",
                metadata: [
                    "after": "\(delay)", RetryLog.failures: "\(progress.failures)", "client-request-id": "\(requestID)",
                    RetryLog.reason: "\(failure.error)",
                ]
            )
        }
        return next
    }

    func cancelled(_ request: StorageRequest) -> StorageError {
        StorageError(.cancelled, .permanent, request, "cancelled")
    }

    func policy(for operation: StorageOperation) -> RetryPolicy {
        switch operation {
        case .putBlob, .putBlock, .putBlockFromURL, .putBlockList, .appendBlock, .copyBlobFromURL:
            RetryPolicy(deadline: configuration.commitDeadline)
        default: RetryPolicy(deadline: configuration.retryDeadline)
        }
    }

    func timeouts(for request: StorageRequest, _ progress: CallProgress, byteCount: Int) -> AttemptTimeouts {
        let elapsed = surroundings.uptime() - progress.start
        // Until it is a body's turn again: to libcurl one that is held back while it is sent stands still.
        let turn = configuration.network.rates.longest(byteCount: 32 << 10, sharedBy: configuration.maxConnections)
        return AttemptTimeouts(
            connect: configuration.connectTimeout,
            stall: configuration.stallTimeout + request.operation.patience + turn,
            total: progress.policy.attemptTotal(elapsed: elapsed, byteCount: byteCount)
                + configuration.network.rates.longest(byteCount: byteCount, sharedBy: configuration.maxConnections)
        )
    }

    /// Whether requests are dated otherwise from now on, by the service's clock. Says so.
    func learnClock(from serverDate: Int64) -> Bool {
        guard authorizer.learnClock(from: serverDate) else { return false }
        let offset = ClockOffset(seconds: serverDate - surroundings.wallClock())
        logger.warning("this machine's clock is \(offset); requests are dated by the store's from now on")
        return true
    }

    /// Success, or what went wrong and whether the service may have done it all the same.
    func outcome(of result: ExchangeResult, _ request: StorageRequest) -> Result<Answer, AttemptFailure> {
        if let failure = result.failure {
            var error = StorageError(failure, request: request, head: result.head)
            error.obstacle = result.obstacle
            if error.persistence == .temporary, result.obstacle?.isPermanent == true { error.persistence = .permanent }
            return .failure(
                AttemptFailure(
                    error: error,
                    isUnclear: result.sendCount > 0 && failure != .localInput,
                    wasDeadConnection: result.wasDeadConnection
                )
            )
        }
        guard let head = result.head else {
            let error = StorageError(.cutShort, request: request, head: nil)
            return .failure(AttemptFailure(error: error, isUnclear: true))
        }
        guard head.isSuccess else {
            var error = StorageError(head, body: result.body, request: request)
            error.obstacle = NetworkObstacle(head, error.kind, wallClock: surroundings.wallClock())
            // 503 and 429 are refusals before any work; the others may come after it.
            let isUnclear = [408, 500, 502, 504].contains(head.status)
            return .failure(AttemptFailure(error: error, isUnclear: isUnclear, serverDate: head.date))
        }
        return .success(Answer(head: head, body: result.body))
    }
}

extension StorageOperation {
    /// How long the service may work on a request without a byte moving, beyond the ordinary: Put Block List has a limit
    /// of 60 s there, a copy moves up to 256 MiB behind the scenes, the others are ended after 30 s.
    var patience: Duration {
        switch self {
        case .getBlob: .zero
        // Up to 256 deletes, one after the other, before the first byte of the answer.
        case .putBlockList, .blobBatch: .seconds(60)
        case .copyBlobFromURL, .putBlockFromURL: .seconds(120)
        default: .seconds(15)
        }
    }
}
