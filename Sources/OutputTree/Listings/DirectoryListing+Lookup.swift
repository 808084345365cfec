import BlobStorage
import FileSystemModel
import OutputConventions
import Synchronization

extension DirectoryListing {
    /// A name that is asked for, as it would stand in the listing.
    struct Wanted: Sendable {
        enum Kind: Sendable { case directory, shadowedFile, either }

        let name: FileName
        /// As it is stored, behind the listing's prefix and without a slash at its end; `nil` for what is not found by
        /// that: containers, and directories in which long names go on.
        let stored: [UInt8]?
        let kind: Kind

        /// `place`: the directory that is listed.
        init(_ name: FileName, _ resolution: Resolution, in place: TreePlace) {
            self.name = name
            let (kind, blob): (Kind, Substring.UTF8View?) =
                switch resolution {
                case .either(let file, _): (.either, file.blob.map { Substring($0.name).utf8 })
                case .file(let file): (.shadowedFile, file.blob.map { Substring($0.name).utf8 })
                case .folder(let folder): (.directory, folder.contents.flatMap { Self.directoryName($0.name) })
                case .fixed, .container, .gathered, .impossible: (.directory, nil)
                }
            self.kind = kind
            let prefix = (place.contents?.name ?? "").utf8
            guard let blob, blob.starts(with: prefix) else {
                stored = nil
                return
            }
            stored = Array(blob.dropFirst(prefix.count))
        }

        private static func directoryName(_ prefix: String) -> Substring.UTF8View? {
            guard prefix.utf8.last == UInt8(ascii: "/") else { return nil }
            return Substring(prefix).utf8.dropLast()
        }
    }

    enum Answer: Sendable {
        case entry(SnapshotEntry, startedAt: Duration)
        case absent
        /// To be asked of the store: alone, or by listing this page again.
        case unknown(page: Int?)
    }

    /// What listings that began at `since` or later say of a name.
    func find(_ wanted: Wanted, since: Duration, at now: Duration) -> Answer {
        state.withLock { state in
            let number = Self.number(of: wanted, state.slots)
            guard let number else { return .unknown(page: nil) }
            let answer = Self.find(wanted, in: state.slots[number], number, since: since)
            if case .unknown = answer { return answer }
            if state.slots[number].questions.noteAnswer(at: now) { state.walkedAt = now }
            return answer
        }
    }

    /// A question that nothing in memory answers: which pages to list instead of asking for the name, its own first; none
    /// if that does not pay. `validity`: how long a page is fresh; `window`: see `PageQuestions`.
    func pages(
        toListFor wanted: Wanted,
        ofPage number: Int,
        at now: Duration,
        validity: Duration,
        window: Duration
    ) -> [Int] {
        let hash = NameHash.of(wanted.name.string.utf8)
        return state.withLock { state in
            // What was never listed is no page that could be listed again.
            guard state.slots[number].startedAt != nil || state.slots[number].load != nil else { return [] }
            // Who is reading the directory asks for more of it than this; who walked through it just now is still at it.
            let isWalk =
                state.readerCount > 0 && state.slots[number].questions.isTrusting
                || state.walkedAt.map { now - $0 <= window * 2 } ?? false
            let isBack = now - state.slots[number].questions.lastAt <= window * 2
            guard state.slots[number].questions.ask(hash, at: now, window: window, isWalk: isWalk) else { return [] }
            guard isBack else { return [number] }
            return [number]
                + Self.pagesInUse(beside: number, state.slots, since: now - window, old: now - validity * 3 / 4)
        }
    }

    /// The other pages that a walk goes to and fro in and will soon find too old. du and find stat up to 100,000 names in
    /// the order of their inodes, which is none: all of their pages have to be fresh at a time, and listed one after
    /// the other they never were.
    private static func pagesInUse(beside number: Int, _ slots: [Slot], since: Duration, old: Duration) -> [Int] {
        guard let startedAt = slots[number].startedAt else { return [] }
        let loadCount = slots.count { $0.load != nil }
        let inUse = slots.indices.filter { other in
            other != number && slots[other].load == nil
                // Used since this page was listed: who goes through from front to end does not come back.
                && slots[other].questions.lastAt >= max(since, startedAt)
                && slots[other].startedAt.map { $0 < old } ?? false
        }
        return Array(inUse.prefix(max(0, renewalsMax - loadCount)))
    }

    /// Pages that are listed at a time besides the one that is waited for.
    private static let renewalsMax = 4

    /// The page that the name belongs to.
    private static func number(of wanted: Wanted, _ slots: [Slot]) -> Int? {
        // One page holds all names, of whatever form.
        if slots.count == 1 { return 0 }
        // Names that came in no order may be anywhere.
        guard let stored = wanted.stored, !slots.contains(where: \.isCollected) else { return nil }
        var (low, high) = (0, slots.count - 1)
        while low < high {
            let middle = (low + high) / 2
            guard let end = slots[middle].end else { return middle }
            if NameOrder.compare(finalOf: stored, with: end) > 0 { low = middle + 1 } else { high = middle }
        }
        return low
    }

    private static func find(_ wanted: Wanted, in slot: Slot, _ number: Int, since: Duration) -> Answer {
        guard let startedAt = slot.startedAt, startedAt >= since else { return .unknown(page: number) }
        switch slot.content {
        case .collected(let snapshot): return find(wanted, in: snapshot)
        case .page(let page): return find(wanted, in: page, slot, number, since: since)
        case nil:
            // Gone from memory, but for the hashes of its names.
            guard let names = slot.names, let stored = wanted.stored, Self.isWhole(slot, for: stored),
                !names.contains(NameHash.of(wanted.name.string.utf8))
            else { return .unknown(page: number) }
            return .absent
        }
    }

    private static func find(_ wanted: Wanted, in snapshot: DirectorySnapshot) -> Answer {
        guard snapshot.isComplete else { return .unknown(page: nil) }
        guard let entry = snapshot[wanted.name] else { return .absent }
        return .entry(entry, startedAt: snapshot.startedAt)
    }

    private static func find(
        _ wanted: Wanted,
        in page: ListingPage,
        _ slot: Slot,
        _ number: Int,
        since: Duration
    ) -> Answer {
        guard let stored = wanted.stored else { return .unknown(page: nil) }
        let match = page.match(stored[...])
        let index =
            switch wanted.kind {
            case .directory: match.directory
            case .shadowedFile: match.shadowedFile
            case .either: match.directory ?? match.file
            }
        guard let index else { return isWhole(slot, for: stored) ? .absent : .unknown(page: nil) }
        let startedAt = page.startedAt(of: index)
        guard startedAt >= since else { return .unknown(page: nil) }
        return .entry(page[index], startedAt: startedAt)
    }

    /// Whether all that the store has under this name was listed with this page. Of a name that is the beginning of the
    /// page's first (`a` where the page begins behind `a-b`), the blob was in the page before, and its directory in
    /// this one.
    private static func isWhole(_ slot: Slot, for stored: [UInt8]) -> Bool {
        guard let before = slot.start.held.position else { return true }
        return NameOrder.precedes(before, stored)
    }
}

extension DirectoryListing.Slot {
    fileprivate var isCollected: Bool {
        if case .collected = content { return true }
        return false
    }
}
