import BlobStorage
import FileSystemModel
import Synchronization

/// The files of which this mount has something that the store has not: few among the many that are known.
final class UnsentFiles: Sendable {
    private let files = Mutex<[NodeID: FileNode]>([:])

    func insert(_ node: FileNode) { files.withLock { $0[node.id] = node } }

    func removeIfSent(_ node: FileNode) {
        // Asked outside the lock: a node's lock is never taken inside another one but the node table's.
        guard !node.withState({ $0.hasUnsentChanges }) else { return }
        files.withLock { $0[node.id] = nil }
    }

    /// Those that really lack something in the store now.
    var all: [FileNode] {
        let candidates = files.withLock { Array($0.values) }
        return candidates.filter { $0.withState { $0.hasUnsentChanges } }
    }

    func hasFiles(below prefix: BlobAddress) -> Bool { !files(below: prefix).isEmpty }

    func files(below prefix: BlobAddress) -> [FileNode] {
        all.filter { node in
            let address = node.address
            return address.container == prefix.container && address.name.utf8.starts(with: prefix.name.utf8)
        }
    }
}
