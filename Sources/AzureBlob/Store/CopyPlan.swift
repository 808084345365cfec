internal import BlobStorage
internal import Checksums

/// How a blob is copied within the account so that the copy appears all at once. A pure value.
enum CopyPlan: Sendable, Equatable {
    /// Nothing to copy: Put Blob, since the service refuses an empty source.
    case empty
    /// Copy Blob From URL.
    case whole
    /// Put Block From URL for each range, then Put Block List.
    case blocks([Piece])

    struct Piece: Sendable, Equatable {
        let id: BlockID
        let range: Range<UInt64>
    }

    /// The most that the service copies in one request.
    static let wholeMax: UInt64 = 256 << 20
    /// One block's length, unless 50,000 of them are too few: as much as the service moves within a second or so.
    static let blockLength: UInt64 = 64 << 20
    private static let mebibyte: UInt64 = 1 << 20

    /// - Parameter upload: 16 bytes that no other upload has; block ids are these and a number of 4 bytes, as with every
    ///   upload of this program: ids of one blob must have one length.
    init(length: UInt64, type: BlobType, upload: [UInt8]) {
        if length == 0 {
            self = .empty
        } else if length <= Self.wholeMax, type == .block {
            self = .whole
        } else {
            let least = (length + UInt64(UploadLimit.blockCountMax) - 1) / UInt64(UploadLimit.blockCountMax)
            let piece = max(Self.blockLength, (least + Self.mebibyte - 1) / Self.mebibyte * Self.mebibyte)
            let starts = stride(from: 0, to: length, by: UInt64.Stride(piece))
            self = .blocks(
                starts.enumerated().map { index, start in
                    let number = withUnsafeBytes(of: UInt32(index).bigEndian) { Array($0) }
                    let id = BlockID(base64: Base64.encode(upload + number))
                    return Piece(id: id, range: start..<min(start + piece, length))
                }
            )
        }
    }
}
