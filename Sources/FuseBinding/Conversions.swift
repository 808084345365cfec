internal import CFuse3
internal import CLinux
import FileSystemModel
internal import Glibc

// The kernel's numbers into the model's words and back. Values only; no request is touched here.

/// S_IFMT and its values; <linux/fuse.h> and Glibc both have them under one name, so they are spelled out.
private enum FileType {
    static let mask: UInt32 = 0o170000
    static let regular: UInt32 = 0o100000
    static let directory: UInt32 = 0o040000
    static let symbolicLink: UInt32 = 0o120000
}

func isRegularFile(mode: UInt32) -> Bool { mode & FileType.mask == FileType.regular }

extension FileKind {
    /// The S_IFMT bits.
    var typeBits: UInt32 {
        switch self {
        case .file: FileType.regular
        case .directory: FileType.directory
        case .symbolicLink: FileType.symbolicLink
        }
    }
}

extension Timestamp {
    var timespec: timespec { Glibc.timespec(tv_sec: Int(seconds), tv_nsec: Int(nanoseconds)) }

    init(_ time: timespec) {
        self.init(seconds: Int64(time.tv_sec), nanoseconds: Int32(truncatingIfNeeded: time.tv_nsec))
    }
}

extension Attributes {
    /// `st_blksize`, in bytes; a power of two. Programs size their buffers by it, and each write of theirs is a request to
    /// us: with the 4 KiB that the kernel says otherwise, Python sends sixteen times as many, C's stdio and awk twice.
    /// Not more: Python reads as much around each seek, and 64 KiB are fetched for a random read anyway.
    static let preferredIOSize: Int32 = 64 << 10

    var stat: stat {
        var stat = Glibc.stat()
        stat.st_blksize = .init(Self.preferredIOSize)
        stat.st_ino = UInt(inode)
        stat.st_mode = kind.typeBits | UInt32(permissions & 0o7777)
        stat.st_nlink = .init(linkCount)
        stat.st_uid = userID
        stat.st_gid = groupID
        stat.st_size = Int(clamping: size)
        stat.st_blocks = Int(clamping: size / 512 + (size % 512 == 0 ? 0 : 1))
        stat.st_atim = accessTime.timespec
        stat.st_mtim = modificationTime.timespec
        stat.st_ctim = changeTime.timespec
        return stat
    }
}

extension Duration {
    /// As libfuse takes validities; never negative.
    var seconds: Double {
        let (seconds, attoseconds) = components
        return max(0, Double(seconds) + Double(attoseconds) / 1e18)
    }
}

extension Entry {
    /// The generation is constant: node ids are never reused.
    var parameters: fuse_entry_param {
        fuse_entry_param(
            ino: node.rawValue,
            generation: 0,
            attr: attributes.stat,
            attr_timeout: attributeValidity.seconds,
            entry_timeout: entryValidity.seconds
        )
    }
}

extension AttributeChanges {
    init(_ stat: stat, valid: Int32) {
        self.init()
        func has(_ bit: Int32) -> Bool { valid & bit != 0 }
        if has(FUSE_SET_ATTR_MODE) { permissions = UInt16(stat.st_mode & 0o7777) }
        if has(FUSE_SET_ATTR_UID) { userID = stat.st_uid }
        if has(FUSE_SET_ATTR_GID) { groupID = stat.st_gid }
        if has(FUSE_SET_ATTR_SIZE) { size = UInt64(clamping: stat.st_size) }
        // The kernel sets ATIME together with ATIME_NOW; the moment it sends along is its own clock's.
        if has(FUSE_SET_ATTR_ATIME_NOW) {
            accessTime = .now
        } else if has(FUSE_SET_ATTR_ATIME) {
            accessTime = .at(Timestamp(stat.st_atim))
        }
        if has(FUSE_SET_ATTR_MTIME_NOW) {
            modificationTime = .now
        } else if has(FUSE_SET_ATTR_MTIME) {
            modificationTime = .at(Timestamp(stat.st_mtim))
        }
    }
}

extension OpenFlags {
    init(_ flags: Int32) {
        let access: Access =
            switch flags & O_ACCMODE {
            case O_RDONLY: .readOnly
            case O_WRONLY: .writeOnly
            default: .readWrite
            }
        self.init(
            access,
            truncates: flags & O_TRUNC != 0,
            appends: flags & O_APPEND != 0,
            isExclusive: flags & O_EXCL != 0,
            isSynchronous: flags & O_DSYNC != 0,
            isDirect: flags & Int32(clinux_o_direct) != 0
        )
    }
}

extension FallocateMode {
    /// `nil` for the modes that no blob can follow (collapse, insert, unshare).
    init?(_ mode: Int32) {
        switch Int(mode) {
        case 0: self = .allocate(keepsSize: false)
        case clinux_falloc_keep_size: self = .allocate(keepsSize: true)
        case clinux_falloc_punch_hole | clinux_falloc_keep_size: self = .punchHole
        case clinux_falloc_zero_range: self = .zeroRange(keepsSize: false)
        case clinux_falloc_zero_range | clinux_falloc_keep_size: self = .zeroRange(keepsSize: true)
        default: return nil
        }
    }
}

extension RenameFlags {
    /// `nil` for RENAME_WHITEOUT and what may come after it.
    init?(_ flags: UInt32) {
        let known: RenameFlags = [.noReplace, .exchange]
        guard flags & ~known.rawValue == 0 else { return nil }
        self.init(rawValue: flags)
    }
}

extension SeekWhence {
    init?(_ whence: Int32) {
        switch Int(whence) {
        case clinux_seek_data: self = .data
        case clinux_seek_hole: self = .hole
        default: return nil
        }
    }
}

extension ExtendedAttributeFlags {
    init?(_ flags: Int32) {
        switch flags {
        case 0: self = .createOrReplace
        case 1: self = .createOnly  // XATTR_CREATE
        case 2: self = .replaceOnly  // XATTR_REPLACE
        default: return nil
        }
    }
}

extension FileSystemStatistics {
    var statvfs: statvfs {
        var statistics = Glibc.statvfs()
        statistics.f_bsize = UInt(blockSize)
        statistics.f_frsize = UInt(blockSize)
        statistics.f_blocks = UInt(blocks)
        statistics.f_bfree = UInt(freeBlocks)
        statistics.f_bavail = UInt(freeBlocks)
        statistics.f_files = UInt(files)
        statistics.f_ffree = UInt(freeFiles)
        statistics.f_favail = UInt(freeFiles)
        statistics.f_namemax = UInt(nameLengthMax)
        return statistics
    }
}

/// An errno that the kernel takes in a reply; with any other it drops the reply and the program waits for ever.
func replyErrno(_ errno: Int32) -> Int32 { (1...511).contains(errno) ? errno : EIO }
