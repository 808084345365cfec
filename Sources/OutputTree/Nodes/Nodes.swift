import BlobReading
import BlobStorage
import BlobWriting
import FileSystemModel
import HandOver
import OutputConventions
import Synchronization

/// What the kernel knows by a node id.
enum Node: Sendable {
    case directory(DirectoryNode)
    case file(FileNode)
    /// `/self`
    case selfLink(NodeID)

    var id: NodeID {
        switch self {
        case .directory(let node): node.id
        case .file(let node): node.id
        case .selfLink(let id): id
        }
    }
}

/// A file or symbolic link: one per blob and lineage of versions.
///
/// A version that somebody else put in its place is another node, so that pages and handles of the old one can never
/// mix with it.
final class FileNode: Sendable {
    let id: NodeID
    let inode: UInt64
    /// Held over commits, renames, removals and metadata changes of this file: one after the other.
    let changes = AsyncLock()
    /// What was read through the kernel's pages.
    let pagesRead = PagesRead()
    private let state: Mutex<FileState>
    /// Where the process that follows this one finds the file while it is open.
    private let survivors: Survivors?

    init(id: NodeID, inode: UInt64, _ state: FileState, survivors: Survivors? = nil) {
        self.id = id
        self.inode = inode
        self.state = Mutex(state)
        self.survivors = survivors
    }

    func withState<Value>(_ body: (inout sending FileState) -> sending Value) -> sending Value {
        state.withLock { state in
            let before = state.revision
            let value = body(&state)
            if state.revision != before, let survivors { state.record(id, inode: inode, in: survivors) }
            return value
        }
    }

    var hasUnsentContent: Bool { state.withLock { $0.hasUnsentContent } }
    var address: BlobAddress { state.withLock { $0.address } }
}

extension [FileNode] {
    /// Holds the `changes` of all these files, each once, taken in the order of their ids so that two renames cannot
    /// wait for each other.
    func withChangesLocked<Value: Sendable>(
        _ body: () async throws(FileSystemError) -> Value
    ) async throws(FileSystemError) -> Value {
        var locks: [AsyncLock] = []
        for node in sorted(by: { $0.id.rawValue < $1.id.rawValue }) where locks.last !== node.changes {
            locks.append(node.changes)
        }
        return try await AsyncLock.withLocks(locks, body)
    }
}

/// A directory: one per path.
final class DirectoryNode: Sendable {
    struct State: Sendable {
        var place: TreePlace
        /// Of the blob that marks it, if one is known.
        var facts: FileFacts?
        /// The last listing of it.
        var listing: DirectoryListing?
        /// The names that were asked for while there was none.
        var questions = PageQuestions()
    }

    let id: NodeID
    let inode: UInt64
    private let state: Mutex<State>

    init(id: NodeID, inode: UInt64, place: TreePlace, facts: FileFacts?) {
        self.id = id
        self.inode = inode
        state = Mutex(State(place: place, facts: facts))
    }

    var place: TreePlace { state.withLock { $0.place } }

    func withState<Value>(_ body: (inout sending State) -> sending Value) -> sending Value {
        state.withLock { state in body(&state) }
    }

    /// Whether nothing would be lost with this object: what was listed before `since` is too old to be of use.
    func isIdle(since: Duration) -> Bool {
        withState { state in
            state.listing?.isIdle(since: since) ?? true
        }
    }

    /// What was listed under the old name is no longer true.
    func move(to place: TreePlace) {
        withState { state in
            state.place = place
            state.listing = nil
        }
    }
}
