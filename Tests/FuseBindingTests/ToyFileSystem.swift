import FileSystemModel
import Glibc

/// A file system for tests that answers only what it must: everything else is refused, harmlessly.
protocol ToyFileSystem: FileSystem {}

extension ToyFileSystem {
    private var refusal: FileSystemError { FileSystemError(errno: EOPNOTSUPP, "not in this toy") }

    func start(_ kernel: KernelCapabilities) {}
    func lookup(_ request: consuming Request<LookupResult>, _ name: FileName, in parent: NodeID) {
        request.succeed(.absent(validity: .zero))
    }
    func forget(_ node: NodeID, count: UInt64) {}
    func mknod(_ request: consuming Request<Entry>, _ name: FileName, in parent: NodeID, permissions: UInt16) {
        request.fail(refusal)
    }
    func mkdir(_ request: consuming Request<Entry>, _ name: FileName, in parent: NodeID, permissions: UInt16) {
        request.fail(refusal)
    }
    func symlink(_ request: consuming Request<Entry>, _ name: FileName, in parent: NodeID, target: String) {
        request.fail(refusal)
    }
    func readlink(_ request: consuming Request<String>, _ node: NodeID) { request.fail(refusal) }
    func unlink(_ request: consuming Request<Done>, _ name: FileName, in parent: NodeID) { request.fail(refusal) }
    func rmdir(_ request: consuming Request<Done>, _ name: FileName, in parent: NodeID) { request.fail(refusal) }
    func rename(
        _ request: consuming Request<Done>,
        _ name: FileName,
        in parent: NodeID,
        to newName: FileName,
        in newParent: NodeID,
        flags: RenameFlags
    ) { request.fail(refusal) }
    func getattr(_ request: consuming Request<AttributesAnswer>, _ node: NodeID, handle: HandleID?) {
        request.succeed(AttributesAnswer(.toy(node, .directory), validity: .zero))
    }
    func setattr(
        _ request: consuming Request<AttributesAnswer>,
        _ node: NodeID,
        _ changes: AttributeChanges,
        handle: HandleID?
    ) { request.fail(refusal) }
    func statfs(_ request: consuming Request<FileSystemStatistics>, _ node: NodeID) {
        request.succeed(
            FileSystemStatistics(
                blockSize: 4096,
                blocks: 1 << 30,
                freeBlocks: 1 << 29,
                files: 7,
                freeFiles: 3,
                nameLengthMax: 255
            )
        )
    }
    func getxattr(_ request: consuming Request<ExtendedAttributeAnswer>, _ node: NodeID, _ name: String, size: Int) {
        request.fail(FileSystemError(errno: ENODATA, "no such attribute"))
    }
    func listxattr(_ request: consuming Request<ExtendedAttributeAnswer>, _ node: NodeID, size: Int) {
        request.succeed(.value([]))
    }
    func setxattr(
        _ request: consuming Request<Done>,
        _ node: NodeID,
        _ name: String,
        _ value: UnsafeRawBufferPointer,
        flags: ExtendedAttributeFlags
    ) { request.fail(refusal) }
    func removexattr(_ request: consuming Request<Done>, _ node: NodeID, _ name: String) { request.fail(refusal) }
    func open(_ request: consuming Request<Opened>, _ node: NodeID, flags: OpenFlags) { request.fail(refusal) }
    func create(
        _ request: consuming Request<Created>,
        _ name: FileName,
        in parent: NodeID,
        permissions: UInt16,
        flags: OpenFlags
    ) { request.fail(refusal) }
    func read(_ request: consuming ReadRequest, _ node: NodeID, handle: HandleID, offset: UInt64, size: Int) {
        request.fail(refusal)
    }
    func write(
        _ request: consuming Request<ByteCount>,
        _ node: NodeID,
        handle: HandleID,
        offset: UInt64,
        _ bytes: UnsafeRawBufferPointer,
        flags: WriteFlags
    ) { request.fail(refusal) }
    func flush(_ request: consuming Request<Done>, _ node: NodeID, handle: HandleID) { request.succeed(Done()) }
    func fsync(_ request: consuming Request<Done>, _ node: NodeID, handle: HandleID, dataOnly: Bool) {
        request.succeed(Done())
    }
    func release(_ request: consuming Request<Done>, _ node: NodeID, handle: HandleID) { request.succeed(Done()) }
    func fallocate(
        _ request: consuming Request<Done>,
        _ node: NodeID,
        handle: HandleID,
        mode: FallocateMode,
        offset: UInt64,
        length: UInt64
    ) { request.fail(refusal) }
    func lseek(
        _ request: consuming Request<FileOffset>,
        _ node: NodeID,
        handle: HandleID,
        offset: UInt64,
        whence: SeekWhence
    ) { request.fail(refusal) }
    func copyFileRange(
        _ request: consuming Request<ByteCount>,
        from source: (node: NodeID, handle: HandleID, offset: UInt64),
        to destination: (node: NodeID, handle: HandleID, offset: UInt64),
        length: UInt64
    ) { request.fail(refusal) }
    func opendir(_ request: consuming Request<Opened>, _ node: NodeID) {
        request.succeed(Opened(handle: HandleID(rawValue: 0)))
    }
    func readdir(_ request: consuming DirectoryRequest, _ node: NodeID, handle: HandleID, offset: UInt64) {
        request.finish()
    }
    func fsyncdir(_ request: consuming Request<Done>, _ node: NodeID, handle: HandleID) { request.succeed(Done()) }
    func releasedir(_ request: consuming Request<Done>, _ node: NodeID, handle: HandleID) { request.succeed(Done()) }
}

extension Attributes {
    /// Owned by whoever runs the tests; the inode's number is the node's.
    static func toy(
        _ node: NodeID,
        _ kind: FileKind,
        size: Int = 0,
        permissions: UInt16? = nil,
        time: Timestamp = Timestamp(seconds: 1_700_000_000)
    ) -> Attributes {
        Attributes(
            inode: node.rawValue,
            kind: kind,
            permissions: permissions ?? (kind == .directory ? 0o755 : 0o644),
            userID: getuid(),
            groupID: getgid(),
            size: UInt64(size),
            accessTime: time,
            modificationTime: time,
            changeTime: time
        )
    }
}
