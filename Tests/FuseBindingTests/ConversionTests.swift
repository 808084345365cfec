import CFuse3
import FileSystemModel
import Glibc
import Testing

@testable import FuseBinding

struct ConversionTests {
    @Test func `attributes become a stat`() {
        var attributes = Attributes.toy(NodeID(rawValue: 7), .directory, permissions: 0o1777)
        attributes.size = 1025
        attributes.modificationTime = Timestamp(seconds: -1, nanoseconds: 999_999_999)
        let stat = attributes.stat
        #expect(stat.st_ino == 7)
        #expect(stat.st_mode == 0o041777)
        #expect(stat.st_blocks == 3)
        #expect(stat.st_blksize == 64 << 10)
        #expect((stat.st_mtim.tv_sec, stat.st_mtim.tv_nsec) == (-1, 999_999_999))
    }

    @Test func `sizes beyond what stat can say do not trap`() {
        var attributes = Attributes.toy(NodeID(rawValue: 7), .file)
        attributes.size = .max
        #expect(attributes.stat.st_size == .max)
    }

    @Test func `setattr's times are a moment or now`() {
        var stat = stat()
        stat.st_atim = timespec(tv_sec: 5, tv_nsec: 6)
        stat.st_mtim = timespec(tv_sec: 7, tv_nsec: 8)
        let moments = AttributeChanges(stat, valid: FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_MTIME)
        #expect(moments.accessTime == .at(Timestamp(seconds: 5, nanoseconds: 6)))
        #expect(moments.modificationTime == .at(Timestamp(seconds: 7, nanoseconds: 8)))
        let now = AttributeChanges(
            stat,
            valid: FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_ATIME_NOW | FUSE_SET_ATTR_MTIME | FUSE_SET_ATTR_MTIME_NOW
        )
        #expect(now.accessTime == .now)
        #expect(now.modificationTime == .now)
        #expect(AttributeChanges(stat, valid: 0) == AttributeChanges())
    }

    @Test func `setattr's owner, mode and size are taken only if they are valid`() {
        var stat = stat()
        stat.st_mode = 0o100640
        stat.st_uid = 3
        stat.st_gid = 4
        stat.st_size = 5
        var expected = AttributeChanges()
        expected.permissions = 0o640
        #expect(AttributeChanges(stat, valid: FUSE_SET_ATTR_MODE) == expected)
        expected.userID = 3
        expected.groupID = 4
        expected.size = 5
        let all = FUSE_SET_ATTR_MODE | FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID | FUSE_SET_ATTR_SIZE
        #expect(AttributeChanges(stat, valid: all) == expected)
    }

    @Test(arguments: [
        (O_RDONLY, OpenFlags(.readOnly)), (O_WRONLY | O_TRUNC, OpenFlags(.writeOnly, truncates: true)),
        (O_RDWR | O_APPEND, OpenFlags(.readWrite, appends: true)),
        (O_RDWR | O_EXCL, OpenFlags(.readWrite, isExclusive: true)),
        (O_WRONLY | O_SYNC, OpenFlags(.writeOnly, isSynchronous: true)),
        (O_RDONLY | 0o40000, OpenFlags(.readOnly, isDirect: true)),
    ])
    func `open's flags are decoded`(flags: Int32, expected: OpenFlags) {
        #expect(OpenFlags(flags) == expected)
    }

    @Test func `validities are never negative`() {
        #expect(Duration.milliseconds(1500).seconds == 1.5)
        #expect(Duration.seconds(-3).seconds == 0)
    }

    @Test func `an entry with a backed open is laid out as the kernel has it`() throws {
        var entry = Entry.toy(NodeID(rawValue: 0x0102))
        entry.attributes.size = 4097
        let bytes = BackedOpenReply(handle: HandleID(rawValue: 9), backingID: 3).withBytes {
            EntryReply(entry).bytes + $0
        }
        let reply = Reply(unique: 0, error: 0, body: bytes)
        #expect(bytes.count == 144)
        #expect((reply.long(0), reply.long(16), reply.long(24)) == (0x0102, 3, 1))
        #expect((reply.word(32), reply.word(36)) == (0, 500_000_000))
        #expect((reply.long(40), reply.long(48), reply.long(56)) == (0x0102, 4097, 9))  // ino, size, blocks
        #expect(reply.word(100) == 0o100644)  // mode
        #expect((reply.long(128), reply.word(136), reply.word(140)) == (9, 1 << 7, 3))
    }

    @Test func `INIT's reply is amended only where it has its full length`() {
        var plan = InitPlan()
        plan.passthrough = true
        var words = [UInt32](repeating: 0, count: 16)
        words.withUnsafeMutableBytes { plan.amend(UnsafeMutableRawBufferPointer(rebasing: $0[..<24])) }
        #expect(words == [UInt32](repeating: 0, count: 16))
        words.withUnsafeMutableBytes { plan.amend($0) }
        #expect((words[1], words[3], words[8], words[9]) == (40, 1 << 30, 1 << 5, 1))
    }
}
