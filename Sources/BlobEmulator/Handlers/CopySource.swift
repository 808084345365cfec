/// A source that a copy names by URL: it has to be a blob of this server, and readable.
struct CopySource {
    var blob: Blob
    var url: String
}

extension Service {
    /// Finds the source. With `usesCallersRights`, a blob of the same account may be read with the rights that the
    /// request itself has (as Copy Blob allows); otherwise the URL needs a token, the blob to be public, or
    /// `x-ms-copy-source-authorization` a bearer.
    func copySource(_ exchange: Exchange, usesCallersRights: Bool) throws(Failure) -> CopySource {
        guard let url = exchange.headers.nonEmpty("x-ms-copy-source") else { throw .missingHeader("x-ms-copy-source") }
        guard url.utf8.count <= 2048, let target = CopyURL(url) else {
            throw .invalidHeader("x-ms-copy-source", "")
        }
        let blob: Blob
        do throws(Failure) {
            blob = try read(target, exchange, usesCallersRights: usesCallersRights)
        } catch {
            guard case .refused(let answer) = error else { throw error }
            throw unverifiable(answer)
        }
        try Conditions(exchange.headers, prefix: "x-ms-source-").checkWrite(blob)
        return CopySource(blob: blob, url: url)
    }

    private func read(_ target: CopyURL, _ exchange: Exchange, usesCallersRights: Bool) throws(Failure) -> Blob {
        var headers = HeaderFields()
        headers.append(name: "Host", value: target.host)
        headers.append(name: "x-ms-version", value: exchange.version.text)
        if let bearer = exchange.headers.nonEmpty("x-ms-copy-source-authorization") {
            headers.append(name: "Authorization", value: bearer)
        }
        let head = RequestHead(method: "GET", target: target.target, headers: headers, keepsAlive: true)
        var inner = try self.exchange(
            for: head,
            body: EmptyBody(),
            origin: RequestOrigin(peer: exchange.peer, requestID: exchange.requestID, now: exchange.now)
        )
        guard inner.operation == .getBlob else { throw .code(.invalidUri) }
        let isOwn = inner.address.account === exchange.address.account && head.headers["authorization"] == nil
        if usesCallersRights, isOwn, inner.query["sig"] == nil {
            inner.grant = try ownGrant(exchange, inner)
        } else {
            inner.grant = try authorizer.grant(inner)
        }
        let (blob, _) = try readableBlob(inner, needsKey: true)
        guard blob.tier != .archive else { throw .code(.blobArchived) }
        return blob
    }

    /// The account's key, and an account token that may read, are good for the source too.
    private func ownGrant(_ exchange: Exchange, _ inner: Exchange) throws(Failure) -> Grant {
        switch exchange.grant {
        case .full: return exchange.grant
        case .token(let permissions, isAccountToken: true) where permissions.contains("r"): return exchange.grant
        case .token, .anonymous: return try authorizer.grant(inner)
        }
    }

    private func unverifiable(_ cause: ServiceError) -> Failure {
        if cause.code == "SourceConditionNotMet" { return .refused(cause) }
        var error = ServiceError(.cannotVerifyCopySource)
        error.status = cause.status == 304 ? 412 : cause.status
        error.message = cause.message
        error.headers = [
            ("x-ms-copy-source-status-code", String(cause.status)), ("x-ms-copy-source-error-code", cause.code),
        ]
        return .refused(error)
    }

    /// The part of the source that Put Block From URL and Append Block From URL take.
    func copiedRange(_ exchange: Exchange, limit: Int) throws(Failure) -> ReceivedBody {
        guard exchange.body.length == 0 else { throw .invalidHeader("Content-Length", "") }
        let source = try copySource(exchange, usesCallersRights: false)
        var range = 0..<source.blob.content.length
        if let text = exchange.headers.nonEmpty("x-ms-source-range") {
            guard let bounds = ByteRange.bounds(text) else { throw .invalidHeader("x-ms-source-range", text) }
            guard bounds.first < range.upperBound else { throw .code(.invalidRange) }
            range = bounds.first..<(bounds.last.map { min($0 + 1, range.upperBound) } ?? range.upperBound)
        }
        guard range.count <= limit else { throw .bodyTooLarge(limit: limit) }
        let wantedMD5 = try exchange.md5Header("x-ms-source-content-md5")
        let wantedCRC64 = exchange.headers.nonEmpty("x-ms-source-content-crc64")
        let part = source.blob.content.part(range)
        var digests = BodyDigests(md5: wantedMD5 != nil, crc64: true)
        for slice in part.slices { slice.forEachPiece { digests.update($0) } }
        let md5 = digests.finishMD5().map { Base64.encode($0) }
        let crc64 = digests.crc64Value.map(CRC64.headerValue(of:))
        if let wantedMD5, wantedMD5 != md5 { throw .code(.md5Mismatch) }
        if let wantedCRC64, wantedCRC64 != crc64 { throw .code(.crc64Mismatch) }
        let answer: [(name: String, value: String)] =
            if let md5 { [("Content-MD5", md5)] } else { crc64.map { [("x-ms-content-crc64", $0)] } ?? [] }
        return ReceivedBody(content: part, md5: md5, crc64: crc64, answerHeaders: answer)
    }

    func putBlockFromURL(_ exchange: Exchange) throws(Failure) -> Response {
        let id = try blockID(exchange)
        let block = try copiedRange(exchange, limit: exchange.version.putBlockLimit)
        guard block.content.length > 0 else { throw .code(.invalidRange) }
        try stage(block.content, as: id, exchange, try exchange.container(), try exchange.blobName())
        return Response(201, block.answerHeaders + [("x-ms-request-server-encrypted", "true")])
    }
}

/// An absolute URL, cut into what a request to it would carry.
struct CopyURL {
    let host: String
    let target: String

    init?(_ url: String) {
        guard let scheme = ["http://", "https://"].first(where: { url.lowercased().hasPrefix($0) }) else { return nil }
        let rest = url.dropFirst(scheme.count)
        let slash = rest.firstIndex(of: "/") ?? rest.endIndex
        guard slash > rest.startIndex, slash < rest.endIndex else { return nil }
        (host, target) = (String(rest[..<slash]), String(rest[slash...]))
    }
}
