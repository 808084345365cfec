/// Which cells of the pool are free, pinned, or read ahead and not yet read; and which slab is to go first.
///
/// Pure bookkeeping: cells are numbers, slab `s` has the cells `s * cellsPerSlab ..< (s + 1) * cellsPerSlab`. A run of
/// cells lies within one slab, so that one GET can fill it. Slabs that became free are reused last in, first out: their
/// memory is warm. Eviction goes by slab, and within a slab pinned cells stay.
///
/// Who goes first follows from what is known of a slab, least recently touched first within each kind:
/// 1. what a stream has read through (*spent*), as far as it is more than an eighth of the pool; it goes before memory
///    is touched that never was, so that a long stream neither flushes the others' pieces nor fills the pool,
/// 2. what was asked for once (*cached*),
/// 3. the rest of the spent: for readers that follow a stream closely,
/// 4. what was asked for again after other slabs were (*kept*), at most half of the pool,
/// 5. what was read ahead and not yet read (*unread*).
///
/// Bytes that the disk is still to get (*unsaved*) go after all that need not be fetched again, and after memory that never
/// was touched; as far as they are not more than three quarters of the pool: a disk that is slower than the store would
/// else leave nothing to the others.
struct SlabAllocator: Sendable {
    /// One bit per cell in a word.
    static let cellsPerSlabMax = 64

    private struct Slab: Sendable {
        var free: UInt64
        var pinned: UInt64 = 0
        var unread: UInt64 = 0
        /// Cells that were read.
        var seen: UInt64 = 0
        /// `switchCount` when a cell was last read.
        var touchedAt: UInt64 = 0
        /// A cell was read again after others.
        var isReused = false
        /// Its memory was never written to.
        var isFresh = true
    }

    /// The lists of `recency`.
    private enum Kind {
        static let cached = 0
        static let unread = 1
        static let spent = 2
        static let kept = 3
        static let count = 4
    }

    let cellsPerSlab: Int
    private let full: UInt64
    private var slabs: [Slab]
    private var pins: [Int32]
    private var freeSlabs: [Int32]
    /// Slabs in use that have free cells.
    private var partial: LinkedIndices
    private var recency: LinkedIndices
    /// Cells in use.
    private(set) var usedCount = 0
    /// Cells read ahead and not yet read.
    private(set) var unreadCount = 0
    private(set) var backlog: SaveBacklog
    private let unsavedMax: Int
    private let spentMax: Int
    private let keptMax: Int
    /// Other slabs that were read between two reads of a cell, for the second to count as a return: reads of a few KiB
    /// that go through a cell, on several streams that take turns, do not.
    private let returnDistance: UInt64
    private var lastTouched: Int32 = -1
    /// How often another slab was read than the one before.
    private var switchCount: UInt64 = 0

    init(slabCount: Int, cellsPerSlab: Int) {
        self.cellsPerSlab = cellsPerSlab
        full = cellsPerSlab == 64 ? .max : (1 << UInt64(cellsPerSlab)) - 1
        slabs = Array(repeating: Slab(free: full), count: slabCount)
        pins = Array(repeating: 0, count: slabCount * cellsPerSlab)
        freeSlabs = (0..<Int32(slabCount)).reversed()
        partial = LinkedIndices(count: slabCount, lists: 1)
        recency = LinkedIndices(count: slabCount, lists: Kind.count)
        backlog = SaveBacklog(slabCount: slabCount)
        unsavedMax = slabCount * cellsPerSlab / 4 * 3
        spentMax = max(slabCount / 8, 2)
        keptMax = slabCount / 2
        returnDistance = UInt64(min(max(slabCount / 4, 2), 32))
    }

    var cellCount: Int { pins.count }

    // MARK: Taking and freeing

    /// Takes a run of free cells, each pinned once; `nil` when something should be evicted for it.
    mutating func take(_ count: Int) -> Int32? {
        if count < cellsPerSlab {
            // A few looks at holes, so that small runs share slabs; a long search would cost more than a fresh slab.
            var slab = partial.head(0)
            for _ in 0..<8 where slab >= 0 {
                if let cell = take(count, in: slab) { return cell }
                slab = partial.next(slab)
            }
        }
        guard let slab = freeSlabs.last else { return nil }
        if slabs[Int(slab)].isFresh, surplus(for: count, sparingUnsaved: sparesUnsaved) != nil { return nil }
        return take(count, in: slab)
    }

    /// Takes a run of this slab: one in use, or the one that became free last.
    mutating func take(_ count: Int, in slab: Int32) -> Int32? {
        guard let first = Self.firstRun(of: count, in: slabs[Int(slab)].free) else { return nil }
        let bits = (count == 64 ? UInt64.max : (1 << UInt64(count)) - 1) << UInt64(first)
        if slabs[Int(slab)].free == full {
            precondition(freeSlabs.last == slab, "slab \(slab) is not the one that became free last")
            freeSlabs.removeLast()
        }
        slabs[Int(slab)].free &= ~bits
        slabs[Int(slab)].pinned |= bits
        slabs[Int(slab)].isFresh = false
        if slabs[Int(slab)].free == 0 { partial.remove(slab) } else { partial.moveToHead(slab, of: 0) }
        let list = recency.list(of: slab)
        if list != Kind.unread, list != Kind.kept { recency.moveToHead(slab, of: Kind.cached) }
        let cell = slab * Int32(cellsPerSlab) + Int32(first)
        for cell in Int(cell)..<Int(cell) + count { pins[cell] = 1 }
        usedCount += count
        return cell
    }

    /// Gives back a cell that nobody has pinned.
    mutating func free(_ cell: Int32) {
        let (slab, bit) = place(of: cell)
        precondition(slabs[slab].free & bit == 0 && pins[Int(cell)] == 0, "cell \(cell) is free or pinned")
        _ = backlog.remove(Int32(slab), bit)
        clearUnread(slab, bit, isRead: false)
        slabs[slab].free |= bit
        slabs[slab].seen &= ~bit
        usedCount -= 1
        if slabs[slab].free == full {
            slabs[slab].isReused = false
            partial.remove(Int32(slab))
            recency.remove(Int32(slab))
            freeSlabs.append(Int32(slab))
        } else if partial.list(of: Int32(slab)) < 0 {
            partial.moveToHead(Int32(slab), of: 0)
        }
    }

    // MARK: Pins

    func isPinned(_ cell: Int32) -> Bool { pins[Int(cell)] > 0 }

    func pinCount(_ cell: Int32) -> Int32 { pins[Int(cell)] }

    mutating func pin(_ cell: Int32) {
        pins[Int(cell)] += 1
        guard pins[Int(cell)] == 1 else { return }
        let (slab, bit) = place(of: cell)
        slabs[slab].pinned |= bit
    }

    mutating func unpin(_ cell: Int32) {
        pins[Int(cell)] -= 1
        precondition(pins[Int(cell)] >= 0, "cell \(cell) was not pinned")
        guard pins[Int(cell)] == 0 else { return }
        let (slab, bit) = place(of: cell)
        slabs[slab].pinned &= ~bit
    }

    // MARK: Recency

    /// The cell is being fetched ahead of its reader.
    mutating func markUnread(_ cell: Int32) {
        let (slab, bit) = place(of: cell)
        guard slabs[slab].unread & bit == 0 else { return }
        slabs[slab].unread |= bit
        unreadCount += 1
        recency.moveToHead(Int32(slab), of: Kind.unread)
    }

    /// The cell is not what a stream waits for (any more): plain cache. Says whether it was unread.
    @discardableResult
    mutating func clearUnread(_ cell: Int32) -> Bool {
        let (slab, bit) = place(of: cell)
        return clearUnread(slab, bit, isRead: false)
    }

    func isUnread(_ cell: Int32) -> Bool {
        let (slab, bit) = place(of: cell)
        return slabs[slab].unread & bit != 0
    }

    /// The cell is being read.
    mutating func touch(_ cell: Int32) {
        let (slab, bit) = place(of: cell)
        let number = Int32(slab)
        if lastTouched != number {
            lastTouched = number
            switchCount += 1
        }
        let isReturn =
            slabs[slab].seen & bit != 0 && switchCount - slabs[slab].touchedAt >= returnDistance
        slabs[slab].seen |= bit
        slabs[slab].touchedAt = switchCount
        if slabs[slab].unread != 0 { clearUnread(slab, bit, isRead: true) }
        let list = recency.list(of: number)
        if isReturn, list != Kind.unread {
            keep(number)
        } else if list != Kind.unread {
            recency.moveToHead(number, of: list)
        }
    }

    private mutating func keep(_ slab: Int32) {
        slabs[Int(slab)].isReused = true
        recency.moveToHead(slab, of: Kind.kept)
        guard recency.count(Kind.kept) > keptMax else { return }
        let oldest = recency.tail(Kind.kept)
        slabs[Int(oldest)].isReused = false
        recency.moveToHead(oldest, of: Kind.cached)
    }

    // MARK: Saving

    /// The cell's bytes are to go to the disk; `false` if that was so before.
    mutating func markUnsaved(_ cell: Int32) -> Bool {
        let (slab, bit) = place(of: cell)
        return backlog.insert(Int32(slab), bit)
    }

    /// They are on their way there, or will not go; `false` if they were not to.
    mutating func clearUnsaved(_ cell: Int32) -> Bool {
        let (slab, bit) = place(of: cell)
        return backlog.remove(Int32(slab), bit)
    }

    private var sparesUnsaved: Bool { backlog.cellCount > 0 && backlog.cellCount <= unsavedMax }

    // MARK: Eviction

    /// The slab to evict for a run of `count` cells; slabs with unread cells only if they are not to be spared.
    func victim(for count: Int, sparingUnread: Bool) -> Int32? {
        (sparesUnsaved ? read(for: count, sparingUnsaved: true) : nil)
            ?? read(for: count, sparingUnsaved: false)
            ?? (sparingUnread ? nil : oldest(Kind.unread, with: count, sparingUnsaved: false))
    }

    /// One without unread cells.
    private func read(for count: Int, sparingUnsaved: Bool) -> Int32? {
        surplus(for: count, sparingUnsaved: sparingUnsaved)
            ?? oldest(Kind.cached, with: count, sparingUnsaved: sparingUnsaved)
            ?? oldest(Kind.spent, with: count, sparingUnsaved: sparingUnsaved)
            ?? oldest(Kind.kept, with: count, sparingUnsaved: sparingUnsaved)
    }

    /// What streams have read through and left behind, beyond what is kept for others to follow.
    private func surplus(for count: Int, sparingUnsaved: Bool) -> Int32? {
        recency.count(Kind.spent) > spentMax ? oldest(Kind.spent, with: count, sparingUnsaved: sparingUnsaved) : nil
    }

    /// The slab of a list touched longest ago whose free and unpinned cells have a run of `count`.
    private func oldest(_ list: Int, with count: Int, sparingUnsaved: Bool) -> Int32? {
        var slab = recency.tail(list)
        while slab >= 0 {
            let taken = slabs[Int(slab)].pinned | (sparingUnsaved ? backlog.cells(in: slab) : 0)
            if taken != full, Self.firstRun(of: count, in: ~taken & full) != nil { return slab }
            slab = recency.previous(slab)
        }
        return nil
    }

    /// The slab with unread cells whose reader was heard of longest ago.
    var oldestUnread: Int32? {
        let slab = recency.tail(Kind.unread)
        return slab >= 0 ? slab : nil
    }

    /// The cells of a slab that may be evicted; if a run of `count` is wanted and is there without them, not the unsaved.
    func evictable(in slab: Int32, for count: Int? = nil) -> CellSet {
        let state = slabs[Int(slab)]
        var bits = ~(state.free | state.pinned) & full
        let unsaved = backlog.cells(in: slab)
        if let count, Self.firstRun(of: count, in: ~(state.pinned | unsaved) & full) != nil { bits &= ~unsaved }
        return CellSet(first: slab * Int32(cellsPerSlab), bits: bits)
    }

    func slab(of cell: Int32) -> Int { Int(cell) / cellsPerSlab }

    // MARK: Bits

    /// Where `count` ones in a row begin.
    static func firstRun(of count: Int, in mask: UInt64) -> Int? {
        // After each step a bit says that `length` ones begin there.
        var mask = mask
        var length = 1
        while length < count, mask != 0 {
            let step = min(length, count - length)
            mask &= mask >> UInt64(step)
            length += step
        }
        return mask == 0 ? nil : mask.trailingZeroBitCount
    }

    private func place(of cell: Int32) -> (slab: Int, bit: UInt64) {
        let (slab, index) = Int(cell).quotientAndRemainder(dividingBy: cellsPerSlab)
        return (slab, 1 << UInt64(index))
    }

    @discardableResult
    private mutating func clearUnread(_ slab: Int, _ bit: UInt64, isRead: Bool) -> Bool {
        guard slabs[slab].unread & bit != 0 else { return false }
        slabs[slab].unread &= ~bit
        unreadCount -= 1
        if slabs[slab].unread == 0 {
            let list = slabs[slab].isReused ? Kind.kept : isRead ? Kind.spent : Kind.cached
            recency.moveToHead(Int32(slab), of: list)
        }
        return true
    }
}

/// Some cells of one slab.
struct CellSet: Sequence, IteratorProtocol {
    let first: Int32
    var bits: UInt64

    mutating func next() -> Int32? {
        guard bits != 0 else { return nil }
        defer { bits &= bits - 1 }
        return first + Int32(bits.trailingZeroBitCount)
    }
}
