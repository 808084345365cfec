import BlobStorage
import FileSystemModel
import OutputConventions

/// One page of a directory as a listing showed it, compact: all names in one array of bytes, and about 100 bytes an
/// entry besides. In the order of `NameOrder`.
final class ListingPage: Sendable {
    fileprivate enum Kind: UInt8 {
        case file
        case shadowedFile
        case directory
        /// The directory in which names go on that are too long for one file name.
        case continued
    }

    fileprivate struct Record {
        /// In `names`: the name as it is stored, then the name as it is shown if that is another.
        var start: UInt32
        var storedCount: UInt16
        /// 0 where the name is shown as it is stored.
        var shownCount: UInt16
        /// Of a continued name: how much of it leads to the directory.
        var reachedCount: UInt16
        var kind: Kind
        /// Learned by an earlier page, and held back.
        var isCarried: Bool
        var facts: FileFacts?
    }

    /// The directory, and what all names in its listing begin with.
    let place: TreePlace
    private let source: BlobAddress
    private let names: [UInt8]
    private let records: [Record]
    /// When the first request began that told this page.
    let startedAt: Duration
    /// When that of the earliest page began of which a name was held back until this one.
    let carriedSince: Duration?

    private init(_ builder: Builder) {
        place = builder.place
        source = builder.source
        names = builder.names
        records = builder.records
        startedAt = builder.startedAt
        carriedSince = builder.carriedSince
    }

    var count: Int { records.count }
    var byteCount: Int { names.count + records.count * MemoryLayout<Record>.stride }

    // MARK: Entries

    subscript(index: Int) -> SnapshotEntry {
        let record = records[index]
        let stored = text(record.start, record.storedCount)
        let name =
            record.shownCount == 0
            ? stored : text(record.start + UInt32(record.storedCount), record.shownCount)
        return SnapshotEntry(name: FileName(name), place: target(of: record, stored), facts: record.facts)
    }

    private func target(of record: Record, _ stored: String) -> TreePlace {
        let (container, prefix) = (source.container, source.name)
        switch record.kind {
        case .file, .shadowedFile: return .file(place.outputView, container: container, name: prefix + stored)
        case .directory: return .directory(place.outputView, container: container, prefix: prefix + stored + "/")
        case .continued:
            let reached = text(record.start, record.reachedCount)
            return .folder(place.outputView, container: container, prefix: prefix + reached)
        }
    }

    private func text(_ start: UInt32, _ count: UInt16) -> String {
        String(decoding: names[Int(start)..<Int(start) + Int(count)], as: UTF8.self)
    }

    /// The bytes of the name as it is shown.
    func shownName(at index: Int) -> ArraySlice<UInt8> {
        let record = records[index]
        guard record.shownCount > 0 else { return stored(index) }
        let start = Int(record.start) + Int(record.storedCount)
        return names[start..<start + Int(record.shownCount)]
    }

    /// When the request began that told this entry.
    func startedAt(of index: Int) -> Duration { records[index].isCarried ? carriedSince ?? startedAt : startedAt }

    private func stored(_ index: Int) -> ArraySlice<UInt8> {
        let start = Int(records[index].start)
        return names[start..<start + Int(records[index].storedCount)]
    }

    // MARK: Looking up

    /// The entries of a name as it is stored, behind the listing's prefix and without a slash at its end.
    struct Match {
        var directory: Int?
        var file: Int?
        var shadowedFile: Int?
    }

    func match(_ name: ArraySlice<UInt8>) -> Match {
        var (low, high) = (0, records.count)
        while low < high {
            let middle = (low + high) / 2
            if NameOrder.compare(finalOf: stored(middle), withFinalOf: name) < 0 {
                low = middle + 1
            } else {
                high = middle
            }
        }
        var match = Match()
        while low < records.count, stored(low) == name {
            switch records[low].kind {
            case .directory: match.directory = low
            case .file: match.file = low
            case .shadowedFile: match.shadowedFile = low
            case .continued: break
            }
            low += 1
        }
        return match
    }
}

extension ListingPage {
    /// Puts a page together, line by line.
    struct Builder {
        fileprivate let place: TreePlace
        fileprivate let source: BlobAddress
        fileprivate let startedAt: Duration
        fileprivate var carriedSince: Duration?
        fileprivate var names: [UInt8] = []
        fileprivate var records: [Record] = []
        private let hidesSlashMarker: Bool
        /// The beginning of the last name that goes on in a directory: all that share it follow each other, also over
        /// the end of a page, and the directory is shown once.
        private(set) var lastContinued: ArraySlice<UInt8>?

        /// `source`: container and prefix of the listing; `lastContinued`: of the page before.
        init(
            of place: TreePlace,
            source: BlobAddress,
            startedAt: Duration,
            lastContinued: ArraySlice<UInt8>? = nil
        ) {
            self.place = place
            self.source = source
            self.startedAt = startedAt
            self.lastContinued = lastContinued
            hidesSlashMarker = place.slashMarker?.name.utf8.elementsEqual(source.name.utf8) ?? false
        }

        /// Adds what is shown of the line, if anything is: the tree has names that belong elsewhere.
        mutating func add(_ line: HeldNames.Line) {
            let stored = String(decoding: line.name, as: UTF8.self)
            switch line.what {
            case .directory(let marker):
                add(line, place.shown(prefix: source.name + stored + "/"), .directory, marker)
            case .file(let facts):
                // Other tools' marker of this very directory says nothing about what is in it.
                if line.name.isEmpty, facts.length == 0, hidesSlashMarker { return }
                add(line, place.shown(blob: source.name + stored), .file, facts)
            case .shadowedFile(let facts):
                add(line, place.shadowed(blob: source.name + stored), .shadowedFile, facts)
            }
        }

        private mutating func add(
            _ line: HeldNames.Line,
            _ shown: (name: String, place: TreePlace)?,
            _ kind: Kind,
            _ facts: FileFacts?
        ) {
            // No name is so long (1,024 characters): whoever sends one does not crash us.
            guard let shown, line.name.count <= UInt16.max else { return }
            var (kind, facts, reachedCount) = (kind, facts, 0)
            if case .folder(_, _, let prefix) = shown.place, prefix.utf8.last != UInt8(ascii: "/") {
                reachedCount = prefix.utf8.count - source.name.utf8.count
                let reached = line.name.prefix(reachedCount)
                if lastContinued == reached { return }
                lastContinued = reached
                (kind, facts) = (.continued, nil)
            }
            let isShownAsStored = shown.name.utf8.elementsEqual(line.name)
            let isCarried = line.learnedAt < startedAt
            if isCarried { carriedSince = min(carriedSince ?? line.learnedAt, line.learnedAt) }
            records.append(
                Record(
                    start: UInt32(names.count),
                    storedCount: UInt16(line.name.count),
                    shownCount: isShownAsStored ? 0 : UInt16(shown.name.utf8.count),
                    reachedCount: UInt16(reachedCount),
                    kind: kind,
                    isCarried: isCarried,
                    facts: facts
                )
            )
            names.append(contentsOf: line.name)
            if !isShownAsStored { names.append(contentsOf: shown.name.utf8) }
        }

        func finish() -> ListingPage { ListingPage(self) }
    }
}

extension TreePlace {
    /// The view that a directory of blobs belongs to.
    var outputView: OutputView {
        switch self {
        case .view(let view), .container(let view, _), .folder(let view, _, _), .file(let view, _, _): view
        case .gathered(let place): place.view
        case .root, .selfLink, .tasks, .task: .jobs
        }
    }
}
