import BlobStorage
import FileSystemModel
import HandOver
import OutputConventions
import Synchronization

/// The nodes that the kernel knows, by id, path and blob: a million of them in about 130 MB.
///
/// Every answer that hands a node to the kernel counts one lookup, before the answer leaves: the kernel may forget the
/// node at once. A node goes when all its lookups are forgotten and nothing of it is open or unsent. One that is known
/// and no more is a record (`NodeRecord`); looking it up, stat and forgetting it make no object of it.
/// Lock order: the table's lock, then a node's; never the other way round.
final class NodeTable: Sendable {
    private let state: Mutex<NodeTableState>
    /// Kept by place as well: what moves here moves there.
    private let unsent: UnsentFiles
    private let clock: TreeClock
    /// How long what was listed of a directory is worth its object.
    private let validity: Duration
    /// Objects that are kept although nobody holds them: 1,024 take about 1 MB, and save a HEAD to whoever changes the
    /// attributes of a file that was just closed.
    private let liveCountMax: Int
    /// `/self`, which is always there.
    let selfLink: NodeID

    private let survivors: Survivors?

    init(
        unsent: UnsentFiles,
        clock: TreeClock = .system,
        validity: Duration = .seconds(1),
        liveCountMax: Int = 1024,
        survivors: Survivors? = nil
    ) {
        state = Mutex(NodeTableState(survivors: survivors))
        self.survivors = survivors
        self.unsent = unsent
        self.clock = clock
        self.validity = validity
        self.liveCountMax = liveCountMax
        selfLink = state.withLock { state in
            // No node has slot 0; that of the root is its number by the kernel's rule.
            _ = state.insert(.selfLink)
            let root = state.insert(directory: .root, .directory(nil))
            let selfLink = state.insert(.selfLink)
            for slot in [0, root, selfLink] { state.record(slot).pointee.lookups = .max }
            state.slots.beginCounting()
            return state.slots.id(of: selfLink)
        }
    }

    /// What the body lets go ends when the lock is free.
    private func withState<Value: Sendable>(_ body: (inout NodeTableState) -> Value) -> Value {
        let (value, _) = state.withLock { state -> (Value, [any AnyObject & Sendable]) in
            let value = body(&state)
            survivors?.raise(.node, to: UInt64(state.slots.highestUseCount) + 1)
            guard !state.released.isEmpty else { return (value, []) }
            defer { state.released = [] }
            return (value, state.released)
        }
        return value
    }

    /// To be called whenever there may be one object more.
    private func limitLive(_ state: inout NodeTableState) {
        state.freeOrphans(countMax: 2)
        guard state.live.count > liveCountMax else { return }
        state.putToSleep(downTo: liveCountMax, since: clock.monotonic() - validity)
    }

    // MARK: After another process

    /// Puts back what the kernel knows of an earlier process, before anything else is looked up: the directories, and the
    /// files that are open. The kernel's count of lookups is not known, so these nodes stay for good.
    ///
    /// - Parameter files: of two with one address the later has it.
    /// - Returns: the files that could be put back, by id.
    func restore(_ directories: [SurvivingDirectory], _ files: [(node: NodeID, inode: UInt64, state: FileState)])
        -> [NodeID: FileNode]
    {
        withState { state in
            var slots: [NodeID: UInt32] = [:]
            let ids = directories.map { ($0.node, isFile: false) } + files.map { ($0.node, isFile: true) }
            for (id, isFile) in ids.sorted(by: { $0.0.slotNumber < $1.0.slotNumber }) {
                guard id.rawValue >> 32 != 0 || id.slotNumber > 2 else { continue }
                slots[id] = state.slots.restore(id, isFile ? .free(next: 0) : .directory(nil))
            }
            for directory in directories {
                guard let slot = slots[directory.node] else { continue }
                state.restore(directory, slot)
            }
            var nodes: [NodeID: FileNode] = [:]
            for file in files {
                guard let slot = slots[file.node] else { continue }
                nodes[file.node] = state.restore(file.state, inode: file.inode, slot)
            }
            return nodes
        }
    }

    // MARK: By id

    /// With an object of its own.
    subscript(id: NodeID) -> Node? {
        withState { state in
            guard let slot = state.slots.slot(of: id) else { return nil }
            defer { limitLive(&state) }
            switch state.record(slot).pointee.content {
            case .free: return nil
            case .selfLink: return .selfLink(id)
            case .file, .liveFile: return state.wakeFile(slot).map { .file($0) }
            case .directory, .liveDirectory: return state.wakeDirectory(slot).map { .directory($0) }
            }
        }
    }

    /// What is known behind the id; no object is made for it.
    func known(_ id: NodeID) -> KnownNode? {
        withState { state in
            guard let slot = state.slots.slot(of: id) else { return nil }
            switch state.record(slot).pointee.content {
            case .free: return nil
            case .selfLink: return .selfLink
            case .file, .liveFile: return state.knownFile(slot).map { .file($0) }
            case .directory, .liveDirectory: return .directory(state.knownDirectory(slot))
            }
        }
    }

    func directory(_ id: NodeID) -> DirectoryNode? {
        guard case .directory(let node) = self[id] else { return nil }
        return node
    }

    func file(_ id: NodeID) -> FileNode? {
        guard case .file(let node) = self[id] else { return nil }
        return node
    }

    // MARK: Handing out

    func lookUp(directory place: TreePlace, facts: FileFacts?) -> KnownDirectory {
        withState { state in
            let slot = state.slot(of: place) ?? state.insert(directory: place, .directory(facts))
            state.record(slot).pointee.countLookup()
            if let facts { state.learn(facts, ofDirectory: slot) }
            return state.knownDirectory(slot)
        }
    }

    /// The file for the version that the store showed at `startedAt`: the one that is known, or a new one if this is
    /// not the version it stood for. `isShadowed`: it is shown under an escaped name.
    func lookUp(
        file address: BlobAddress,
        facts: FileFacts,
        startedAt: Duration,
        isShadowed: Bool = false
    ) -> KnownFile {
        withState { state in
            let slot = state.lookUp(file: address, facts, startedAt)
            if isShadowed { state.markShadowed(slot) }
            guard let file = state.knownFile(slot) else { preconditionFailure("\(address) has no file's slot") }
            return file
        }
    }

    /// As `lookUp`, for somebody who is about to change the file.
    func lookUpNode(file address: BlobAddress, facts: FileFacts, startedAt: Duration) -> FileNode {
        withState { state in
            let slot = state.lookUp(file: address, facts, startedAt)
            guard let node = state.wakeFile(slot) else { preconditionFailure("\(address) has no file's slot") }
            limitLive(&state)
            return node
        }
    }

    /// Counts a lookup of a node that is at hand.
    func lookUp(_ node: FileNode, isShadowed: Bool = false) {
        withState { state in
            guard let slot = state.slots.slot(of: node.id) else { return }
            state.record(slot).pointee.countLookup()
            if isShadowed { state.markShadowed(slot) }
            // Taken for gone once, and written to since: there must be no second node for its blob.
            if node.hasUnsentContent { state.restoreToIndex(slot) }
        }
    }

    /// A file that is not in the store yet; its lookup is counted. The address means no other file any more.
    func insert(_ file: FileState) -> FileNode {
        withState { state in
            let node = state.insert(file)
            limitLive(&state)
            return node
        }
    }

    // MARK: By name

    /// What stands for the blob now; no object is made for it.
    func known(at address: BlobAddress) -> KnownFile? {
        withState { state in state.slot(of: address).flatMap { state.knownFile($0) } }
    }

    /// The file that stands for the blob now.
    func file(at address: BlobAddress) -> FileNode? {
        withState { state in
            defer { limitLive(&state) }
            return state.slot(of: address).flatMap { state.wakeFile($0) }
        }
    }

    /// As `file(at:)`; `nil` also for a file that is merely known: nothing of it is open or unsent.
    func liveFile(at address: BlobAddress) -> FileNode? {
        guard case .node(let node) = known(at: address) else { return nil }
        return node
    }

    /// The object of a directory, if it has one: one that is merely known has no listing.
    func directory(at place: TreePlace) -> DirectoryNode? {
        withState { state in
            guard let slot = state.slot(of: place), case .liveDirectory(let number) = state.record(slot).pointee.content
            else { return nil }
            return state.live.directory(number)
        }
    }

    func knows(directory place: TreePlace) -> Bool { withState { $0.slot(of: place) != nil } }

    // MARK: Letting go

    func forget(_ id: NodeID, count: UInt64) {
        withState { state in
            state.freeOrphans(countMax: 2)
            guard let slot = state.slots.slot(of: id) else { return }
            state.record(slot).pointee.forget(count)
            state.freeIfUnused(slot)
        }
    }

    /// To be called when a file stops being open or unsent.
    func settle(_ node: FileNode) {
        withState { state in
            if let slot = state.slots.slot(of: node.id) { state.freeIfUnused(slot) }
            limitLive(&state)
        }
    }

    // MARK: Renaming

    /// The node no longer stands for any blob: unlinked, or another file was renamed over it.
    func detach(_ node: FileNode) {
        withState { state in
            if let slot = state.slots.slot(of: node.id) { state.removeFromIndex(slot) }
        }
    }

    func move(_ node: FileNode, to address: BlobAddress, _ update: (inout FileState) -> Void) {
        withState { state in
            if let slot = state.slots.slot(of: node.id) {
                state.removeFromIndex(slot)
                state.setAddress(address, of: slot)
            }
            node.withState { file in
                file.address = address
                update(&file)
            }
            unsent.moved(node, to: address)
        }
    }

    /// Gives every directory below `place` its new place, as `moved` says.
    func moveDirectories(_ moved: (TreePlace) -> TreePlace?) {
        withState { state in
            for slot in state.directories.slots {
                guard let place = state.place(of: slot), let target = moved(place) else { continue }
                state.move(directory: slot, to: target)
            }
        }
    }

    /// Files with a name that begins so, all that are known, each with an object.
    func files(below prefix: BlobAddress) -> [FileNode] {
        withState { state in state.wakeFiles(below: prefix) }
    }

    // MARK: Looking over all

    /// How many nodes are known, the root and `self` among them.
    var count: Int {
        withState { state in
            state.freeOrphans(countMax: .max)
            return state.slots.count - 1
        }
    }

    /// How many of them have an object.
    var liveCount: Int { withState { $0.live.count } }
}
