import BlobStorage
import FileSystemModel
import Glibc
import OutputConventions
import Synchronization

/// A directory's listing, page by page, for all who read it at about the same time.
///
/// Pages come in turn; each knows where it began (the store's marker, and the names held back until then), so that it
/// can be listed again by itself: when it was dropped from memory, or when what it says has become too old. Which names
/// belong to which page never changes, so no reading shows a name twice.
///
///     page 0          page 1          page 2
///     ├───────────────┼───────────────┼──── … listed as readings get there
///     beginning       end of 0        end of 1
final class DirectoryListing: Sendable {
    /// What was listed, in one of two forms.
    enum Content: Sendable {
        case page(ListingPage)
        /// All of a directory, or all the rest of it: where the names are no blobs', or come in no order.
        case collected(DirectorySnapshot)

        var startedAt: Duration {
            switch self {
            case .page(let page): page.startedAt
            case .collected(let snapshot): snapshot.startedAt
            }
        }

        var byteCount: Int {
            switch self {
            case .page(let page): page.byteCount
            // Strings, a dictionary: an estimate.
            case .collected(let snapshot): snapshot.entries.count * 400
            }
        }
    }

    /// Where a page begins, and what is known there of the names before.
    struct Start: Sendable {
        var marker: ListMarker?
        var held = HeldNames()
        var lastContinued: ArraySlice<UInt8>?
        /// On its way already: for the first who lists the page while there is a reading.
        var answer: ListingAnswer?
    }

    /// What is to be listed: from `start` on, up to and with `end`, or, without an end, one page.
    struct Plan: Sendable {
        var number: Int
        var start: Start
        var end: [UInt8]?
    }

    struct Loaded: Sendable {
        var content: Content
        /// Where the next page begins; `nil` when the listing is over.
        var next: Start?
        /// It took longer than what it says is good for.
        var isLate = false
    }

    struct Slot: Sendable {
        fileprivate(set) var start: Start
        /// The last name that belongs to the page; `nil` while no page follows.
        var end: [UInt8]?
        var content: Content?
        /// When the listing of what was last here began.
        var startedAt: Duration?
        var load: SharedWork<Content>?
        /// Tells the last load from one that was given up and ends after it began.
        var loadCount = 0
        var names: NameSet?
        var questions = PageQuestions()

        var range: NameRange { NameRange(after: start.held.position, through: end) }
    }

    struct State: Sendable {
        var slots: [Slot]
        /// The last of the slots is the last page.
        var isOver = false
        /// Readings that are under way.
        var readerCount = 0
        var nameBytes = 0
        /// When a page that was listed for one question answered the last of many.
        var walkedAt: Duration?
    }

    let place: TreePlace
    /// Nothing in it is older.
    let createdAt: Duration
    let state: Mutex<State>

    init(of place: TreePlace, at now: Duration) {
        self.place = place
        createdAt = now
        let questions = PageQuestions(isDear: place.gathered != nil)
        state = Mutex(State(slots: [Slot(start: Start(), questions: questions)]))
    }

    /// What is known without asking.
    init(of place: TreePlace, _ snapshot: DirectorySnapshot) {
        self.place = place
        createdAt = snapshot.startedAt
        var slot = Slot(start: Start(), content: .collected(snapshot))
        slot.startedAt = snapshot.startedAt
        state = Mutex(State(slots: [slot], isOver: true))
    }

    // MARK: Reading

    /// Which names belong to a page, by `NameOrder`; `nil` where there is no page on that side.
    struct NameRange: Sendable {
        var after: [UInt8]?
        var through: [UInt8]?

        func contains(_ name: some BidirectionalCollection<UInt8>) -> Bool {
            if let after, NameOrder.compare(finalOf: name, with: after) <= 0 { return false }
            guard let through else { return true }
            return NameOrder.compare(finalOf: name, with: through) <= 0
        }
    }

    enum Page: Sendable {
        case ready(Content, NameRange)
        /// To be loaded first: this page, or one before it.
        case missing(Int)
        /// There is no such page.
        case over
    }

    /// The page as it is in memory.
    func page(_ number: Int) -> Page {
        state.withLock { state in
            guard number < state.slots.count else { return state.isOver ? .over : .missing(state.slots.count - 1) }
            let slot = state.slots[number]
            guard let content = slot.content else { return .missing(number) }
            return .ready(content, slot.range)
        }
    }

    func range(of number: Int) -> NameRange? {
        state.withLock { $0.slots.indices.contains(number) ? $0.slots[number].range : nil }
    }

    func beginReading() { state.withLock { $0.readerCount += 1 } }
    func endReading() {
        let unwanted = state.withLock { state in
            state.readerCount -= 1
            return state.readerCount == 0 ? state.slots[state.slots.count - 1].start.answer.take() : nil
        }
        // A request may end with it, and whoever waits for that wants the lock.
        withExtendedLifetime(unwanted) {}
    }

    // MARK: Loading

    enum Work: Sendable {
        case ready(Content)
        case wait(SharedWork<Content>)
    }

    /// The page, or the one work for all who want it. `since`: when its listing must have begun at the earliest; `nil`
    /// for who goes on with a reading. Who gets `.wait` has joined, unless `isAhead`: then nobody waits yet.
    func work(
        for number: Int,
        since: Duration?,
        isAhead: Bool = false,
        _ load: @escaping @Sendable (Plan) async throws(FileSystemError) -> Loaded
    ) -> Work {
        state.withLock { state in
            let slot = state.slots[number]
            if let content = slot.content, since.map({ content.startedAt >= $0 }) ?? true { return .ready(content) }
            if let work = slot.load, isAhead || work.join() { return .wait(work) }
            let loadCount = slot.loadCount + 1
            let work = SharedWork(outlivesWaiters: isAhead) { [self] () async throws(FileSystemError) in
                do throws(FileSystemError) {
                    while true {
                        let plan = plan(for: number)
                        let loaded = try await load(plan)
                        if finish(plan, loadCount, loaded) { return loaded.content }
                    }
                } catch {
                    self.state.withLock { state in
                        guard state.slots[number].loadCount == loadCount else { return }
                        state.slots[number].load = nil
                        if error.errno != EINTR { state.slots[number].questions.noteFailed() }
                    }
                    throw error
                }
            }
            if !isAhead { _ = work.join() }
            state.slots[number].load = work
            state.slots[number].loadCount = loadCount
            return .wait(work)
        }
    }

    private func plan(for number: Int) -> Plan {
        state.withLock { state in
            let plan = Plan(number: number, start: state.slots[number].start, end: state.slots[number].end)
            state.slots[number].start.answer = nil
            return plan
        }
    }

    /// False if somebody else's work has settled meanwhile where the page ends, so that this one must not.
    private func finish(_ plan: Plan, _ loadCount: Int, _ loaded: Loaded) -> Bool {
        let number = plan.number
        let names = NameSet(loaded.content.nameHashes)
        return state.withLock { state in
            guard plan.end == state.slots[number].end else { return false }
            if state.slots[number].loadCount == loadCount { state.slots[number].load = nil }
            state.slots[number].content = loaded.content
            state.slots[number].startedAt = loaded.content.startedAt
            state.slots[number].questions.noteLoaded(isLate: loaded.isLate)
            state.nameBytes -= state.slots[number].names?.byteCount ?? 0
            state.slots[number].names = state.nameBytes + names.byteCount <= Self.nameBytesMax ? names : nil
            state.nameBytes += state.slots[number].names?.byteCount ?? 0
            guard number == state.slots.count - 1 else {
                // What is held back at the page's end is known anew; where the next one begins stays.
                if let held = loaded.next?.held { state.slots[number + 1].start.held = held }
                return true
            }
            state.isOver = loaded.next == nil
            guard let next = loaded.next else { return true }
            state.slots[number].end = next.held.position
            state.slots.append(Slot(start: next))
            return true
        }
    }

    /// The names of 1,000,000 entries, by their hashes.
    private static let nameBytesMax = 8_000_000

    /// Whether an earlier page has shown this name.
    func hasShown(_ name: FileName, before number: Int) -> Bool {
        let hash = NameHash.of(name.string.utf8)
        return state.withLock { state in state.slots[..<number].contains { $0.names?.contains(hash) ?? false } }
    }

    /// Whether nothing in it is as young as that, or on its way.
    func isIdle(since: Duration) -> Bool {
        state.withLock { state in
            state.slots.allSatisfy { slot in slot.load == nil && slot.startedAt.map { $0 < since } ?? true }
        }
    }

    /// Memory is short, or the page has grown old.
    func drop(_ number: Int, startedAt: Duration) {
        state.withLock { state in
            guard state.slots[number].startedAt == startedAt else { return }
            state.slots[number].content = nil
        }
    }
}

extension DirectoryListing.Content {
    fileprivate var nameHashes: [UInt64] {
        switch self {
        case .page(let page): (0..<page.count).map { NameHash.of(page.shownName(at: $0)) }
        case .collected(let snapshot): snapshot.entries.map { NameHash.of($0.name.string.utf8) }
        }
    }
}
