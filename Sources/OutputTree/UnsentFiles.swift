import BlobStorage
import FileSystemModel
import Synchronization

/// The files of which this mount has something that the store has not: few among the many that are known.
///
/// Lookups ask for directories, so the files are kept by every directory that they are in. Its lock is the innermost:
/// no node is asked anything while it is held.
final class UnsentFiles: Sendable {
    private struct State {
        /// Where each file was put in.
        var addresses: [NodeID: BlobAddress] = [:]
        /// By prefix of blob names that is empty or ends with a slash.
        var directories: [BlobAddress: [NodeID: FileNode]] = [:]

        mutating func insert(_ node: FileNode, at address: BlobAddress) {
            if let old = addresses[node.id] {
                guard old != address else { return }
                remove(node)
            }
            addresses[node.id] = address
            Self.forEachDirectory(above: address) { directories[$0, default: [:]][node.id] = node }
        }

        mutating func remove(_ node: FileNode) {
            guard let address = addresses.removeValue(forKey: node.id) else { return }
            Self.forEachDirectory(above: address) { directory in
                directories[directory]?[node.id] = nil
                if directories[directory]?.isEmpty == true { directories[directory] = nil }
            }
        }

        private static func forEachDirectory(above address: BlobAddress, _ body: (BlobAddress) -> Void) {
            var prefix = LocalChanges.parentPrefix(of: address.name)
            while true {
                body(BlobAddress(container: address.container, name: prefix))
                guard !prefix.utf8.isEmpty else { return }
                prefix = LocalChanges.parentPrefix(of: String(Substring(prefix.utf8.dropLast())))
            }
        }
    }

    private let state = Mutex(State())

    func insert(_ node: FileNode) {
        let address = node.address
        state.withLock { $0.insert(node, at: address) }
        // Moved in between, it would stand where it no longer is.
        let current = node.address
        if current != address { moved(node, to: current) }
    }

    func removeIfSent(_ node: FileNode) {
        guard !node.withState({ $0.hasUnsentChanges }) else { return }
        state.withLock { $0.remove(node) }
        // A write may have come between the question and the removal.
        if node.withState({ $0.hasUnsentChanges }) { insert(node) }
    }

    /// The file has another name now.
    func moved(_ node: FileNode, to address: BlobAddress) {
        state.withLock { state in
            guard state.addresses[node.id] != nil else { return }
            state.insert(node, at: address)
        }
    }

    /// Those that really lack something in the store now.
    var all: [FileNode] {
        let candidates = state.withLock { state in
            state.directories.filter { $0.key.name.utf8.isEmpty }.flatMap { $0.value.values }
        }
        return candidates.filter { $0.withState { $0.hasUnsentChanges } }
    }

    /// Usually one look at one file: what is kept here is unsent but for moments.
    func hasFiles(below prefix: BlobAddress) -> Bool {
        candidates(below: prefix).contains { Self.isUnsent($0, prefix) }
    }

    func files(below prefix: BlobAddress) -> [FileNode] {
        candidates(below: prefix).filter { Self.isUnsent($0, prefix) }
    }

    /// A prefix may end within a segment that is too long for one file name: then those of the directory that it is in.
    private func candidates(below prefix: BlobAddress) -> Dictionary<NodeID, FileNode>.Values {
        let name = LocalChanges.parentPrefix(of: prefix.name)
        let directory = BlobAddress(container: prefix.container, name: name)
        return (state.withLock { $0.directories[directory] } ?? [:]).values
    }

    private static func isUnsent(_ node: FileNode, _ prefix: BlobAddress) -> Bool {
        node.withState { $0.hasUnsentChanges && $0.address.name.utf8.starts(with: prefix.name.utf8) }
    }
}
