import FileSystemModel
import Glibc
import Synchronization

/// A small file system in memory, for tests that mount for real.
///
/// Two names are special: reads of `blocked` wait until the test answers or an interrupt ends them, and `backed` is
/// opened for reading with the backing file that the test sets.
final class MemoryFileSystem: ToyFileSystem {
    struct Node {
        var kind: FileKind
        var permissions: UInt16
        var data: [UInt8] = []
        var children: [FileName: NodeID] = [:]
        var attributes: [String: [UInt8]] = [:]
        var modificationTime = Timestamp(seconds: 1_700_000_000)
    }

    struct State {
        var nodes: [NodeID: Node] = [.root: Node(kind: .directory, permissions: 0o755)]
        var lastNode: UInt64 = 1
        var lastHandle: UInt64 = 0
        var events: [String] = []
        var backing: BackingFile?
        /// The kernel keeps a file's pages from one open to the next.
        var keepsPageCache = false
        var opensDirectly = false
    }

    let notifications = KernelNotifications()
    /// Reads of `blocked`, to be answered by the test.
    let blockedReads = Held<PendingRead>()
    private let state = Mutex(State())

    var events: [String] { state.withLock { $0.events } }

    func change(_ change: (inout State) -> Void) { state.withLock { change(&$0) } }

    /// Puts a file into the root behind the kernel's back; its node.
    @discardableResult
    func place(_ name: FileName, _ data: [UInt8]) -> NodeID {
        state.withLock { state in
            if let node = state.nodes[.root]?.children[name] {
                state.nodes[node]?.data = data
                return node
            }
            return Self.add(name, Node(kind: .file, permissions: 0o644, data: data), to: .root, &state)
        }
    }

    func data(of name: FileName) -> [UInt8]? {
        state.withLock { state in
            guard let node = state.nodes[.root]?.children[name] else { return nil }
            return state.nodes[node]?.data
        }
    }

    private static func add(_ name: FileName, _ node: Node, to parent: NodeID, _ state: inout State) -> NodeID {
        state.lastNode += 1
        let id = NodeID(rawValue: state.lastNode)
        state.nodes[id] = node
        state.nodes[parent]?.children[name] = id
        return id
    }

    private static func attributes(_ id: NodeID, _ node: Node) -> Attributes {
        .toy(id, node.kind, size: node.data.count, permissions: node.permissions, time: node.modificationTime)
    }

    private static func entry(_ id: NodeID, _ node: Node) -> Entry {
        Entry(
            node: id,
            attributes: attributes(id, node),
            attributeValidity: .seconds(60),
            entryValidity: .seconds(60)
        )
    }

    private func error(_ errno: Int32) -> FileSystemError { FileSystemError(errno: errno, "memory file system") }

    /// Decides under the lock; the answer is given outside.
    private func decide<Value>(
        _ body: (inout State) throws(FileSystemError) -> Value
    ) -> Result<Value, FileSystemError> {
        state.withLock { state in
            do throws(FileSystemError) { return .success(try body(&state)) } catch { return .failure(error) }
        }
    }

    private func node(_ id: NodeID, _ state: State) throws(FileSystemError) -> Node {
        guard let node = state.nodes[id] else { throw error(ESTALE) }
        return node
    }

    // MARK: Names

    func lookup(_ request: consuming Request<LookupResult>, _ name: FileName, in parent: NodeID) {
        request.complete(
            decide { state throws(FileSystemError) in
                guard let id = state.nodes[parent]?.children[name], let node = state.nodes[id] else {
                    return .absent(validity: .zero)
                }
                return .found(Self.entry(id, node))
            }
        )
    }

    func mkdir(_ request: consuming Request<Entry>, _ name: FileName, in parent: NodeID, permissions: UInt16) {
        request.complete(make(name, Node(kind: .directory, permissions: permissions), in: parent))
    }

    func mknod(_ request: consuming Request<Entry>, _ name: FileName, in parent: NodeID, permissions: UInt16) {
        request.complete(make(name, Node(kind: .file, permissions: permissions), in: parent))
    }

    func symlink(_ request: consuming Request<Entry>, _ name: FileName, in parent: NodeID, target: String) {
        request.complete(
            make(name, Node(kind: .symbolicLink, permissions: 0o777, data: Array(target.utf8)), in: parent)
        )
    }

    func readlink(_ request: consuming Request<String>, _ id: NodeID) {
        request.complete(
            decide { state throws(FileSystemError) in String(decoding: try node(id, state).data, as: UTF8.self) }
        )
    }

    private func make(_ name: FileName, _ new: Node, in parent: NodeID) -> Result<Entry, FileSystemError> {
        decide { state throws(FileSystemError) in
            guard state.nodes[parent]?.children[name] == nil else { throw error(EEXIST) }
            return Self.entry(Self.add(name, new, to: parent, &state), new)
        }
    }

    func unlink(_ request: consuming Request<Done>, _ name: FileName, in parent: NodeID) {
        request.complete(remove(name, in: parent))
    }

    func rmdir(_ request: consuming Request<Done>, _ name: FileName, in parent: NodeID) {
        request.complete(remove(name, in: parent))
    }

    private func remove(_ name: FileName, in parent: NodeID) -> Result<Done, FileSystemError> {
        decide { state throws(FileSystemError) in
            guard let id = state.nodes[parent]?.children[name] else { throw error(ENOENT) }
            guard try node(id, state).children.isEmpty else { throw error(ENOTEMPTY) }
            state.nodes[parent]?.children[name] = nil
            return Done()
        }
    }

    func rename(
        _ request: consuming Request<Done>,
        _ name: FileName,
        in parent: NodeID,
        to newName: FileName,
        in newParent: NodeID,
        flags: RenameFlags
    ) {
        request.complete(
            decide { state throws(FileSystemError) in
                guard let id = state.nodes[parent]?.children[name] else { throw error(ENOENT) }
                if flags.contains(.noReplace), state.nodes[newParent]?.children[newName] != nil { throw error(EEXIST) }
                state.nodes[parent]?.children[name] = nil
                state.nodes[newParent]?.children[newName] = id
                return Done()
            }
        )
    }

    // MARK: Attributes

    func getattr(_ request: consuming Request<AttributesAnswer>, _ id: NodeID, handle: HandleID?) {
        request.complete(
            decide { state throws(FileSystemError) in
                AttributesAnswer(Self.attributes(id, try node(id, state)), validity: .seconds(60))
            }
        )
    }

    func setattr(
        _ request: consuming Request<AttributesAnswer>,
        _ id: NodeID,
        _ changes: AttributeChanges,
        handle: HandleID?
    ) {
        request.complete(
            decide { state throws(FileSystemError) in
                var node = try node(id, state)
                if let permissions = changes.permissions { node.permissions = permissions }
                if let size = changes.size {
                    node.data = Array(node.data.prefix(Int(size)))
                    node.data += [UInt8](repeating: 0, count: Int(size) - node.data.count)
                }
                if case .at(let time) = changes.modificationTime { node.modificationTime = time }
                state.nodes[id] = node
                return AttributesAnswer(Self.attributes(id, node), validity: .seconds(60))
            }
        )
    }

    func getxattr(_ request: consuming Request<ExtendedAttributeAnswer>, _ id: NodeID, _ name: String, size: Int) {
        request.complete(
            decide { state throws(FileSystemError) in
                guard let value = try node(id, state).attributes[name] else { throw error(ENODATA) }
                return .value(value)
            }
        )
    }

    func listxattr(_ request: consuming Request<ExtendedAttributeAnswer>, _ id: NodeID, size: Int) {
        request.complete(
            decide { state throws(FileSystemError) in
                .value(try node(id, state).attributes.keys.sorted().flatMap { Array($0.utf8) + [0] })
            }
        )
    }

    func setxattr(
        _ request: consuming Request<Done>,
        _ id: NodeID,
        _ name: String,
        _ value: UnsafeRawBufferPointer,
        flags: ExtendedAttributeFlags
    ) {
        let value = Array(value)
        request.complete(
            decide { state throws(FileSystemError) in
                let exists = try node(id, state).attributes[name] != nil
                if flags == .createOnly && exists { throw error(EEXIST) }
                if flags == .replaceOnly && !exists { throw error(ENODATA) }
                state.nodes[id]?.attributes[name] = value
                return Done()
            }
        )
    }

    func removexattr(_ request: consuming Request<Done>, _ id: NodeID, _ name: String) {
        request.complete(
            decide { state throws(FileSystemError) in
                guard state.nodes[id]?.attributes.removeValue(forKey: name) != nil else { throw error(ENODATA) }
                return Done()
            }
        )
    }

    // MARK: Files

    func open(_ request: consuming Request<Opened>, _ id: NodeID, flags: OpenFlags) {
        request.complete(
            decide { state throws(FileSystemError) in
                if flags.truncates { state.nodes[id]?.data = [] }
                state.events.append("open \(flags.access)\(flags.truncates ? " truncates" : "")")
                return Self.opened(id, flags, &state)
            }
        )
    }

    private static func opened(_ id: NodeID, _ flags: OpenFlags, _ state: inout State) -> Opened {
        state.lastHandle += 1
        let names = state.nodes[.root]?.children ?? [:]
        return Opened(
            handle: HandleID(rawValue: state.lastHandle),
            keepsPageCache: state.keepsPageCache,
            isDirect: state.opensDirectly || id == names["blocked"],
            backing: id == names["backed"] && !flags.allowsWriting ? state.backing : nil
        )
    }

    func create(
        _ request: consuming Request<Created>,
        _ name: FileName,
        in parent: NodeID,
        permissions: UInt16,
        flags: OpenFlags
    ) {
        let made = make(name, Node(kind: .file, permissions: permissions), in: parent)
        request.complete(
            made.map { entry in
                Created(entry: entry, opened: state.withLock { Self.opened(entry.node, flags, &$0) })
            }
        )
    }

    func read(_ request: consuming ReadRequest, _ id: NodeID, handle: HandleID, offset: UInt64, size: Int) {
        let found = state.withLock { (data: $0.nodes[id]?.data, isBlocked: $0.nodes[.root]?.children["blocked"] == id) }
        if found.isBlocked {
            let pending = request.pending()
            pending.onInterrupt { pending.fail(FileSystemError(errno: EINTR, "interrupted")) }
            return blockedReads.put(pending)
        }
        let pending = request.pending()
        let data = found.data ?? []
        let start = min(Int(offset), data.count)
        data.withUnsafeBytes { bytes in
            let piece = UnsafeRawBufferPointer(rebasing: bytes[start..<min(start + size, bytes.count)])
            _ = [piece].withUnsafeBufferPointer { pending.succeed($0) }
        }
    }

    func write(
        _ request: consuming Request<ByteCount>,
        _ id: NodeID,
        handle: HandleID,
        offset: UInt64,
        _ bytes: UnsafeRawBufferPointer,
        flags: WriteFlags
    ) {
        let bytes = Array(bytes)
        request.complete(
            decide { state throws(FileSystemError) in
                var data = try node(id, state).data
                let end = Int(offset) + bytes.count
                if data.count < end { data += [UInt8](repeating: 0, count: end - data.count) }
                data.replaceSubrange(Int(offset)..<end, with: bytes)
                state.nodes[id]?.data = data
                if flags.isFromPageCache { state.events.append("write back") }
                return ByteCount(bytes.count)
            }
        )
    }

    func flush(_ request: consuming Request<Done>, _ node: NodeID, handle: HandleID) {
        state.withLock { $0.events.append("flush \(handle.rawValue)") }
        request.succeed(Done())
    }

    func release(_ request: consuming Request<Done>, _ node: NodeID, handle: HandleID) {
        state.withLock { $0.events.append("release \(handle.rawValue)") }
        request.succeed(Done())
    }

    // MARK: Directories

    func readdir(_ request: consuming DirectoryRequest, _ id: NodeID, handle: HandleID, offset: UInt64) {
        let children = state.withLock { state in
            (state.nodes[id]?.children ?? [:]).sorted { $0.key < $1.key }
                .compactMap { name, id in state.nodes[id].map { (name, id, $0) } }
        }
        for (number, (name, id, node)) in children.enumerated().dropFirst(Int(offset)) {
            let entry = DirectoryEntry(
                name: name,
                inode: id.rawValue,
                kind: node.kind,
                entry: request.wantsEntries ? Self.entry(id, node) : nil,
                nextOffset: UInt64(number + 1)
            )
            guard request.add(entry) else { break }
        }
        request.finish()
    }
}
