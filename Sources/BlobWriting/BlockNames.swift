package import BlobStorage
internal import Checksums

/// The ids of one file's blocks: 16 random bytes for the upload and 4 for a serial number, 28 characters in base64.
///
/// A serial number is used once. So a block that was rewritten while its old bytes were on the way gets a new id, and
/// a late repetition of the old request cannot change what a commit names. The length is the same for every upload
/// of every version of this program, for ever: a blob takes ids of one length only, and what a dead writer left
/// behind stays for a week.
package struct BlockNames: Sendable {
    private let prefix: [UInt8]

    /// `uploadID`: 128 random bits.
    package init(uploadID: UInt128) {
        prefix = withUnsafeBytes(of: uploadID.bigEndian) { Array($0) }
    }

    /// Whether the block is one of this upload's.
    package func isOwn(_ id: BlockID) -> Bool { Base64.decode(id.base64)?.starts(with: prefix) ?? false }

    package func id(_ serial: UInt32) -> BlockID {
        BlockID(base64: Base64.encode(prefix + withUnsafeBytes(of: serial.bigEndian) { Array($0) }))
    }
}
