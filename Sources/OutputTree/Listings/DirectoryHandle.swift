import FileSystemModel
import OutputConventions
import Synchronization

/// One opendir(3). A reading goes through a listing page by page and keeps the page where it is as it was when it came
/// there, so that every name comes at most once and the reading ends.
final class DirectoryHandle: Sendable {
    struct Reading: Sendable {
        let listing: DirectoryListing
        /// It has come to the end.
        var isOver = false
        var page: PinnedPage?
        /// The page behind it, asked for before the kernel wants it.
        var ahead: (number: Int, work: SharedWork<DirectoryListing.Content>)?
    }

    let node: DirectoryNode
    private let state = Mutex<Reading?>(nil)

    init(node: DirectoryNode) { self.node = node }

    deinit { end() }

    /// `nil` before the first readdir and after a rewind.
    var reading: Reading? { state.withLock { $0 } }

    func begin(_ listing: DirectoryListing) {
        end()
        listing.beginReading()
        state.withLock { $0 = Reading(listing: listing) }
    }

    /// The reading has come to its end; it may still seek back.
    func finish() {
        let listing = state.withLock { reading in
            defer { reading?.isOver = true }
            return reading?.isOver == false ? reading?.listing : nil
        }
        listing?.endReading()
    }

    /// Rewound or closed.
    func end() {
        finish()
        state.withLock { $0 = nil }
    }

    func pin(_ page: PinnedPage) { state.withLock { $0?.page = page } }

    func goAhead(_ number: Int, _ work: SharedWork<DirectoryListing.Content>) {
        state.withLock { $0?.ahead = (number, work) }
    }
}

/// A page as one reading shows it: what was listed, with what this mount did since laid over it.
struct PinnedPage: Sendable {
    let number: Int
    let listed: DirectoryListing.Content
    /// With changes made here; `nil` when there were none.
    let merged: [SnapshotEntry]?
    /// When local changes were last looked at.
    let pinnedAt: Duration

    var count: Int {
        if let merged { return merged.count }
        switch listed {
        case .page(let page): return page.count
        case .collected(let snapshot): return snapshot.entries.count
        }
    }

    subscript(index: Int) -> SnapshotEntry {
        if let merged { return merged[index] }
        switch listed {
        case .page(let page): return page[index]
        case .collected(let snapshot): return snapshot.entries[index]
        }
    }

    /// The name's bytes.
    func name(at index: Int) -> ArraySlice<UInt8> {
        if merged == nil, case .page(let page) = listed { return page.shownName(at: index) }
        return Array(self[index].name.string.utf8)[...]
    }

    /// When the request began that told the entry.
    func startedAt(of index: Int) -> Duration {
        guard case .page(let page) = listed else { return listed.startedAt }
        // Laid over, entries have other places: the oldest of them speaks for all.
        return merged == nil ? page.startedAt(of: index) : page.carriedSince ?? page.startedAt
    }
}
