internal import BlobStorage
internal import CCurl
internal import Synchronization

/// One exchange on its way. Apart from `exchange` and `completion` everything belongs to the transport's thread.
final class Transfer: Sendable {
    let exchange: Exchange
    let completion: @Sendable (ExchangeResult) -> Void

    nonisolated(unsafe) var handle: EasyHandle?
    /// As which it is queued, and counted while it is active.
    nonisolated(unsafe) var priority: TransferPriority
    /// Somebody waits for it: from the start, or since it was raised.
    nonisolated(unsafe) var isWanted: Bool
    /// Bytes of heads and bodies that arrived: whether anything does.
    nonisolated(unsafe) var arrivedCount = 0
    nonisolated(unsafe) var hedge = HedgeState()
    /// Where bodies are held back; `nil` if they are not.
    nonisolated(unsafe) var pacing: Pacing? { didSet { isPaced = pacing != nil } }
    /// To look at the reference itself would be a retain for each of 65,536 pieces per GiB.
    private nonisolated(unsafe) var isPaced = false
    nonisolated(unsafe) var pace = Pace()
    nonisolated(unsafe) var result = ExchangeResult()
    private let ended = Atomic(false)
    private nonisolated(unsafe) var headLines: [String] = []
    private nonisolated(unsafe) var uploadOffset = 0
    /// Why a callback stopped the transfer; libcurl only says that one did.
    private nonisolated(unsafe) var stopReason: TransportFailure?
    /// Where the body goes, and how many bytes of it; `nil` while unknown or if the body is collected. Out of the
    /// exchange: to take the sink apart for each of 65,536 pieces per GiB is 3 % of the processor time in retains.
    private nonisolated(unsafe) var destination: UnsafeMutableRawBufferPointer?
    private nonisolated(unsafe) var reportedCount = 0

    /// Whether the completion was, or is being, called.
    var hasEnded: Bool { ended.load(ordering: .acquiring) }

    /// Calls the completion, the first time.
    func end(_ failure: TransportFailure?) {
        guard !ended.exchange(true, ordering: .acquiringAndReleasing) else { return }
        result.failure = failure
        completion(result)
        result = ExchangeResult()
    }

    init(_ exchange: Exchange, completion: @escaping @Sendable (ExchangeResult) -> Void) {
        self.exchange = exchange
        self.completion = completion
        priority = exchange.priority
        isWanted = exchange.priority == .foreground
    }

    /// Takes part in a race for another transfer's answer, which is in its result.
    convenience init(hedging other: Transfer) {
        self.init(other.exchange) { _ in }
        priority = .foreground
        isWanted = true
        reportedCount = other.reportedCount
        hedge.original = other
    }

    /// Ends it with the answer that its second request brought.
    func end(with other: Transfer, _ failure: TransportFailure?) {
        result = other.result
        end(failure)
    }

    // MARK: What libcurl calls

    /// One line of a head, with its line break. Returns whether to go on.
    func receiveHeader(_ bytes: UnsafeRawBufferPointer) -> Bool {
        arrivedCount += bytes.count
        var end = bytes.count
        while end > 0, bytes[end - 1] == 0x0A || bytes[end - 1] == 0x0D { end -= 1 }
        guard end > 0 else {
            finishHead()
            return true
        }
        let line = String(decoding: bytes[..<end], as: UTF8.self)
        // 100 Continue comes before the head that counts; so does the answer to a proxy's CONNECT.
        if line.hasPrefix("HTTP/") { headLines = [] }
        // 64 KiB of headers are no answer of a storage service; libcurl itself would take 300 KiB.
        guard headLines.count < 256 else {
            stopReason = .tooLong
            return false
        }
        headLines.append(line)
        return true
    }

    private func finishHead() {
        guard let head = ResponseHead(lines: headLines), head.status >= 200 else { return }
        result.head = head
        if case .memory(let sink) = exchange.sink {
            destination = sink.capacity(head).map { .init(start: sink.destination, count: $0) }
        }
    }

    /// What becomes of a piece of the body.
    enum Reception {
        case taken
        /// Not its turn: the same piece comes again.
        case later
        case stopped
    }

    /// A piece of the body, at most 16 KiB.
    func receiveBody(_ bytes: UnsafeRawBufferPointer) -> Reception {
        if isPaced, let pacing, !pacing.mayReceive(bytes.count, self) { return .later }
        return keepBody(bytes) ? .taken : .stopped
    }

    /// Returns whether to go on.
    private func keepBody(_ bytes: UnsafeRawBufferPointer) -> Bool {
        arrivedCount += bytes.count
        if let destination {
            guard bytes.count <= destination.count - result.byteCount else {
                stopReason = .tooLong
                return false
            }
            UnsafeMutableRawBufferPointer(rebasing: destination[result.byteCount...]).copyMemory(from: bytes)
            result.byteCount += bytes.count
            return true
        }
        let limit = if case .collected(let limit) = exchange.sink { limit } else { Self.explanationMax }
        guard result.body.count + bytes.count <= limit else {
            stopReason = .tooLong
            return false
        }
        if result.body.isEmpty, let length = result.head?.contentLength, length <= UInt64(limit) {
            result.body.reserveCapacity(Int(length))
        }
        result.body.append(contentsOf: bytes)
        return true
    }

    /// An error's explanation is a few hundred bytes; a proxy's page some thousands.
    private static let explanationMax = 256 << 10

    /// What becomes of the room for bytes to send.
    enum Provision {
        /// 0: that was all.
        case filled(Int)
        /// Not its turn: the room comes again.
        case later
        case stopped
    }

    /// Fills the buffer with the next bytes to send.
    func provideBody(_ buffer: UnsafeMutableRawBufferPointer) -> Provision {
        guard let body = exchange.body else { return .filled(0) }
        var wanted = min(buffer.count, body.byteCount - uploadOffset)
        guard wanted > 0 else { return .filled(0) }
        if isPaced, let pacing {
            wanted = pacing.sendable(wanted, self)
            guard wanted > 0 else { return .later }
        }
        let room = UnsafeMutableRawBufferPointer(rebasing: buffer[..<wanted])
        guard let count = body.read(uploadOffset, room), count > 0, count <= wanted else {
            stopReason = .localInput
            return .stopped
        }
        uploadOffset += count
        result.uploadedCount += count
        return .filled(count)
    }

    func rewindBody(to offset: Int) -> Bool {
        guard let body = exchange.body, (0...body.byteCount).contains(offset) else { return false }
        uploadOffset = offset
        return true
    }

    /// The connection stands and the request goes out now. A second time means that libcurl repeats it.
    func willSend() { result.sendCount += 1 }

    // MARK: Progress and end

    /// Whether somebody wants to hear of bytes before the end.
    var reportsProgress: Bool {
        if case .memory(let sink) = exchange.sink { sink.onProgress != nil } else { false }
    }

    /// Whether so little of the body is missing that it is cheaper to let it come than to cut the connection.
    var isNearlyComplete: Bool {
        guard let destination, result.head?.isSuccess == true else { return false }
        return destination.count - result.byteCount <= Self.worthFinishing
    }

    /// 1 MiB: 10 ms at 100 MiB/s. A new connection takes two or three round trips, 3 ms of processor time for TLS, and
    /// a congestion window that must grow again.
    private static let worthFinishing = 1 << 20

    /// Tells of bytes that came since the last time. Once per round rather than per piece: libcurl hands out 16 KiB at
    /// a time, however much it received.
    func reportProgress() {
        guard case .memory(let sink) = exchange.sink, let onProgress = sink.onProgress,
            result.byteCount > reportedCount
        else { return }
        reportedCount = result.byteCount
        onProgress(reportedCount)
    }

    func setFailure(_ code: CURLcode) {
        guard code != CURLE_OK, let handle else {
            result.failure = stopReason
            return
        }
        let reason = handle.errorText ?? String(cString: curl_easy_strerror(code))
        result.failure = stopReason ?? TransportFailure(code, reason)
        guard stopReason == nil else { return }
        result.obstacle = NetworkObstacle(
            code,
            reason: reason,
            handle,
            isSecure: exchange.request.url.hasPrefix("https:")
        )
        let isBroken = [CURLE_SEND_ERROR, CURLE_RECV_ERROR, CURLE_GOT_NOTHING].contains(code)
        result.wasDeadConnection = isBroken && arrivedCount == 0 && handle.usedKeptConnection
    }
}

extension TransportFailure {
    /// `nil` for CURLE_OK.
    init?(_ code: CURLcode, _ reason: String) {
        switch code {
        case CURLE_OK: return nil
        case CURLE_PARTIAL_FILE, CURLE_GOT_NOTHING, CURLE_WEIRD_SERVER_REPLY: self = .cutShort
        case CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CACERT_BADFILE, CURLE_SSL_CERTPROBLEM, CURLE_SSL_ISSUER_ERROR:
            self = .untrusted(reason)
        case CURLE_URL_MALFORMAT, CURLE_UNSUPPORTED_PROTOCOL, CURLE_BAD_FUNCTION_ARGUMENT, CURLE_UNKNOWN_OPTION:
            self = .invalid(reason)
        default: self = .network(reason)
        }
    }
}
