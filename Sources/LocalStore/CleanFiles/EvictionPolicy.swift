/// Which block of the disk cache leaves next: S3-FIFO (Yang et al., SOSP 2023) over bytes.
///
/// What is new goes through a small queue, a tenth of the capacity, and leaves from there unless it is used again; what
/// was used again, or comes back soon after it left (the ghosts remember), is in the main queue. So a stream displaces
/// itself. While there is room, the small queue spills into the main one: what came first is not thrown away for what
/// came later and is no better, and a loop larger than the cache keeps a part of itself.
///
/// A value without I/O. 24 bytes an entry and about 8 in the table; as many ghosts as entries.
struct EvictionPolicy: Sendable {
    /// A block of a file: what is evicted in one piece.
    struct BlockID: Hashable, Sendable {
        /// The file's name on disk.
        let file: UInt64
        let number: UInt32
    }

    /// Allocated bytes are counted in pages.
    static let unit: UInt64 = 4_096
    /// Uses that are remembered: a block survives so many rounds of the main queue.
    private static let usesMax: UInt8 = 3

    /// Pages that fit: the capacity, or less where eviction was asked for earlier, because others share the directory
    /// or the disk is small.
    private var limit: UInt64
    private let capacity: UInt64
    private var entries = BlockTable()
    private var small = Queue()
    private var main = Queue()
    private var ghosts = Queue()

    /// Pages from which on newcomers leave.
    private var smallMax: UInt64 { limit / 10 }
    private var residentUnits: UInt64 { small.units + main.units }

    init(capacity: UInt64) {
        self.capacity = capacity / Self.unit
        limit = self.capacity
    }

    /// Bytes of the blocks that are known to be on disk.
    var residentBytes: UInt64 { residentUnits * Self.unit }
    var residentCount: Int { small.count + main.count }
    var ghostCount: Int { ghosts.count }

    func isResident(_ block: BlockID) -> Bool {
        let index = entries.find(block)
        return index >= 0 && entries[index].queue != .ghosts
    }

    /// A block was saved, or more of it: `bytes` is all of it that is on disk.
    mutating func saved(_ block: BlockID, bytes: UInt64) {
        let index = entries.find(block)
        guard index >= 0 else {
            insert(block, bytes, into: .small)
            return spill()
        }
        if entries[index].queue == .ghosts {
            move(index, to: .main)
        }
        setUnits(index, bytes)
    }

    /// A block was found on disk. In the order of last use, oldest first.
    mutating func found(_ block: BlockID, bytes: UInt64) {
        let index = entries.find(block)
        guard index >= 0 else { return insert(block, bytes, into: .main) }
        if entries[index].queue == .ghosts { move(index, to: .main) }
        setUnits(index, bytes)
    }

    /// A block was read.
    mutating func used(_ block: BlockID) {
        let index = entries.find(block)
        guard index >= 0, entries[index].queue != .ghosts else { return }
        entries[index].uses = min(entries[index].uses + 1, Self.usesMax)
    }

    /// A block is not on disk any more, for other reasons than eviction.
    mutating func forget(_ block: BlockID) {
        let index = entries.find(block)
        if index >= 0 { remove(index) }
    }

    /// The next block to go. It does not count as resident any more: `keep` takes it back.
    mutating func victim() -> BlockID? {
        limit = min(capacity, residentUnits)
        // Each step lowers a block's uses, moves one out of the small queue, or ends: it always ends.
        while true {
            if small.tail >= 0, small.units >= smallMax || main.tail < 0 {
                let index = small.tail
                if entries[index].uses > 0 {
                    entries[index].uses = 0
                    move(index, to: .main)
                    continue
                }
                let block = entries[index].block
                move(index, to: .ghosts)
                trimGhosts()
                return block
            }
            let index = main.tail
            guard index >= 0 else { return nil }
            guard entries[index].uses > 0 else {
                let block = entries[index].block
                remove(index)
                return block
            }
            entries[index].uses -= 1
            move(index, to: .main)
        }
    }

    /// A victim that cannot go: somebody has it.
    mutating func keep(_ block: BlockID, bytes: UInt64) {
        forget(block)
        insert(block, bytes, into: .main)
    }

    // MARK: Queues

    /// A queue's ends and size; the links are in the entries.
    private struct Queue: Sendable {
        var head: Int32 = -1
        var tail: Int32 = -1
        var units: UInt64 = 0
        var count = 0
    }

    /// Only while there is clearly room: what eviction frees is not the main queue's to take.
    private mutating func spill() {
        guard residentUnits < limit - limit / 20 else { return }
        while small.units > smallMax, small.tail >= 0 { move(small.tail, to: .main) }
    }

    private mutating func trimGhosts() {
        while ghosts.count > max(residentCount, 16) { remove(ghosts.tail) }
    }

    private mutating func insert(_ block: BlockID, _ bytes: UInt64, into queue: BlockTable.Queue) {
        link(entries.insert(block, units: Self.units(bytes)), queue)
        limit = max(limit, min(capacity, residentUnits))
    }

    private mutating func remove(_ index: Int32) {
        unlink(index)
        entries.remove(index)
    }

    private mutating func move(_ index: Int32, to queue: BlockTable.Queue) {
        unlink(index)
        link(index, queue)
    }

    private mutating func setUnits(_ index: Int32, _ bytes: UInt64) {
        let (old, new) = (UInt64(entries[index].units), Self.units(bytes))
        withQueue(entries[index].queue) { $0.units = $0.units - old + UInt64(new) }
        entries[index].units = new
    }

    private static func units(_ bytes: UInt64) -> UInt16 {
        UInt16(clamping: (bytes + unit - 1) / unit)
    }

    private mutating func withQueue(_ queue: BlockTable.Queue, _ change: (inout Queue) -> Void) {
        switch queue {
        case .small: change(&small)
        case .main: change(&main)
        case .ghosts: change(&ghosts)
        }
    }

    private mutating func link(_ index: Int32, _ queue: BlockTable.Queue) {
        entries[index].queue = queue
        let units = UInt64(entries[index].units)
        var head: Int32 = -1
        withQueue(queue) {
            head = $0.head
            $0.head = index
            if $0.tail < 0 { $0.tail = index }
            $0.units += units
            $0.count += 1
        }
        entries[index].previous = -1
        entries[index].next = head
        if head >= 0 { entries[head].previous = index }
    }

    private mutating func unlink(_ index: Int32) {
        let entry = entries[index]
        if entry.previous >= 0 { entries[entry.previous].next = entry.next }
        if entry.next >= 0 { entries[entry.next].previous = entry.previous }
        withQueue(entry.queue) {
            if entry.previous < 0 { $0.head = entry.next }
            if entry.next < 0 { $0.tail = entry.previous }
            $0.units -= UInt64(entry.units)
            $0.count -= 1
        }
    }
}
