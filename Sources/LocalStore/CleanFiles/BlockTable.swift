/// The entries of `EvictionPolicy`, found by block: numbers in two arrays, since an object or a dictionary's node for
/// each of millions would cost three times as much.
struct BlockTable: Sendable {
    enum Queue: UInt8, Sendable { case small, main, ghosts }

    /// 24 bytes.
    struct Entry: Sendable {
        let file: UInt64
        let number: UInt32
        var previous: Int32 = -1
        /// The next entry of its queue, or of the free ones.
        var next: Int32 = -1
        var units: UInt16
        var uses: UInt8 = 0
        var queue = Queue.small

        var block: EvictionPolicy.BlockID { EvictionPolicy.BlockID(file: file, number: number) }
    }

    private var entries: [Entry] = []
    private var firstFree: Int32 = -1
    private(set) var count = 0
    /// Entry numbers by hash, -1 where none is: open addressing, linear, a power of two, at most 3/4 full.
    private var slots: [Int32] = Array(repeating: -1, count: 16)

    subscript(index: Int32) -> Entry {
        get { entries[Int(index)] }
        _modify { yield &entries[Int(index)] }
    }

    /// The entry of a block, or -1.
    func find(_ block: EvictionPolicy.BlockID) -> Int32 { slots[slot(of: block)] }

    /// Adds a block that is not there.
    mutating func insert(_ block: EvictionPolicy.BlockID, units: UInt16) -> Int32 {
        if (count + 1) * 4 > slots.count * 3 { grow() }
        let entry = Entry(file: block.file, number: block.number, units: units)
        let index: Int32
        if firstFree >= 0 {
            index = firstFree
            firstFree = entries[Int(index)].next
            entries[Int(index)] = entry
        } else {
            index = Int32(entries.count)
            entries.append(entry)
        }
        slots[slot(of: block)] = index
        count += 1
        return index
    }

    /// Removes an entry and closes the gap that it leaves among the slots behind it.
    mutating func remove(_ index: Int32) {
        var gap = slot(of: entries[Int(index)].block)
        var at = gap
        while true {
            at = (at + 1) & (slots.count - 1)
            guard slots[at] >= 0 else { break }
            let home = self.home(of: entries[Int(slots[at])].block)
            // It may move into the gap unless its home lies behind the gap, as the ring goes.
            guard (at - home) & (slots.count - 1) >= (at - gap) & (slots.count - 1) else { continue }
            slots[gap] = slots[at]
            gap = at
        }
        slots[gap] = -1
        entries[Int(index)].next = firstFree
        firstFree = index
        count -= 1
    }

    /// Where a block is, or where it would be put.
    private func slot(of block: EvictionPolicy.BlockID) -> Int {
        var at = home(of: block)
        while slots[at] >= 0 {
            let entry = entries[Int(slots[at])]
            if entry.file == block.file, entry.number == block.number { return at }
            at = (at + 1) & (slots.count - 1)
        }
        return at
    }

    private func home(of block: EvictionPolicy.BlockID) -> Int {
        // Names are spread already; the multiplication spreads the blocks of one file.
        let mixed = (block.file ^ UInt64(block.number)) &* 0x9E37_79B9_7F4A_7C15
        return Int(truncatingIfNeeded: mixed >> 32) & (slots.count - 1)
    }

    private mutating func grow() {
        let old = slots
        slots = Array(repeating: -1, count: old.count * 2)
        for index in old where index >= 0 { slots[slot(of: entries[Int(index)].block)] = index }
    }
}
