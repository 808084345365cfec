/// Blob Batch: up to 256 deletes or tier changes in one request, each with credentials of its own.
extension Service {
    func blobBatch(_ exchange: Exchange) throws(Failure) -> Response {
        guard let type = exchange.headers.nonEmpty("content-type"), type.lowercased().hasPrefix("multipart/mixed"),
            let boundary = MultipartBody.boundary(of: type)
        else { throw .invalidHeader("Content-Type", exchange.headers["content-type"] ?? "") }
        let body = try exchange.body.readAll(limit: 4 << 20)
        guard let parts = MultipartBody.parts(of: body, boundary: boundary), (1...256).contains(parts.count) else {
            throw .code(.invalidInput)
        }
        var answers: [(id: String?, response: Response)] = []
        for part in parts {
            guard let head = part.head else { throw .code(.invalidInput) }
            answers.append((part.contentID, answer(head, of: exchange)))
        }
        let answerBoundary = "batchresponse_" + randomGUID()
        return Response(
            202,
            [("Content-Type", "multipart/mixed; boundary=" + answerBoundary)],
            body: .bytes(MultipartBody.render(answers, boundary: answerBoundary))
        )
    }

    private func answer(_ head: RequestHead, of batch: Exchange) -> Response {
        let requestID = randomGUID()
        var response: Response
        do throws(Failure) {
            var inner = try self.exchange(
                for: head,
                body: EmptyBody(),
                origin: RequestOrigin(
                    peer: batch.peer,
                    requestID: requestID,
                    now: batch.now,
                    version: batch.version,
                    host: batch.host
                )
            )
            guard inner.operation == .deleteBlob || inner.operation == .setBlobTier else {
                throw .code(.invalidInput)
            }
            if let container = batch.address.container, inner.address.container != container {
                throw .code(.invalidInput)
            }
            let plan = faults.plan(operation: inner.operation.rawValue, blob: inner.address.blob)
            if let refusal = plan.refusal, !refusal.isApplied { throw refusal.failure }
            inner.grant = try grant(inner, in: batch)
            response = try handle(inner)
        } catch {
            guard case .refused(let refusal) = error else { return Response(500) }
            response = refusal.response(requestID: requestID, now: batch.now, isHead: false)
        }
        response.set("x-ms-request-id", requestID)
        response.set("x-ms-version", batch.version.text)
        response.set("x-ms-client-request-id", head.headers["x-ms-client-request-id"])
        return response
    }

    /// A part without credentials of its own rides on the token of the batch, as the client libraries send it.
    private func grant(_ inner: Exchange, in batch: Exchange) throws(Failure) -> Grant {
        if inner.headers["authorization"] == nil, inner.query["sig"] == nil, batch.query["sig"] != nil {
            let rule = inner.operation.accessRule
            guard case .token(let permissions, _) = batch.grant,
                permissions.contains(where: { rule.anyOf.contains($0) })
            else { throw .code(.authorizationPermissionMismatch) }
            return batch.grant
        }
        return try authorizer.grant(inner)
    }
}

/// The parts of a batch on the wire.
enum MultipartBody {
    struct Part {
        var contentID: String?
        /// The request inside; nil if it cannot be parsed.
        var head: RequestHead?
    }

    static func boundary(of contentType: String) -> String? {
        guard let mark = contentType.range(of: "boundary=") else { return nil }
        let value = contentType[mark.upperBound...].prefix { $0 != ";" }
        let bare = value.hasPrefix("\"") && value.hasSuffix("\"") ? value.dropFirst().dropLast() : value
        return bare.isEmpty ? nil : String(bare)
    }

    /// Nil unless the body begins with the boundary and ends with its closing form.
    static func parts(of body: [UInt8], boundary: String) -> [Part]? {
        let lines = body.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
            .map { $0.last == UInt8(ascii: "\r") ? $0.dropLast() : $0 }
        let open = Array("--\(boundary)".utf8)
        let close = Array("--\(boundary)--".utf8)
        var parts: [Part] = []
        var current: [ArraySlice<UInt8>]?
        for line in lines {
            if line.elementsEqual(close) {
                if let current { parts.append(part(current)) }
                return parts
            }
            if line.elementsEqual(open) {
                if let current { parts.append(part(current)) }
                current = []
            } else {
                current?.append(line)
            }
        }
        return nil
    }

    /// Header lines of the part, an empty line, then the request's own head.
    private static func part(_ lines: [ArraySlice<UInt8>]) -> Part {
        guard let gap = lines.firstIndex(where: \.isEmpty) else { return Part() }
        var part = Part()
        for line in lines[..<gap] {
            let text = String(decoding: line, as: UTF8.self)
            if text.lowercased().hasPrefix("content-id:") {
                part.contentID = String(text.dropFirst(11).drop { $0 == " " })
            }
        }
        let request = lines[(gap + 1)...].drop(while: \.isEmpty)
        let head = Array(request.prefix { !$0.isEmpty }.joined(separator: Array("\r\n".utf8))) + Array("\r\n\r\n".utf8)
        part.head = head.withUnsafeBytes { try? RequestHead(parsing: $0) }
        return part
    }

    static func render(_ answers: [(id: String?, response: Response)], boundary: String) -> [UInt8] {
        var bytes: [UInt8] = []
        for answer in answers {
            bytes.append(contentsOf: "--\(boundary)\r\nContent-Type: application/http\r\n".utf8)
            if let id = answer.id { bytes.append(contentsOf: "Content-ID: \(id)\r\n".utf8) }
            bytes.append(contentsOf: "\r\n".utf8)
            bytes.append(contentsOf: answer.response.head())
            if case .bytes(let body) = answer.response.body { bytes.append(contentsOf: body) }
            bytes.append(contentsOf: "\r\n".utf8)
        }
        bytes.append(contentsOf: "--\(boundary)--\r\n".utf8)
        return bytes
    }
}

extension String {
    /// The first place where `text` occurs.
    fileprivate func range(of text: String) -> Range<Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(text) {
                return start..<index(start, offsetBy: text.count)
            }
            start = index(after: start)
        }
        return nil
    }
}
