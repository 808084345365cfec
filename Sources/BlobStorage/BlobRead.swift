/// Which checksum of the range the service is asked for and the bytes are held against.
package enum RangeVerification: Sendable, Hashable {
    case none
    /// `x-ms-range-get-content-crc64`. The service computes range checksums for at most 4 MiB.
    case crc64
    /// `x-ms-range-get-content-md5`, for servers without CRC64.
    case md5
    /// The strongest of these that the server offers, which may be none.
    case offered

    /// The longest range for which the service computes a checksum, in bytes.
    package static let lengthMax = 4 << 20
}

/// One ranged GET into memory that the caller lends until the completion is called.
package struct BlobRead: Sendable {
    package var blob: BlobAddress
    /// In bytes; not empty. An end past the blob's is clipped by the service; of a range that begins there nothing comes.
    package var range: Range<UInt64>
    package var condition: VersionCondition
    package var verification: RangeVerification
    /// Room for `range.count` bytes.
    package nonisolated(unsafe) var destination: UnsafeMutableRawPointer
    /// Foreground reads overtake read-ahead in the transport's queue.
    package var isForeground: Bool
    /// Whether the result is to tell what a HEAD would: for the read that comes with an open.
    package var wantsProperties: Bool
    /// Called on the transport's thread as bytes arrive, with their number so far; not called while `verification`
    /// holds the bytes back, and counts from 0 again after a retry never: a retry resumes behind the last byte.
    package var onProgress: (@Sendable (_ byteCount: Int) -> Void)?

    package init(
        blob: BlobAddress,
        range: Range<UInt64>,
        condition: VersionCondition,
        verification: RangeVerification,
        destination: UnsafeMutableRawPointer,
        isForeground: Bool = true,
        wantsProperties: Bool = false,
        onProgress: (@Sendable (_ byteCount: Int) -> Void)? = nil
    ) {
        self.blob = blob
        self.range = range
        self.condition = condition
        self.verification = verification
        self.destination = destination
        self.isForeground = isForeground
        self.wantsProperties = wantsProperties
        self.onProgress = onProgress
    }
}

/// What a ranged GET brought besides its bytes.
package struct BlobReadResult: Sendable, Hashable {
    /// Bytes written to the destination: fewer than asked only at the blob's end.
    package var byteCount: Int
    /// The whole blob's length at that moment.
    package var blobLength: UInt64
    package var version: BlobVersion
    /// `x-ms-creation-time`, seconds since the epoch: tells an append blob that has grown from one that was replaced,
    /// for those are read without a condition. `nil` where the answer did not carry it.
    package var creationTime: Int64?
    /// Where they were asked for: all that a HEAD tells, but for the tier and whether it is about to change, which a GET
    /// does not say. What it can read is in no archive.
    package var properties: BlobProperties?

    package init(
        byteCount: Int,
        blobLength: UInt64,
        version: BlobVersion,
        creationTime: Int64? = nil,
        properties: BlobProperties? = nil
    ) {
        self.byteCount = byteCount
        self.blobLength = blobLength
        self.version = version
        self.creationTime = creationTime
        self.properties = properties
    }
}

/// A read under way.
package protocol ReadOperation: AnyObject, Sendable {
    /// Ends the transfer soon. The completion is still called, once, with `.cancelled` or with the result that was faster.
    func cancel()

    /// Somebody waits for it now: from here on it is as if it had been asked for with `isForeground`.
    func raisePriority()
}

extension ReadOperation {
    /// For stores in which nothing waits in a queue.
    package func raisePriority() {}
}
