internal import CFuse3

/// What the kernel says in its FUSE_INIT request (`struct fuse_init_in` of <linux/fuse.h>).
struct InitRequest: Equatable {
    var flags: UInt32
    /// Bits 32 and up of the flags; 0 from kernels before 5.17.
    var flags2: UInt32

    init(flags: UInt32, flags2: UInt32) {
        self.flags = flags
        self.flags2 = flags2
    }

    /// `message`: a whole request, `fuse_in_header` (40 bytes) first.
    init(message: UnsafeRawBufferPointer) {
        func word(at offset: Int) -> UInt32 {
            offset + 4 <= message.count ? message.loadUnaligned(fromByteOffset: offset, as: UInt32.self) : 0
        }
        flags = word(at: 52)
        flags2 = flags & InitFlag.extended == 0 ? 0 : word(at: 56)
    }
}

/// Bits of INIT that libfuse 3.14 does not negotiate (their names in <linux/fuse.h> behind them).
enum InitFlag {
    /// FUSE_PARALLEL_DIROPS: libfuse 3.14 has a capability for it, and forgets it in the reply.
    static let parallelDirectories: UInt32 = 1 << 18
    static let killPrivilegesV2: UInt32 = 1 << 28  // FUSE_HANDLE_KILLPRIV_V2
    static let extended: UInt32 = 1 << 30  // FUSE_INIT_EXT
    static let directMappings: UInt32 = 1 << (36 - 32)  // FUSE_DIRECT_IO_ALLOW_MMAP, kernel >= 6.6
    static let passthrough: UInt32 = 1 << (37 - 32)  // FUSE_PASSTHROUGH, kernel >= 6.9
    static let resend: UInt32 = 1 << (39 - 32)  // FUSE_HAS_RESEND, kernel >= 6.9: told, not asked for
}

extension InitRequest {
    /// The kernel can send again what a killed process had read and not answered.
    var canResend: Bool { flags2 & InitFlag.resend != 0 }
}

/// What is put into the reply to INIT over libfuse's head.
struct InitPlan: Equatable {
    var parallelDirectories = false
    var passthrough = false
    var directMappings = false
    var killPrivilegesV2 = false

    init() {}

    /// - Parameter isPrivileged: CAP_SYS_ADMIN, which registering a backing file takes.
    init(_ request: InitRequest, options: SessionOptions, isPrivileged: Bool) {
        parallelDirectories = request.flags & InitFlag.parallelDirectories != 0
        killPrivilegesV2 = request.flags & InitFlag.killPrivilegesV2 != 0
        guard request.flags & InitFlag.extended != 0 else { return }
        directMappings = request.flags2 & InitFlag.directMappings != 0
        passthrough =
            options.usesPassthrough && isPrivileged && request.flags2 & InitFlag.passthrough != 0
    }

    /// The length of `struct fuse_init_out`; shorter replies go to kernels that know none of this.
    static let replySize = 64

    /// Amends libfuse's `fuse_init_out`: sixteen words, [1] minor, [3] flags, [8] flags2, [9] max_stack_depth.
    func amend(_ reply: UnsafeMutableRawBufferPointer) {
        guard reply.count == Self.replySize else { return }
        let words = reply.assumingMemoryBound(to: UInt32.self)
        if parallelDirectories { words[3] |= InitFlag.parallelDirectories }
        if killPrivilegesV2 { words[3] |= InitFlag.killPrivilegesV2 }
        guard passthrough || directMappings else { return }
        words[3] |= InitFlag.extended
        if directMappings { words[8] |= InitFlag.directMappings }
        if passthrough {
            words[1] = 40  // the protocol that has max_stack_depth
            words[8] |= InitFlag.passthrough
            words[9] = 1  // backing files on ext4, xfs, tmpfs; not on an overlay
        }
    }
}

/// The capabilities that libfuse is told to ask for.
///
/// Not among them: the SPLICE ones (a spliced 1 MiB reply runs at 0.19 of a plain one), DONT_MASK (the kernel takes
/// the umask off; `Caller.umask` is for information), AUTO_INVAL_DATA (the tree knows by ETag when pages are stale),
/// locks (the kernel keeps them, local to the mount), HANDLE_KILLPRIV (its second version is in `InitPlan`),
/// WRITEBACK_CACHE (the kernel would take its own size and time of a file for the only ones, and with it
/// refuses every backing file with EPERM).
func wantedCapabilities(capable: UInt32) -> UInt32 {
    let wanted = UInt32(
        FUSE_CAP_ASYNC_READ | FUSE_CAP_ATOMIC_O_TRUNC | FUSE_CAP_READDIRPLUS | FUSE_CAP_READDIRPLUS_AUTO
            | FUSE_CAP_ASYNC_DIO
    )
    return wanted & capable
}
