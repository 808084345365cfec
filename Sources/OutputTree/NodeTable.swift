import BlobStorage
import FileSystemModel
import OutputConventions
import Synchronization

/// The nodes that the kernel knows, by id, path and blob.
///
/// Every answer that hands a node to the kernel counts one lookup, before the answer leaves: the kernel may forget the
/// node at once. A node goes when all its lookups are forgotten and nothing of it is open or unsent.
/// Lock order: the table's lock, then a node's; never the other way round.
final class NodeTable: Sendable {
    private struct Item {
        var node: Node
        var lookups: UInt64
    }

    private struct State {
        var items: [NodeID: Item] = [:]
        var directories: [TreePlace: NodeID] = [:]
        var files: [BlobAddress: NodeID] = [:]
        var nextID = NodeID.root.rawValue + 1

        mutating func newID() -> NodeID {
            defer { nextID += 1 }
            return NodeID(rawValue: nextID)
        }
    }

    private let state = Mutex(State())
    /// Kept by place as well: what moves here moves there.
    private let unsent: UnsentFiles
    /// `/self`, which is always there.
    let selfLink: NodeID

    init(unsent: UnsentFiles) {
        self.unsent = unsent
        let root = DirectoryNode(id: .root, inode: StableInode.root, place: .root, facts: nil)
        selfLink = state.withLock { state in
            let selfLink = state.newID()
            state.items[.root] = Item(node: .directory(root), lookups: 1)
            state.items[selfLink] = Item(node: .selfLink(selfLink), lookups: 1)
            state.directories[.root] = .root
            return selfLink
        }
    }

    subscript(id: NodeID) -> Node? { state.withLock { $0.items[id]?.node } }

    func directory(_ id: NodeID) -> DirectoryNode? {
        guard case .directory(let node) = self[id] else { return nil }
        return node
    }

    func file(_ id: NodeID) -> FileNode? {
        guard case .file(let node) = self[id] else { return nil }
        return node
    }

    // MARK: Handing out

    func lookUp(directory place: TreePlace, inode: UInt64, facts: FileFacts?) -> DirectoryNode {
        state.withLock { state in
            if let id = state.directories[place], case .directory(let node) = state.items[id]?.node {
                state.items[id]?.lookups += 1
                if let facts { node.withState { $0.facts = facts } }
                return node
            }
            let node = DirectoryNode(id: state.newID(), inode: inode, place: place, facts: facts)
            state.items[node.id] = Item(node: .directory(node), lookups: 1)
            state.directories[place] = node.id
            return node
        }
    }

    /// The node for the version that the store showed at `startedAt`: the one that is known, or a new one if this is
    /// not the version it stood for.
    func lookUp(file address: BlobAddress, facts: FileFacts, startedAt: Duration, inode: UInt64) -> FileNode {
        state.withLock { state in
            if let id = state.files[address], case .file(let node) = state.items[id]?.node,
                node.withState({ $0.observe(facts, startedAt: startedAt) }) != .replaced
            {
                state.items[id]?.lookups += 1
                return node
            }
            return Self.insert(FileState(address: address, facts: facts, learnedAt: startedAt), inode, &state)
        }
    }

    /// Counts a lookup of a node that is at hand.
    func lookUp(_ node: FileNode) {
        state.withLock { state in
            if state.items[node.id] == nil {
                state.items[node.id] = Item(node: .file(node), lookups: 0)
                // Back from among the changes: there must be no second node for its blob.
                let (address, isUnlinked) = node.withState { ($0.address, $0.isUnlinked) }
                if !isUnlinked, state.files[address] == nil { state.files[address] = node.id }
            }
            state.items[node.id]?.lookups += 1
        }
    }

    /// A file that is not in the store yet.
    func insert(_ file: FileState, inode: UInt64) -> FileNode {
        state.withLock { state in Self.insert(file, inode, &state) }
    }

    private static func insert(_ file: FileState, _ inode: UInt64, _ state: inout State) -> FileNode {
        let node = FileNode(id: state.newID(), inode: inode, file)
        state.items[node.id] = Item(node: .file(node), lookups: 1)
        state.files[file.address] = node.id
        return node
    }

    /// The node that stands for the blob now.
    func file(at address: BlobAddress) -> FileNode? {
        state.withLock { state in
            guard let id = state.files[address], case .file(let node) = state.items[id]?.node else { return nil }
            return node
        }
    }

    func directory(at place: TreePlace) -> DirectoryNode? {
        state.withLock { state in
            guard let id = state.directories[place], case .directory(let node) = state.items[id]?.node else {
                return nil
            }
            return node
        }
    }

    // MARK: Letting go

    func forget(_ id: NodeID, count: UInt64) {
        state.withLock { state in
            guard id != .root, id != selfLink, var item = state.items[id] else { return }
            item.lookups -= min(item.lookups, count)
            state.items[id] = item
            Self.dropIfUnused(id, &state)
        }
    }

    /// To be called when a file stops being open or unsent.
    func settle(_ node: FileNode) { state.withLock { state in Self.dropIfUnused(node.id, &state) } }

    private static func dropIfUnused(_ id: NodeID, _ state: inout State) {
        guard let item = state.items[id], item.lookups == 0 else { return }
        switch item.node {
        case .selfLink: return
        case .directory(let node):
            if state.directories[node.place] == id { state.directories[node.place] = nil }
        case .file(let node):
            let (isBusy, address) = node.withState { ($0.isBusy, $0.address) }
            guard !isBusy else { return }
            if state.files[address] == id { state.files[address] = nil }
        }
        state.items[id] = nil
    }

    // MARK: Renaming

    /// The node no longer stands for any blob: unlinked, or another file was renamed over it.
    func detach(_ node: FileNode) {
        state.withLock { state in
            let address = node.withState { $0.address }
            if state.files[address] == node.id { state.files[address] = nil }
        }
    }

    func move(_ node: FileNode, to address: BlobAddress, _ update: (inout FileState) -> Void) {
        state.withLock { state in
            let old = node.withState { $0.address }
            if state.files[old] == node.id { state.files[old] = nil }
            node.withState { file in
                file.address = address
                update(&file)
            }
            state.files[address] = node.id
            unsent.moved(node, to: address)
        }
    }

    /// Gives every directory below `place` its new place, as `moved` says.
    func moveDirectories(_ moved: (TreePlace) -> TreePlace?) {
        state.withLock { state in
            for (place, id) in state.directories {
                guard let target = moved(place), case .directory(let node) = state.items[id]?.node else { continue }
                state.directories[place] = nil
                node.withState { directory in
                    directory.place = target
                    directory.listing = nil
                }
                state.directories[target] = id
            }
        }
    }

    // MARK: Looking over all

    /// Files for which `condition` holds.
    func files(where condition: (FileState) -> Bool) -> [FileNode] {
        state.withLock { state in
            state.items.values.compactMap { item in
                guard case .file(let node) = item.node, node.withState({ condition($0) }) else { return nil }
                return node
            }
        }
    }

    var count: Int { state.withLock { $0.items.count } }
}
