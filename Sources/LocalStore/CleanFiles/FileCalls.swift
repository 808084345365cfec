/// The calls that the disk cache and the journal make to the system.
enum FileCall: String, Sendable {
    case open, pread, preadv2, pwrite, ftruncate, fallocate, fstat, unlinkat, mkdirat, readdir, statvfs, fcntl, lseek
    case futimens, fsync, rename, renameat
}

/// What stands between the disk cache or the journal and the system: nothing, except in tests, where the n-th call fails, or all from
/// the n-th on do nothing any more, as after the process died.
struct FileGate: Sendable {
    enum Verdict: Sendable {
        case proceed
        /// The call is not made; it seems to have failed so.
        case fail(Int32)
        /// Half of what a `pwrite` was to write is written, then it fails so.
        case tear(Int32)
        /// The call is not made, and seems to have succeeded: `fsync`, which takes its time.
        case skip
    }

    var verdict: (@Sendable (FileCall) -> Verdict)?
    /// Hears of each file and directory of the journal that is on the disk as it is now.
    var synchronized: (@Sendable (_ path: String) -> Void)?
    /// What `statvfs` is to say.
    var space: (@Sendable () -> FreeSpace)?
}

/// What is free on a file system, from statvfs(3).
struct FreeSpace: Sendable {
    var totalBytes: UInt64
    /// To users without privileges.
    var availableBytes: UInt64
    /// 0 where inodes are made as they are needed.
    var totalInodes: UInt64
    var availableInodes: UInt64

    /// What the cache leaves to others: a twentieth, and at most 16 GiB.
    var reservedBytes: UInt64 { min(totalBytes / 20, 16 << 30) }
    /// Bytes that are lacking to that.
    var lackingBytes: UInt64 { reservedBytes > availableBytes ? reservedBytes - availableBytes : 0 }
    var lacksInodes: Bool { availableInodes < totalInodes / 20 }
}
