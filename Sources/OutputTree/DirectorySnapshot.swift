import BlobStorage
import FileSystemModel
import OutputConventions

/// One line of a directory as the store had it.
struct SnapshotEntry: Sendable {
    let name: FileName
    let place: TreePlace
    /// Of the blob, or of the blob that marks the directory; `nil` for directories that are only a prefix.
    let facts: FileFacts?
}

/// A directory as one listing showed it.
final class DirectorySnapshot: Sendable {
    let entries: [SnapshotEntry]
    /// When the listing began: changes after that may be missing from it.
    let startedAt: Duration
    /// Whether a name that is not here does not exist; false where listing is not permitted.
    let isComplete: Bool
    private let positions: [FileName: Int]

    init(entries: [SnapshotEntry], startedAt: Duration, isComplete: Bool) {
        self.entries = entries
        self.startedAt = startedAt
        self.isComplete = isComplete
        var positions: [FileName: Int] = Dictionary(minimumCapacity: entries.count)
        for (position, entry) in entries.enumerated() { positions[entry.name] = position }
        self.positions = positions
    }

    subscript(name: FileName) -> SnapshotEntry? { positions[name].map { entries[$0] } }
}

/// Puts a snapshot together from what a listing brings, in any order, over several pages.
///
/// A blob beside a directory of the same name gives way: it is shown under its shadowed name. Since the service may
/// bring `a` pages before `a/`, nothing is final before the last page.
struct SnapshotBuilder {
    private var directories: [FileName: SnapshotEntry] = [:]
    private var files: [FileName: SnapshotEntry] = [:]
    private let place: TreePlace

    init(of place: TreePlace) { self.place = place }

    mutating func addDirectory(_ name: String, _ place: TreePlace, facts: FileFacts? = nil) {
        let name = FileName(name)
        if let known = directories[name], facts == nil || known.facts != nil { return }
        directories[name] = SnapshotEntry(name: name, place: place, facts: facts)
    }

    mutating func addFile(_ name: String, _ place: TreePlace, facts: FileFacts) {
        let name = FileName(name)
        files[name] = SnapshotEntry(name: name, place: place, facts: facts)
    }

    mutating func removeFile(_ name: String) { files[FileName(name)] = nil }
    mutating func removeDirectory(_ name: String) { directories[FileName(name)] = nil }

    func finish(startedAt: Duration, isComplete: Bool) -> DirectorySnapshot {
        var entries: [SnapshotEntry] = []
        entries.reserveCapacity(directories.count + files.count)
        entries.append(contentsOf: directories.values)
        for (name, file) in files {
            guard directories[name] != nil else {
                entries.append(file)
                continue
            }
            guard let blob = file.place.blob, let (shadowed, target) = place.shadowed(blob: blob.name) else { continue }
            entries.append(SnapshotEntry(name: FileName(shadowed), place: target, facts: file.facts))
        }
        entries.sort { $0.name < $1.name }
        return DirectorySnapshot(entries: entries, startedAt: startedAt, isComplete: isComplete)
    }
}
