internal import BlobStorage
internal import Checksums

/// A ranged read on its way through its attempts: what to ask for next, and what an answer is worth. No I/O.
struct RangeProgress: Sendable {
    let blob: BlobAddress
    let range: Range<UInt64>
    let condition: VersionCondition
    /// What is asked for now: weaker than at first where a server lacks it and the reader takes what there is.
    private(set) var verification: RangeVerification
    private let takesWeaker: Bool
    private let wantsProperties: Bool
    /// Bytes at the destination's start that are there to stay. With verification none are before all are.
    private(set) var delivered = 0
    /// What the first answer said, once bytes of it were delivered.
    private var origin: Origin?

    private struct Origin: Sendable {
        var version: BlobVersion
        /// An append blob keeps the bytes it has while its ETag changes: it is told apart by its creation time.
        var isAppendBlob: Bool
        var creationTime: String?
    }

    /// `offered`: the strongest checksum that the server is known to compute.
    init(_ read: BlobRead, offered: RangeVerification = .crc64) {
        blob = read.blob
        range = read.range
        condition = read.condition
        takesWeaker = read.verification == .offered
        wantsProperties = read.wantsProperties
        verification = takesWeaker ? offered : read.verification
    }

    /// Why the read cannot be asked for at all.
    var problem: String? {
        if range.isEmpty { return "a ranged read needs a range that is not empty" }
        if condition == .absent { return "what is absent cannot be read" }
        if verification != .none, range.count > RangeVerification.lengthMax {
            return "the service computes checksums for at most 4 MiB"
        }
        return nil
    }

    /// The request for what is missing. Behind the first bytes it is for the same version: a mixture is never handed out.
    var request: StorageRequest {
        let pinned: VersionCondition? =
            if let origin, !origin.isAppendBlob { .matches(origin.version.etag) } else { nil }
        return .getBlob(
            blob,
            range: (range.lowerBound + UInt64(delivered))..<range.upperBound,
            condition: pinned ?? condition,
            verification: verification
        )
    }

    /// What a head promises; `nil` if it is not what was asked for.
    struct Promise: Sendable, Hashable {
        /// Bytes of the body.
        var byteCount: Int
        var blobLength: UInt64
    }

    func promise(of head: ResponseHead) -> Promise? {
        let start = range.lowerBound + UInt64(delivered)
        switch head.status {
        case 206:
            guard let content = head.contentRange, content.lowerBound == start else { return nil }
            let end = min(range.upperBound, content.total)
            return Promise(byteCount: end > start ? Int(end - start) : 0, blobLength: content.total)
        case 200:
            // A server that does not know ranges sends everything, which will do if everything fits.
            guard start == 0, let length = head.contentLength, length <= UInt64(range.count) else { return nil }
            return Promise(byteCount: Int(length), blobLength: length)
        default: return nil
        }
    }

    /// How many bytes of the body the destination takes; `nil` for an error's explanation.
    func capacity(of head: ResponseHead) -> Int? {
        guard head.isSuccess else { return nil }
        return promise(of: head)?.byteCount ?? 0
    }

    enum Step: Sendable {
        case done(BlobReadResult)
        /// 416: the range lies behind the blob's end, wherever that is.
        case pastEnd(AttemptFailure)
        case failed(AttemptFailure, madeProgress: Bool)
        /// The server has no such checksum: a weaker one is to be asked for, at once.
        case askAgain
    }

    /// - Parameters:
    ///   - outcome: what the engine made of the attempt.
    ///   - bytes: what the attempt wrote to the destination.
    mutating func ended(
        _ outcome: Result<RequestEngine.Answer, AttemptFailure>,
        head: ResponseHead?,
        bytes: UnsafeRawBufferPointer
    ) -> Step {
        switch outcome {
        case .failure(let failure):
            if failure.error.status == 416 { return .pastEnd(failure) }
            if isRefusalOfChecksum(failure.error), weaken() { return .askAgain }
            guard let head, promise(of: head) != nil, isSameBlob(head), let version = head.version else {
                return .failed(failure, madeProgress: false)
            }
            return .failed(failure, madeProgress: keep(bytes.count, version, head))
        case .success(let answer):
            guard let promise = promise(of: answer.head), let version = answer.head.version else {
                return corrupted("the answer is not the range that was asked for", answer.head)
            }
            guard isSameBlob(answer.head) else {
                let message = "the blob was replaced while it was read"
                return .failed(
                    AttemptFailure(
                        error: StorageError(.conditionFailed, .permanent, request, message, head: answer.head)
                    ),
                    madeProgress: false
                )
            }
            guard bytes.count == promise.byteCount else {
                let step = corrupted("the answer was cut short", answer.head)
                let hasGrown = keep(bytes.count, version, answer.head)
                guard case .failed(let failure, _) = step else { return step }
                return .failed(failure, madeProgress: hasGrown)
            }
            if let step = verify(bytes, answer.head) { return step }
            let properties =
                wantsProperties ? BlobProperties(rangeHead: answer.head, length: promise.blobLength) : nil
            if wantsProperties, properties == nil {
                return corrupted("the answer lacks the version", answer.head)
            }
            return .done(
                BlobReadResult(
                    byteCount: delivered + bytes.count,
                    blobLength: promise.blobLength,
                    version: version,
                    creationTime: answer.head["x-ms-creation-time"].flatMap { HTTPDate.parse($0) },
                    properties: properties
                )
            )
        }
    }

    private func isSameBlob(_ head: ResponseHead) -> Bool {
        guard let origin, origin.isAppendBlob else { return true }
        return head["x-ms-creation-time"] == origin.creationTime
    }

    /// Keeps what a broken attempt brought, unless it must be verified as a whole. Returns whether there is more now.
    private mutating func keep(_ byteCount: Int, _ version: BlobVersion, _ head: ResponseHead) -> Bool {
        guard verification == .none, byteCount > 0 else { return false }
        if origin == nil {
            origin = Origin(
                version: version,
                isAppendBlob: head["x-ms-blob-type"] == BlobType.append.rawValue,
                creationTime: head["x-ms-creation-time"]
            )
        }
        delivered += byteCount
        return true
    }

    /// Servers that know the header and not how, such as Azurite, refuse the whole request.
    private func isRefusalOfChecksum(_ error: StorageError) -> Bool {
        switch error.code {
        case "FeatureNotSupported", "APINotImplemented", "UnsupportedHeader": true
        default: error.status == 501
        }
    }

    /// Whether there is a weaker checksum to ask for, the last of which is none.
    private mutating func weaken() -> Bool {
        guard takesWeaker, verification != .none else { return false }
        verification = verification == .crc64 ? .md5 : .none
        return true
    }

    private mutating func verify(_ bytes: UnsafeRawBufferPointer, _ head: ResponseHead) -> Step? {
        let isIntact: Bool?
        switch verification {
        case .none: return nil
        case .crc64, .offered:
            isIntact = head["x-ms-content-crc64"].flatMap(CRC64Field.value).map { $0 == CRC64.checksum(bytes) }
        case .md5:
            isIntact = head["content-md5"].map { expected in
                var hasher = MD5Hasher()
                hasher.update(bytes)
                return Base64.encode(hasher.finish()) == expected
            }
        }
        switch isIntact {
        case true?: return nil
        case false?: return corrupted("the bytes do not match the service's checksum of them", head)
        // Nothing was asked for beyond the blob's end, so nothing needs a checksum.
        case nil where bytes.isEmpty: return nil
        // With the last checksum gone, what has come will do.
        case nil where weaken(): return verification == .none ? nil : .askAgain
        case nil:
            let error = StorageError(
                .unexpected,
                .permanent,
                request,
                "the server sent no checksum of the range",
                head: head
            )
            return .failed(AttemptFailure(error: error), madeProgress: false)
        }
    }

    private func corrupted(_ message: String, _ head: ResponseHead) -> Step {
        let error = StorageError(.corrupted, .temporary, request, message, head: head)
        return .failed(AttemptFailure(error: error), madeProgress: false)
    }
}
