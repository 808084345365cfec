import FileSystemModel
import Glibc
import Synchronization

/// Plays a test's script: each test says how the operations that it asks for are answered, and reads what arrived.
final class ScriptedFileSystem: ToyFileSystem {
    struct Script: Sendable {
        var lookup: @Sendable (consuming Request<LookupResult>, FileName) -> Void = { request, _ in
            request.succeed(.absent(validity: .zero))
        }
        var read: @Sendable (consuming ReadRequest, Int) -> Void = { request, _ in
            request.fail(FileSystemError(errno: EIO, "unscripted"))
        }
        var open: @Sendable (consuming Request<Opened>) -> Void = { request in
            request.succeed(Opened(handle: HandleID(rawValue: 11), keepsPageCache: true))
        }
        var write: @Sendable (UnsafeRawBufferPointer) -> Void = { _ in }
        var readdir: @Sendable (consuming DirectoryRequest) -> Void = { request in request.finish() }
        var attribute: ExtendedAttributeAnswer = .value([])
    }

    /// What arrived, in words.
    private let log = Mutex<[String]>([])
    private let capabilities = Mutex<KernelCapabilities?>(nil)
    private let script: Script
    let notifications = KernelNotifications()

    init(_ script: Script = Script()) { self.script = script }

    convenience init(_ change: (inout Script) -> Void) {
        var script = Script()
        change(&script)
        self.init(script)
    }

    var calls: [String] { log.withLock { $0 } }
    var kernel: KernelCapabilities? { capabilities.withLock { $0 } }

    private func note(_ call: String) { log.withLock { $0.append(call) } }

    /// Waits until `count` calls have been noted: some come without an answer.
    func calls(atLeast count: Int) -> [String] {
        _ = becomesTrue { calls.count >= count }
        return calls
    }

    func start(_ kernel: KernelCapabilities) { capabilities.withLock { $0 = kernel } }
    func lookup(_ request: consuming Request<LookupResult>, _ name: FileName, in parent: NodeID) {
        note("lookup \(name) in \(parent.rawValue)")
        script.lookup(request, name)
    }
    func forget(_ node: NodeID, count: UInt64) { note("forget \(node.rawValue) \(count)") }
    func mknod(_ request: consuming Request<Entry>, _ name: FileName, in parent: NodeID, permissions: UInt16) {
        note("mknod \(name) \(String(permissions, radix: 8)) umask \(String(request.caller.umask, radix: 8))")
        request.succeed(.toy(NodeID(rawValue: 5)))
    }
    func mkdir(_ request: consuming Request<Entry>, _ name: FileName, in parent: NodeID, permissions: UInt16) {
        note("mkdir \(name)")
        request.succeed(.toy(NodeID(rawValue: 6)))
    }
    func rename(
        _ request: consuming Request<Done>,
        _ name: FileName,
        in parent: NodeID,
        to newName: FileName,
        in newParent: NodeID,
        flags: RenameFlags
    ) {
        note("rename \(name) in \(parent.rawValue) to \(newName) in \(newParent.rawValue) flags \(flags.rawValue)")
        request.succeed(Done())
    }
    func setattr(
        _ request: consuming Request<AttributesAnswer>,
        _ node: NodeID,
        _ changes: AttributeChanges,
        handle: HandleID?
    ) {
        note("setattr \(changes.size.map { "size \($0)" } ?? "") handle \(handle.map { "\($0.rawValue)" } ?? "none")")
        request.succeed(AttributesAnswer(.toy(node, .file), validity: .seconds(2)))
    }
    func getxattr(_ request: consuming Request<ExtendedAttributeAnswer>, _ node: NodeID, _ name: String, size: Int) {
        request.succeed(script.attribute)
    }
    func open(_ request: consuming Request<Opened>, _ node: NodeID, flags: OpenFlags) {
        note("open \(flags.access) truncates \(flags.truncates) appends \(flags.appends)")
        script.open(request)
    }
    func read(_ request: consuming ReadRequest, _ node: NodeID, handle: HandleID, offset: UInt64, size: Int) {
        note("read \(handle.rawValue) at \(offset)")
        script.read(request, size)
    }
    func write(
        _ request: consuming Request<ByteCount>,
        _ node: NodeID,
        handle: HandleID,
        offset: UInt64,
        _ bytes: UnsafeRawBufferPointer,
        flags: WriteFlags
    ) {
        note("write \(Array(bytes)) at \(offset) cache \(flags.isFromPageCache) appends \(flags.appends)")
        script.write(bytes)
        request.succeed(ByteCount(bytes.count))
    }
    func release(_ request: consuming Request<Done>, _ node: NodeID, handle: HandleID) {
        note("release \(handle.rawValue)")
        request.succeed(Done())
    }
    func fallocate(
        _ request: consuming Request<Done>,
        _ node: NodeID,
        handle: HandleID,
        mode: FallocateMode,
        offset: UInt64,
        length: UInt64
    ) {
        note("fallocate \(mode)")
        request.succeed(Done())
    }
    func readdir(_ request: consuming DirectoryRequest, _ node: NodeID, handle: HandleID, offset: UInt64) {
        note("readdir from \(offset)")
        script.readdir(request)
    }
}

extension Entry {
    static func toy(_ node: NodeID, _ kind: FileKind = .file) -> Entry {
        Entry(
            node: node,
            attributes: .toy(node, kind),
            attributeValidity: .milliseconds(1500),
            entryValidity: .seconds(3)
        )
    }
}
