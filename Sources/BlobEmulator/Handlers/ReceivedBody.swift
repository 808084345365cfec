/// A body that has been taken in, with the checksums that were wanted of it.
struct ReceivedBody: Sendable {
    var content: Content
    /// Base64; nil if nobody wanted it.
    var md5: String?
    /// As a header value; nil if nobody wanted it.
    var crc64: String?
    /// What the answer repeats: the MD5 if the request had one, the CRC otherwise.
    var answerHeaders: [(name: String, value: String)]
}

extension Exchange {
    /// Takes in the body of a write and checks it against the checksum that came with it.
    func receiveBody(into store: ContentStore, limit: Int, alwaysMD5: Bool) throws(Failure) -> ReceivedBody {
        let length = try bodyLength(limit: limit)
        let expected = try expectedChecksums()
        let answersCRC64 = expected.md5 == nil && version.isAtLeast("2019-02-02")
        var digests = BodyDigests(
            md5: alwaysMD5 || expected.md5 != nil,
            crc64: expected.crc64 != nil || answersCRC64
        )
        let content = try store.receive(body, length: length, digests: &digests)
        let md5 = digests.finishMD5().map { Base64.encode($0) }
        let crc64 = digests.crc64Value.map(CRC64.headerValue(of:))
        try check(expected, md5: md5, crc64: crc64)
        let answer: [(name: String, value: String)] =
            if let md5, !answersCRC64 { [("Content-MD5", md5)] } else {
                crc64.map { [("x-ms-content-crc64", $0)] } ?? []
            }
        return ReceivedBody(content: content, md5: md5, crc64: crc64, answerHeaders: answer)
    }

    /// Takes in an XML document and checks it in the same way.
    func receiveDocument(limit: Int) throws(Failure) -> (bytes: [UInt8], answerHeaders: [(name: String, value: String)])
    {
        let expected = try expectedChecksums()
        let bytes = try body.readAll(limit: limit)
        var digests = BodyDigests(md5: true, crc64: true)
        bytes.withUnsafeBytes { digests.update($0) }
        let md5 = digests.finishMD5().map { Base64.encode($0) }
        let crc64 = digests.crc64Value.map(CRC64.headerValue(of:))
        try check(expected, md5: md5, crc64: crc64)
        if expected.md5 != nil, let md5 { return (bytes, [("Content-MD5", md5)]) }
        return (bytes, crc64.map { [("x-ms-content-crc64", $0)] } ?? [])
    }

    private func bodyLength(limit: Int) throws(Failure) -> Int {
        guard let length = body.length, !head.isChunked else { throw .code(.missingContentLengthHeader) }
        guard length <= limit else { throw .bodyTooLarge(limit: limit) }
        // The structured form carries checksums inside the body; storing it as it is would store them too.
        if let structured = headers["x-ms-structured-body"] {
            throw .code(.unsupportedHeader, [("HeaderName", "x-ms-structured-body"), ("HeaderValue", structured)])
        }
        return length
    }

    private func expectedChecksums() throws(Failure) -> (md5: String?, crc64: String?) {
        let md5 = try md5Header("content-md5")
        let crc64 = headers.nonEmpty("x-ms-content-crc64")
        guard md5 == nil || crc64 == nil else { throw .code(.bothCrc64AndMd5HeaderPresent) }
        if let crc64, Base64.decode(crc64)?.count != 8 { throw .invalidHeader("x-ms-content-crc64", crc64) }
        return (md5, crc64)
    }

    private func check(
        _ expected: (md5: String?, crc64: String?),
        md5: String?,
        crc64: String?
    ) throws(Failure) {
        if let wanted = expected.md5, let md5, wanted != md5 {
            throw .code(.md5Mismatch, [("UserSpecifiedMd5", wanted), ("ServerCalculatedMd5", md5)])
        }
        if let wanted = expected.crc64, let crc64, wanted != crc64 {
            throw .code(.crc64Mismatch, [("UserSpecifiedCrc", wanted), ("ServerCalculatedCrc", crc64)])
        }
    }
}
