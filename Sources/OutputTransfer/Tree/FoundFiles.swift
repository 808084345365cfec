internal import Synchronization

/// Files that come in no order, to be had by their paths.
final class FoundFiles: Sendable {
    private let files = Mutex<[(path: [String], file: TreeFile)]>([])

    func add(_ path: [String], _ file: TreeFile) {
        guard !file.isDirectory else { return }
        files.withLock { $0.append((path, file)) }
    }

    var sorted: [TreeFile] {
        files.withLock { files in
            files.sorted { one, other in
                one.path.joined(separator: "/").utf8.lexicographicallyPrecedes(other.path.joined(separator: "/").utf8)
            }.map(\.file)
        }
    }
}
