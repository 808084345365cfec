/// A fault to be made on purpose: for which requests, how often, and what happens.
package struct FaultRule: Sendable, Equatable {
    /// The operation's name, such as `Get Blob`; nil for any.
    package var operation: String?
    /// The blob's name; with `*` at its end, what names begin with; nil for any.
    package var blob: String?
    /// How many matching requests go unharmed first.
    package var skip: Int
    /// How many requests are hit after that; nil for all.
    package var times: Int?
    package var effect: FaultEffect

    package init(
        _ effect: FaultEffect,
        operation: String? = nil,
        blob: String? = nil,
        skip: Int = 0,
        times: Int? = nil
    ) {
        (self.effect, self.operation, self.blob, self.skip, self.times) = (effect, operation, blob, skip, times)
    }

    func matches(operation: String, blob: Name?) -> Bool {
        if let wanted = self.operation, wanted != operation { return false }
        guard let pattern = self.blob else { return true }
        guard let blob else { return false }
        return pattern.hasSuffix("*") ? blob.hasPrefix(Name(String(pattern.dropLast()))) : blob == Name(pattern)
    }
}

/// What a fault does to a request.
package enum FaultEffect: Sendable, Equatable {
    /// Waits before the request is served.
    case delay(milliseconds: Int)
    /// Waits until the rules are replaced, and is served then, whether or not the client still waits for the answer.
    case hold
    /// Sends and receives bodies no faster than this.
    case bodyRate(bytesPerSecond: Int)
    /// Answers with an error; with `applied`, only after the request has done its work.
    case status(Int, code: String, retryAfter: Int? = nil, applied: Bool = false)
    case reset(ResetPoint)
    /// Closes the connection in order after so many bytes of the body.
    case cut(afterBytes: Int)
    /// Stops sending for a while, so many bytes into the head or the body.
    case stall(StalledPart, afterBytes: Int, milliseconds: Int)
    /// Turns over the bits of one byte of the answer's body.
    case corrupt(byte: Int)
    /// Turns over the bits of one byte of the request's body, as a bad link would: the checksum that came with it is wrong.
    case corruptRequest(byte: Int)
    /// Sends `Content-MD5` and `x-ms-content-crc64` that belong to other bytes.
    case wrongChecksum
    /// Computes no checksums of ranges, as other servers of this protocol: no CRC-64, or none at all.
    case withoutRangeChecksum(Checksum)
    /// List pages have at most so many entries; none, with a marker, for 0.
    case shortPages(entries: Int)
    /// Answers `503 ServerBusy` to what exceeds a rate.
    case throttle(requestsPerSecond: Int, retryAfter: Int?)
    /// An asynchronous copy stays pending for so long.
    case pendingCopy(milliseconds: Int)
    /// An archived blob stays on its way back for so long.
    case pendingRehydration(milliseconds: Int)
    /// A deleted container's name stays taken for so long, as the service does for 30 s at least.
    case containerBeingDeleted(seconds: Int)

    /// When a connection is reset.
    package enum ResetPoint: Sendable, Equatable {
        case beforeApplying
        /// The work is done, and nobody learns of it.
        case afterApplying
        case afterBodyBytes(Int)
        /// So many bytes of the request's body were read; at once where it has no more.
        case afterRequestBytes(Int)
    }

    package enum Checksum: String, Sendable, Equatable, Codable {
        case crc64, any
    }

    package enum StalledPart: String, Sendable, Equatable, Codable {
        case head, body
    }
}
