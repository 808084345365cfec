internal import BlobStorage
internal import CCurl
internal import Glibc

/// A libcurl easy handle and the header list that it uses. Owned by the transport's thread; kept and reset between
/// transfers, because making one costs more than a small request.
final class EasyHandle {
    let raw: UnsafeMutableRawPointer
    private var headers: UnsafeMutablePointer<curl_slist>?

    init?() {
        guard let raw = curl_easy_init() else { return nil }
        self.raw = raw
    }

    deinit {
        curl_easy_cleanup(raw)
        curl_slist_free_all(headers)
    }

    /// Forgets the transfer; connections and names stay with the multi handle.
    func reset() {
        curl_easy_reset(raw)
        curl_slist_free_all(headers)
        headers = nil
    }

    /// How long the server took from the request to the answer's first byte.
    var firstByteLatency: Duration {
        var sent: curl_off_t = 0
        var answered: curl_off_t = 0
        ccurl_get_off(raw, CURLINFO_PRETRANSFER_TIME_T, &sent)
        ccurl_get_off(raw, CURLINFO_STARTTRANSFER_TIME_T, &answered)
        return .microseconds(max(answered - sent, 0))
    }

    /// What libcurl is to do for this transfer, which must live until the handle is reset. `false` if it has no memory.
    func prepare(for transfer: Transfer, caFile: String?) -> Bool {
        setConnectionOptions(transfer.exchange.timeouts, caFile: caFile)
        setCallbacks(transfer)
        let request = transfer.exchange.request
        if !transfer.exchange.usesProxy { ccurl_set_string(raw, CURLOPT_NOPROXY, "*") }
        guard ccurl_set_string(raw, CURLOPT_URL, request.url) == CURLE_OK else { return false }
        switch request.method {
        case .get: ccurl_set_long(raw, CURLOPT_HTTPGET, 1)
        case .head: ccurl_set_long(raw, CURLOPT_NOBODY, 1)
        case .put: ccurl_set_string(raw, CURLOPT_CUSTOMREQUEST, "PUT")
        case .delete: ccurl_set_string(raw, CURLOPT_CUSTOMREQUEST, "DELETE")
        case .post: ccurl_set_string(raw, CURLOPT_CUSTOMREQUEST, "POST")
        }
        var hasBody = false
        if let body = transfer.exchange.body, body.byteCount > 0 {
            hasBody = true
            ccurl_set_long(raw, CURLOPT_UPLOAD, 1)
            ccurl_set_off(raw, CURLOPT_INFILESIZE_LARGE, curl_off_t(body.byteCount))
            ccurl_set_long(raw, CURLOPT_UPLOAD_BUFFERSIZE, Self.uploadBufferSize)
        }
        return setHeaders(request.headers, hasBody: hasBody)
    }

    /// What READFUNCTION fills at a time: an eighth of the calls that the default of 64 KiB takes. 64 KiB, 512 KiB and
    /// 2 MiB were tried on a loaded machine and could not be told apart (0.19 to 0.25 s of processor time per GiB).
    private static let uploadBufferSize = 512 << 10
    /// What is received at a time; libcurl's default of 16 KiB costs 40 % more processor time per byte.
    static let receiveBufferSize = 128 << 10

    private func setConnectionOptions(_ timeouts: AttemptTimeouts, caFile: String?) {
        ccurl_set_long(raw, CURLOPT_NOSIGNAL, 1)
        ccurl_allow_http_only(raw)
        ccurl_set_long(raw, CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_1_1))
        // Otherwise libcurl squeezes /./ and /../ before it sends, and the signature is over the path as sent.
        ccurl_set_long(raw, CURLOPT_PATH_AS_IS, 1)
        // A redirect would carry Authorization or a SAS to another host.
        ccurl_set_long(raw, CURLOPT_FOLLOWLOCATION, 0)
        // Stored bytes are not to be decoded: ranges, lengths and checksums are of the encoded ones.
        ccurl_set_long(raw, CURLOPT_HTTP_CONTENT_DECODING, 0)
        ccurl_set_long(raw, CURLOPT_SSL_VERIFYPEER, 1)
        ccurl_set_long(raw, CURLOPT_SSL_VERIFYHOST, 2)
        if let caFile { ccurl_set_string(raw, CURLOPT_CAINFO, caFile) }
        ccurl_set_long(raw, CURLOPT_TCP_KEEPALIVE, 1)
        ccurl_set_sockopt(raw) { _, socket, _ in
            ReceiveBuffer.set(on: socket)
            return CURL_SOCKOPT_OK
        }
        ccurl_set_long(raw, CURLOPT_BUFFERSIZE, Self.receiveBufferSize)
        ccurl_set_string(raw, CURLOPT_USERAGENT, "outputfs")
        ccurl_set_long(raw, CURLOPT_CONNECTTIMEOUT_MS, timeouts.connect.milliseconds)
        ccurl_set_long(raw, CURLOPT_LOW_SPEED_LIMIT, AttemptTimeouts.stallRate)
        ccurl_set_long(raw, CURLOPT_LOW_SPEED_TIME, max(1, timeouts.stall.milliseconds / 1000))
        ccurl_set_long(raw, CURLOPT_TIMEOUT_MS, timeouts.total.milliseconds)
    }

    private func setHeaders(_ list: [HTTPHeader], hasBody: Bool) -> Bool {
        // No 100-continue: it costs a round trip for every body.
        guard append("Expect:") else { return false }
        for header in list {
            // libcurl writes the length of a body itself.
            if hasBody, header.hasName("Content-Length") { continue }
            guard append(header.value.isEmpty ? "\(header.name);" : "\(header.name): \(header.value)") else {
                return false
            }
        }
        return ccurl_set_pointer(raw, CURLOPT_HTTPHEADER, headers) == CURLE_OK
    }

    private func append(_ line: String) -> Bool {
        guard let longer = curl_slist_append(headers, line) else { return false }
        headers = longer
        return true
    }

    private func setCallbacks(_ transfer: Transfer) {
        // Not retained: the transport keeps the transfer until it has taken the handle out of the multi handle.
        let context = Unmanaged.passUnretained(transfer).toOpaque()
        ccurl_set_pointer(raw, CURLOPT_PRIVATE, context)
        ccurl_set_pointer(raw, CURLOPT_HEADERDATA, context)
        ccurl_set_write(raw, CURLOPT_HEADERFUNCTION) { bytes, size, count, context in
            let line = UnsafeRawBufferPointer(start: bytes, count: size * count)
            return EasyHandle.withTransfer(context) { $0.receiveHeader(line) } ? line.count : 0
        }
        ccurl_set_pointer(raw, CURLOPT_WRITEDATA, context)
        ccurl_set_write(raw, CURLOPT_WRITEFUNCTION) { bytes, size, count, context in
            let piece = UnsafeRawBufferPointer(start: bytes, count: size * count)
            return EasyHandle.withTransfer(context) { $0.receiveBody(piece) } ? piece.count : 0
        }
        ccurl_set_pointer(raw, CURLOPT_PREREQDATA, context)
        ccurl_set_prereq(raw) { context, _, _, _, _ in
            EasyHandle.withTransfer(context) { $0.willSend() }
            return CURL_PREREQFUNC_OK
        }
        guard transfer.exchange.body != nil else { return }
        ccurl_set_pointer(raw, CURLOPT_READDATA, context)
        ccurl_set_write(raw, CURLOPT_READFUNCTION) { buffer, size, count, context in
            let room = UnsafeMutableRawBufferPointer(start: buffer, count: size * count)
            return EasyHandle.withTransfer(context) { $0.provideBody(room) } ?? Int(CURL_READFUNC_ABORT)
        }
        ccurl_set_pointer(raw, CURLOPT_SEEKDATA, context)
        ccurl_set_seek(raw) { context, offset, origin in
            // libcurl seeks from the start only.
            let isDone = origin == SEEK_SET && EasyHandle.withTransfer(context) { $0.rewindBody(to: Int(offset)) }
            return isDone ? CURL_SEEKFUNC_OK : CURL_SEEKFUNC_CANTSEEK
        }
    }

    /// The transfer behind a callback's context, which `setCallbacks` never leaves empty. Not retained for the call:
    /// that was 5 % of the processor time, at 65,536 pieces per GiB.
    private static func withTransfer<Value>(_ context: UnsafeMutableRawPointer?, _ body: (Transfer) -> Value) -> Value {
        guard let context else { preconditionFailure("libcurl called back without its context") }
        return Unmanaged<Transfer>.fromOpaque(context)._withUnsafeGuaranteedRef(body)
    }
}

extension Duration {
    /// Rounded up, at least 1: to libcurl 0 means its default.
    fileprivate var milliseconds: Int {
        let (seconds, attoseconds) = components
        let whole = Int(clamping: seconds).multipliedReportingOverflow(by: 1000)
        guard !whole.overflow else { return Int(Int32.max) }
        return min(
            Int(Int32.max),
            max(1, whole.partialValue + Int((attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000))
        )
    }
}
