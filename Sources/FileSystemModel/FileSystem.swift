/// What the kernel may ask: the seam between FUSE and the tree.
///
/// One requirement per operation, under the kernel's name. Every request is answered exactly once, at once or
/// later, from any thread; the call itself must not block, for it runs on one of the few threads that read from
/// /dev/fuse. Pointers are lent for the duration of the call.
///
/// Implementations: `OutputFileSystem` (the tree), and toy file systems in the tests of the FUSE binding.
package protocol FileSystem: AnyObject, Sendable {
    /// What to tell the kernel unasked.
    var notifications: KernelNotifications { get }

    /// The mount answers from now on; `kernel` says what this kernel can do for us.
    func start(_ kernel: KernelCapabilities)

    // MARK: Names

    func lookup(_ request: consuming Request<LookupResult>, _ name: FileName, in parent: NodeID)
    /// The kernel drops `count` lookups of `node`. Has no answer, and must not wait for anything.
    func forget(_ node: NodeID, count: UInt64)
    func mknod(_ request: consuming Request<Entry>, _ name: FileName, in parent: NodeID, permissions: UInt16)
    func mkdir(_ request: consuming Request<Entry>, _ name: FileName, in parent: NodeID, permissions: UInt16)
    func symlink(_ request: consuming Request<Entry>, _ name: FileName, in parent: NodeID, target: String)
    func readlink(_ request: consuming Request<String>, _ node: NodeID)
    func unlink(_ request: consuming Request<Done>, _ name: FileName, in parent: NodeID)
    func rmdir(_ request: consuming Request<Done>, _ name: FileName, in parent: NodeID)
    func rename(
        _ request: consuming Request<Done>,
        _ name: FileName,
        in parent: NodeID,
        to newName: FileName,
        in newParent: NodeID,
        flags: RenameFlags
    )

    // MARK: Attributes

    func getattr(_ request: consuming Request<AttributesAnswer>, _ node: NodeID, handle: HandleID?)
    func setattr(
        _ request: consuming Request<AttributesAnswer>,
        _ node: NodeID,
        _ changes: AttributeChanges,
        handle: HandleID?
    )
    func statfs(_ request: consuming Request<FileSystemStatistics>, _ node: NodeID)
    /// `size` 0 asks for the length only.
    func getxattr(_ request: consuming Request<ExtendedAttributeAnswer>, _ node: NodeID, _ name: String, size: Int)
    func listxattr(_ request: consuming Request<ExtendedAttributeAnswer>, _ node: NodeID, size: Int)
    func setxattr(
        _ request: consuming Request<Done>,
        _ node: NodeID,
        _ name: String,
        _ value: UnsafeRawBufferPointer,
        flags: ExtendedAttributeFlags
    )
    func removexattr(_ request: consuming Request<Done>, _ node: NodeID, _ name: String)

    // MARK: Files

    func open(_ request: consuming Request<Opened>, _ node: NodeID, flags: OpenFlags)
    func create(
        _ request: consuming Request<Created>,
        _ name: FileName,
        in parent: NodeID,
        permissions: UInt16,
        flags: OpenFlags
    )
    func read(_ request: consuming ReadRequest, _ node: NodeID, handle: HandleID, offset: UInt64, size: Int)
    func write(
        _ request: consuming Request<ByteCount>,
        _ node: NodeID,
        handle: HandleID,
        offset: UInt64,
        _ bytes: UnsafeRawBufferPointer,
        flags: WriteFlags
    )
    /// Every close(2) of every duplicate of a descriptor: the one place where close can get an error.
    func flush(_ request: consuming Request<Done>, _ node: NodeID, handle: HandleID)
    func fsync(_ request: consuming Request<Done>, _ node: NodeID, handle: HandleID, dataOnly: Bool)
    /// The last reference to the handle is gone. Nobody waits for the answer.
    func release(_ request: consuming Request<Done>, _ node: NodeID, handle: HandleID)
    func fallocate(
        _ request: consuming Request<Done>,
        _ node: NodeID,
        handle: HandleID,
        mode: FallocateMode,
        offset: UInt64,
        length: UInt64
    )
    func lseek(
        _ request: consuming Request<FileOffset>,
        _ node: NodeID,
        handle: HandleID,
        offset: UInt64,
        whence: SeekWhence
    )
    func copyFileRange(
        _ request: consuming Request<ByteCount>,
        from source: (node: NodeID, handle: HandleID, offset: UInt64),
        to destination: (node: NodeID, handle: HandleID, offset: UInt64),
        length: UInt64
    )

    // MARK: Directories

    func opendir(_ request: consuming Request<Opened>, _ node: NodeID)
    func readdir(_ request: consuming DirectoryRequest, _ node: NodeID, handle: HandleID, offset: UInt64)
    func fsyncdir(_ request: consuming Request<Done>, _ node: NodeID, handle: HandleID)
    func releasedir(_ request: consuming Request<Done>, _ node: NodeID, handle: HandleID)
}

/// What the kernel on the other side offers, agreed at INIT.
package struct KernelCapabilities: Sendable, Hashable {
    /// Reads of complete local files can be left to the kernel (kernel >= 6.9 and CAP_SYS_ADMIN).
    package var passthrough: Bool
    /// The largest write request in bytes.
    package var writeSizeMax: Int

    package init(passthrough: Bool = false, writeSizeMax: Int = 1 << 20) {
        self.passthrough = passthrough
        self.writeSizeMax = writeSizeMax
    }
}

/// The flags of open(2) that reach a file system.
package struct OpenFlags: Sendable, Hashable {
    package enum Access: Sendable, Hashable {
        case readOnly
        case writeOnly
        case readWrite
    }

    package var access: Access
    package var truncates: Bool
    package var appends: Bool
    package var isExclusive: Bool
    package var isSynchronous: Bool
    package var isDirect: Bool

    package init(
        _ access: Access,
        truncates: Bool = false,
        appends: Bool = false,
        isExclusive: Bool = false,
        isSynchronous: Bool = false,
        isDirect: Bool = false
    ) {
        self.access = access
        self.truncates = truncates
        self.appends = appends
        self.isExclusive = isExclusive
        self.isSynchronous = isSynchronous
        self.isDirect = isDirect
    }

    package var allowsReading: Bool { access != .writeOnly }
    package var allowsWriting: Bool { access != .readOnly }
}

/// How a write came about.
package struct WriteFlags: Sendable, Hashable {
    /// The page cache writes back (of a shared mapping), not a program's write(2).
    package var isFromPageCache: Bool
    /// The handle was opened with O_APPEND: `offset` is where the kernel believes the end to be.
    package var appends: Bool
    /// It was sent before, to a process that was killed, which may have done it.
    package var isRepeated: Bool

    package init(isFromPageCache: Bool = false, appends: Bool = false, isRepeated: Bool = false) {
        self.isFromPageCache = isFromPageCache
        self.appends = appends
        self.isRepeated = isRepeated
    }
}

/// The flags of renameat2(2).
package struct RenameFlags: Sendable, Hashable, OptionSet {
    package let rawValue: UInt32

    package init(rawValue: UInt32) { self.rawValue = rawValue }

    package static let noReplace = RenameFlags(rawValue: 1)
    package static let exchange = RenameFlags(rawValue: 2)
    /// Not the kernel's: it sent the request before, to a process that was killed.
    package static let isRepeated = RenameFlags(rawValue: 1 << 31)
}

/// The flags of setxattr(2).
package enum ExtendedAttributeFlags: Sendable, Hashable {
    case createOrReplace
    /// EEXIST if it is there.
    case createOnly
    /// ENODATA if it is not there.
    case replaceOnly
}

/// The modes of fallocate(2) that a blob can follow.
package enum FallocateMode: Sendable, Hashable {
    case allocate(keepsSize: Bool)
    case punchHole
    case zeroRange(keepsSize: Bool)
}

/// SEEK_DATA and SEEK_HOLE; the others never reach a file system.
package enum SeekWhence: Sendable, Hashable {
    case data
    case hole
}
