import BlobStorage
import FileSystemModel
import OutputConventions
import OutputViews
import Synchronization

/// One line of a directory as the store had it.
struct SnapshotEntry: Sendable {
    let name: FileName
    let place: TreePlace
    /// Of the blob, or of the blob that marks the directory; `nil` for directories that are only a prefix.
    let facts: FileFacts?
}

/// A directory as one listing showed it, whole: for those that are no prefix of blob names, and for what a listing in no
/// order leaves no other way.
final class DirectorySnapshot: Sendable {
    let entries: [SnapshotEntry]
    /// When the listing began: changes after that may be missing from it.
    let startedAt: Duration
    /// Whether a name that is not here does not exist; false where listing is not permitted.
    let isComplete: Bool
    private let positions: [FileName: Int]
    /// Made at the first question.
    private let places = Mutex<Set<TreePlace>?>(nil)

    init(entries: [SnapshotEntry], startedAt: Duration, isComplete: Bool) {
        self.entries = entries
        self.startedAt = startedAt
        self.isComplete = isComplete
        var positions: [FileName: Int] = Dictionary(minimumCapacity: entries.count)
        for (position, entry) in entries.enumerated() { positions[entry.name] = position }
        self.positions = positions
    }

    subscript(name: FileName) -> SnapshotEntry? { positions[name].map { entries[$0] } }

    func filtered(_ isKept: (SnapshotEntry) -> Bool) -> DirectorySnapshot {
        DirectorySnapshot(entries: entries.filter(isKept), startedAt: startedAt, isComplete: isComplete)
    }

    /// Whether the place is listed, under whatever name.
    func contains(_ place: TreePlace) -> Bool {
        places.withLock { places in
            if let places { return places.contains(place) }
            let all = Set(entries.map(\.place))
            places = all
            return all.contains(place)
        }
    }
}

/// Puts a snapshot together from what a listing brings, in any order, over several pages.
///
/// A blob beside a directory of the same name gives way: it is shown under its shadowed name. Since the service may
/// bring `a` pages before `a/`, no name is final before the last page.
struct SnapshotBuilder {
    private let place: TreePlace
    private var directories: [FileName: SnapshotEntry] = [:]
    /// The directories' names in the store, without the slash.
    private var prefixes: Set<NameBytes> = []
    private var blobs: [NameBytes: FileFacts] = [:]

    init(of place: TreePlace) { self.place = place }

    /// A directory that is no prefix: of the tree itself, or a container.
    mutating func addDirectory(_ name: String, _ place: TreePlace) {
        guard directories[FileName(name)] == nil else { return }
        directories[FileName(name)] = SnapshotEntry(name: FileName(name), place: place, facts: nil)
    }

    /// A file that is no blob: what is there under its name goes before it.
    mutating func addRecord(_ entry: SnapshotEntry) {
        guard directories[entry.name] == nil else { return }
        directories[entry.name] = entry
    }

    /// A name of a directory that is put together from several listings.
    mutating func addGathered(_ entry: GatheredEntry) {
        let name = FileName(entry.name)
        guard directories[name] == nil else { return }
        switch entry.target {
        case .directory(let place): directories[name] = SnapshotEntry(name: name, place: place, facts: nil)
        case .file(let place, let properties):
            directories[name] = SnapshotEntry(name: name, place: place, facts: FileFacts(properties))
        }
    }

    /// `name` without the slash; `facts` of the blob that marks it.
    mutating func addPrefix(_ name: String, facts: FileFacts? = nil) {
        guard let (shown, target) = place.shown(prefix: name + "/") else { return }
        prefixes.insert(NameBytes(name))
        let shownName = FileName(shown)
        if directories[shownName]?.facts != nil, facts == nil { return }
        directories[shownName] = SnapshotEntry(name: shownName, place: target, facts: facts)
    }

    mutating func addBlob(_ name: String, _ facts: FileFacts) { blobs[NameBytes(name)] = facts }

    mutating func removeBlob(_ name: String) { blobs[NameBytes(name)] = nil }

    mutating func removePrefix(_ name: String) {
        guard prefixes.remove(NameBytes(name)) != nil, let (shown, _) = place.shown(prefix: name + "/") else { return }
        directories[FileName(shown)] = nil
    }

    /// An item of a listing.
    enum Item: Sendable {
        case prefix(String, FileFacts?)
        case blob(String, FileFacts)

        init(_ item: ListedItem) {
            switch item {
            case .prefix(let name, let properties):
                self = .prefix(name, properties.map { FileFacts(listedDirectory: $0) })
            case .blob(let name, let properties): self = .blob(name, FileFacts(properties))
            }
        }
    }

    mutating func add(_ item: Item) {
        switch item {
        case .prefix(let prefix, let facts): addPrefix(String(Substring(prefix.utf8.dropLast())), facts: facts)
        case .blob(let blob, let facts):
            // Other tools' marker of this very directory says nothing about what is in it.
            if facts.length == 0, let own = place.slashMarker, own.name.utf8.elementsEqual(blob.utf8) { return }
            if facts.isDirectoryMarker, place.shown(prefix: blob + "/") != nil {
                addPrefix(blob, facts: facts)
            } else {
                addBlob(blob, facts)
            }
        }
    }

    /// Takes an entry of a finished snapshot in again.
    mutating func restore(_ entry: SnapshotEntry) {
        if let blob = entry.place.blob, let facts = entry.facts {
            addBlob(blob.name, facts)
            return
        }
        directories[entry.name] = entry
        if let contents = entry.place.contents, contents.name.utf8.last == UInt8(ascii: "/") {
            prefixes.insert(NameBytes(String(Substring(contents.name.utf8.dropLast()))))
        }
    }

    func finish(startedAt: Duration, isComplete: Bool) -> DirectorySnapshot {
        var directories = directories
        var entries: [SnapshotEntry] = []
        entries.reserveCapacity(directories.count + blobs.count)
        for (blob, facts) in blobs {
            let shown = prefixes.contains(blob) ? place.shadowed(blob: blob.text) : place.shown(blob: blob.text)
            guard let (name, target) = shown else { continue }
            if target.isDirectory {
                // A part that is too long for one file name goes on below a directory.
                directories[FileName(name)] = SnapshotEntry(name: FileName(name), place: target, facts: nil)
            } else {
                entries.append(SnapshotEntry(name: FileName(name), place: target, facts: facts))
            }
        }
        entries.append(contentsOf: directories.values)
        entries.sort { $0.name < $1.name }
        return DirectorySnapshot(entries: entries, startedAt: startedAt, isComplete: isComplete)
    }
}
