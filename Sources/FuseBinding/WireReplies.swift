internal import CFuse3  // which brings `struct stat`
import FileSystemModel

// The replies that libfuse 3.14 has no words for, as <linux/fuse.h> lays them out. All fields in the machine's order.

/// `struct fuse_open_out` of an open that the kernel serves from a backing file.
struct BackedOpenReply {
    let handle: HandleID
    let backingID: Int32

    /// FOPEN_PASSTHROUGH. The other flags are for opens that we serve.
    private static let passthrough: UInt32 = 1 << 7

    func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        let reply = (handle: handle.rawValue, flags: Self.passthrough, backingID: backingID)
        return withUnsafeBytes(of: reply, body)
    }
}

/// `struct fuse_entry_out`: 128 bytes, the first half of a reply to CREATE.
struct EntryReply {
    private(set) var bytes: [UInt8] = []

    init(_ entry: Entry) {
        bytes.reserveCapacity(128 + 16)
        let (entrySeconds, entryNanoseconds) = Self.parts(entry.entryValidity)
        let (attributeSeconds, attributeNanoseconds) = Self.parts(entry.attributeValidity)
        append(entry.node.rawValue)
        append(UInt64(0))  // generation
        append(entrySeconds)
        append(attributeSeconds)
        append(entryNanoseconds)
        append(attributeNanoseconds)
        append(entry.attributes)
    }

    /// `struct fuse_attr`: 88 bytes.
    private mutating func append(_ attributes: Attributes) {
        let times = [attributes.accessTime, attributes.modificationTime, attributes.changeTime]
        append(attributes.inode)
        append(attributes.size)
        append(UInt64(attributes.stat.st_blocks))
        for time in times { append(UInt64(bitPattern: time.seconds)) }
        for time in times { append(UInt32(bitPattern: time.nanoseconds)) }
        append(attributes.stat.st_mode)
        append(attributes.linkCount)
        append(attributes.userID)
        append(attributes.groupID)
        append(UInt32(0))  // rdev
        append(UInt32(attributes.stat.st_blksize))
        append(UInt32(0))  // flags
    }

    private mutating func append(_ value: some FixedWidthInteger) {
        withUnsafeBytes(of: value) { bytes.append(contentsOf: $0) }
    }

    private static func parts(_ validity: Duration) -> (seconds: UInt64, nanoseconds: UInt32) {
        guard validity > .zero else { return (0, 0) }
        let (seconds, attoseconds) = validity.components
        return (UInt64(seconds), UInt32(attoseconds / 1_000_000_000))
    }
}
