import Synchronization

/// Keeps the listings of all directories together within bounds.
///
/// Each page that was listed gets in line. At each new one those leave that have grown too old to answer anything, and
/// then the oldest until the rest fits. A reading holds on to its own page and the next one by itself. The directories
/// forget their listings a while later: until then a page that is asked for can be listed again.
final class ListingMemory: Sendable {
    private struct Page {
        let listing: DirectoryListing
        let number: Int
        let startedAt: Duration
        let byteCount: Int
    }

    private struct Directory {
        /// Not kept alive by this.
        weak var node: DirectoryNode?
        let listing: DirectoryListing
    }

    private struct State {
        var pages = Line<Page>()
        var directories = Line<Directory>()
        var byteCount = 0
    }

    /// 16 MiB are about 30 pages of 5,000 names.
    static let byteCountMax = 16 << 20
    /// How long a directory remembers where its pages begin, at least, and how many directories do.
    private static let memory = Duration.seconds(60)
    private static let directoryCountMax = 10_000

    private let state = Mutex(State())
    private let validity: Duration
    private let byteCountMax: Int

    init(validity: Duration, byteCountMax: Int = ListingMemory.byteCountMax) {
        self.validity = validity
        self.byteCountMax = byteCountMax
    }

    /// A page was listed.
    func add(_ number: Int, of listing: DirectoryListing, _ content: DirectoryListing.Content, at now: Duration) {
        let page = Page(
            listing: listing,
            number: number,
            startedAt: content.startedAt,
            byteCount: content.byteCount
        )
        let dropped = state.withLock { state in
            state.pages.append(page)
            state.byteCount += page.byteCount
            var dropped: [Page] = []
            while let oldest = state.pages.first,
                oldest.startedAt < now - validity || state.byteCount > byteCountMax
            {
                state.pages.removeFirst()
                state.byteCount -= oldest.byteCount
                dropped.append(oldest)
            }
            return dropped
        }
        for page in dropped { page.listing.drop(page.number, startedAt: page.startedAt) }
    }

    /// A directory has this listing now.
    func add(_ listing: DirectoryListing, of node: DirectoryNode, at now: Duration) {
        let directory = Directory(node: node, listing: listing)
        let forgotten = state.withLock { state in
            state.directories.append(directory)
            var forgotten: [Directory] = []
            while let oldest = state.directories.first,
                oldest.listing.createdAt < now - max(Self.memory, validity)
                    || state.directories.count > Self.directoryCountMax
            {
                state.directories.removeFirst()
                forgotten.append(oldest)
            }
            return forgotten
        }
        for directory in forgotten {
            directory.node?.withState { if $0.listing === directory.listing { $0.listing = nil } }
        }
    }

    /// What all pages in line take.
    var byteCount: Int { state.withLock { $0.byteCount } }
}

/// A queue in an array: what left is given back when it is half of it.
private struct Line<Element> {
    private var elements: [Element?] = []
    private var start = 0

    var count: Int { elements.count - start }
    var first: Element? { start < elements.count ? elements[start] : nil }

    mutating func append(_ element: Element) { elements.append(element) }

    mutating func removeFirst() {
        elements[start] = nil
        start += 1
        guard start > 64, start * 2 > elements.count else { return }
        elements.removeFirst(start)
        start = 0
    }
}
