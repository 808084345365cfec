internal import BlobStorage

/// How a commit whose answer was lost, and which is refused the second time, is told from somebody else's.
enum CommitProof: Sendable {
    /// Ours alone carries it.
    case mark(UploadMark)
    /// These headers, and the bytes of this MD5: then it does not matter who put them there.
    case content(BlobHeaders)

    /// What to send, and how to recognise it. Without a condition the same commit may simply be sent again: `nil`.
    ///
    /// A mark stays in the blob's metadata for ever, 50 of its 8,192 bytes: only blobs get one that must be this caller's
    /// and nobody else's, or that have no MD5 to be known by.
    static func of(
        _ headers: BlobHeaders,
        _ condition: VersionCondition,
        isRepeatable: Bool = true
    ) -> (BlobHeaders, CommitProof?) {
        guard condition != .any || !isRepeatable else { return (headers, nil) }
        if condition != .absent, isRepeatable, headers.contentMD5 != nil { return (headers, .content(headers)) }
        let mark = UploadMark()
        var headers = headers
        headers.metadata = mark.added(to: headers.metadata)
        return (headers, .mark(mark))
    }

    func holds(for found: RequestEngine.BlobHead) -> Bool {
        switch self {
        case .mark(let mark): mark.isOn(found.head)
        case .content(let headers): headers.isStored(in: BlobHeaders(of: found.properties))
        }
    }
}

extension BlobHeaders {
    fileprivate func isStored(in stored: BlobHeaders) -> Bool {
        var (sent, found) = (self, stored)
        sent.contentType = sent.contentType ?? "application/octet-stream"
        // Metadata comes back in any order.
        (sent.metadata, found.metadata) = ([:], [:])
        return sent == found && Set(metadata.items) == Set(stored.metadata.items)
    }
}
