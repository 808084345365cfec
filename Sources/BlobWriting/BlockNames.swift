package import BlobStorage
internal import Checksums

/// The ids of one file's blocks: 16 random bytes for the upload and 4 for a serial number, 28 characters in base64.
///
/// A serial number is used once. So a block that was rewritten while its old bytes were on the way gets a new id, and
/// a late repetition of the old request cannot change what a commit names. The length is the same for every upload
/// of every version of this program, for ever: a blob takes ids of one length only, and what a dead writer left
/// behind stays for a week.
///
/// A blob that another program put together keeps that program's length: the random part is cut, or filled up with
/// zeros, to fit.
package struct BlockNames: Sendable {
    private static let serialByteCount = 4
    /// Four random bytes are left of this: fewer might be another writer's.
    private static let byteCountMin = 8

    private let uploadID: UInt128
    private let prefix: [UInt8]

    /// `uploadID`: 128 random bits.
    package init(uploadID: UInt128) { self.init(uploadID: uploadID, byteCount: 16 + Self.serialByteCount) }

    private init(uploadID: UInt128, byteCount: Int) {
        self.uploadID = uploadID
        let random = withUnsafeBytes(of: uploadID.bigEndian) { Array($0) }
        let count = byteCount - Self.serialByteCount
        prefix = random.prefix(count) + [UInt8](repeating: 0, count: max(0, count - random.count))
    }

    /// The same upload's, as long as ids that the blob has already; `nil` where those are too short to be ours alone.
    func matching(_ id: BlockID) -> BlockNames? {
        guard let count = Base64.decode(id.base64)?.count, count >= Self.byteCountMin else { return nil }
        return BlockNames(uploadID: uploadID, byteCount: count)
    }

    /// Whether the block is one of this upload's, whatever the length of its id.
    package func isOwn(_ id: BlockID) -> Bool { serial(of: id) != nil }

    func serial(of id: BlockID) -> UInt32? {
        guard let bytes = Base64.decode(id.base64), bytes.count >= Self.byteCountMin else { return nil }
        let names =
            bytes.count == prefix.count + Self.serialByteCount
            ? self : BlockNames(uploadID: uploadID, byteCount: bytes.count)
        guard bytes.starts(with: names.prefix) else { return nil }
        return bytes.suffix(Self.serialByteCount).reduce(0) { $0 << 8 | UInt32($1) }
    }

    package func id(_ serial: UInt32) -> BlockID {
        BlockID(base64: Base64.encode(prefix + withUnsafeBytes(of: serial.bigEndian) { Array($0) }))
    }
}
