import Glibc

/// 2,048 node records, and the names of those in use: memory of its own, which goes back to the system as a whole.
///
/// Names lie one behind the other; those of forgotten nodes are gaps until there are more gaps than names, and then
/// the names move together. So a page moves at most 2,048 names at once.
final class NodePage {
    static let slotCount = 2048

    private static let none = UInt16.max
    private static let nameAreaMin = 64 << 10

    private let memory: MappedMemory
    let records: UnsafeMutablePointer<NodeRecord>
    /// Records behind these were never used and have no content yet.
    private var madeCount = 0
    private var firstFree = none
    /// Of slots that were never used: those before them may have been on a page of this number before this one.
    var firstUseCount: UInt32
    private(set) var highestUseCount: UInt32
    /// Slots in use, and those that were used 2^32 times and never will be again.
    private(set) var usedCount = 0

    private var names = MappedMemory(count: nameAreaMin)
    private var nameEnd = 0
    private var gapCount = 0

    init(firstUseCount: UInt32) {
        self.firstUseCount = firstUseCount
        highestUseCount = firstUseCount
        memory = MappedMemory(count: Self.slotCount * MemoryLayout<NodeRecord>.stride)
        records = memory.base.bindMemory(to: NodeRecord.self, capacity: Self.slotCount)
    }

    deinit { records.deinitialize(count: madeCount) }

    var isFull: Bool { firstFree == Self.none && madeCount == Self.slotCount }

    // MARK: Slots

    /// Whether the slot is in use.
    func has(_ slot: Int) -> Bool {
        guard slot < madeCount else { return false }
        if case .free = records[slot].content { return false }
        return true
    }

    /// Takes a free slot; there must be one.
    func take(_ content: NodeRecord.Content) -> Int {
        usedCount += 1
        guard firstFree != Self.none else {
            precondition(madeCount < Self.slotCount, "a full page was asked for a slot")
            (records + madeCount).initialize(to: NodeRecord(content: content, useCount: firstUseCount))
            madeCount += 1
            return madeCount - 1
        }
        let slot = Int(firstFree)
        guard case .free(let next) = records[slot].content else { preconditionFailure("slot \(slot) is not free") }
        firstFree = next
        records[slot].content = content
        highestUseCount = max(highestUseCount, records[slot].useCount)
        return slot
    }

    /// Takes a certain slot for a node of an earlier process; those before it, if never used, are free. False if it is
    /// not behind all that were used.
    func restore(_ slot: Int, useCount: UInt32, _ content: NodeRecord.Content) -> Bool {
        guard slot >= madeCount else { return false }
        while madeCount <= slot {
            let isFree = madeCount < slot
            let record = NodeRecord(
                content: isFree ? .free(next: firstFree) : content,
                useCount: isFree ? firstUseCount : useCount
            )
            (records + madeCount).initialize(to: record)
            if isFree { firstFree = UInt16(madeCount) }
            madeCount += 1
        }
        highestUseCount = max(highestUseCount, useCount)
        usedCount += 1
        return true
    }

    /// The name of a slot that had one must have been dropped.
    func free(_ slot: Int) {
        let useCount = records[slot].useCount
        // Its next number would be one that the kernel knew: the slot stays unused.
        let isUsedUp = useCount == .max
        records[slot] = NodeRecord(content: .free(next: firstFree), useCount: isUsedUp ? useCount : useCount + 1)
        guard !isUsedUp else { return }
        firstFree = UInt16(slot)
        usedCount -= 1
    }

    // MARK: Names

    /// Keeps a name, and the inode number if it is not that of the name, for a slot that has none.
    func setName(_ name: UnsafeRawBufferPointer, inode: UInt64?, of slot: Int) {
        let (total, lengthCount) = Self.stored(name.count, hasInode: inode != nil)
        if nameEnd + total > names.count { moveNames(room: total) }
        var target = names.base + nameEnd
        records[slot].name = UInt32(nameEnd)
        nameEnd += total
        var rest = name.count
        for _ in 0..<lengthCount {
            target.storeBytes(of: UInt8(rest & 0x7F) | (rest > 0x7F ? 0x80 : 0), as: UInt8.self)
            rest >>= 7
            target += 1
        }
        if let bytes = name.baseAddress { target.copyMemory(from: bytes, byteCount: name.count) }
        if let inode {
            (target + name.count).storeBytes(of: inode, as: UInt64.self)
            records[slot].flags.insert(.hasOwnInode)
        } else {
            records[slot].flags.remove(.hasOwnInode)
        }
    }

    /// Lent until the next change of a name in this page.
    func name(of slot: Int) -> UnsafeRawBufferPointer {
        var position = UnsafeRawPointer(names.base) + Int(records[slot].name)
        var count = 0
        var shift = 0
        while true {
            let byte = position.load(as: UInt8.self)
            position += 1
            count |= Int(byte & 0x7F) << shift
            guard byte & 0x80 != 0 else { break }
            shift += 7
        }
        return UnsafeRawBufferPointer(start: position, count: count)
    }

    /// The inode number that was kept with the name.
    func ownInode(of slot: Int) -> UInt64? {
        guard records[slot].flags.contains(.hasOwnInode) else { return nil }
        let name = name(of: slot)
        return name.baseAddress?.loadUnaligned(fromByteOffset: name.count, as: UInt64.self)
    }

    func dropName(of slot: Int) {
        guard records[slot].name != NodeRecord.noName else { return }
        gapCount += nameSize(of: slot)
        records[slot].name = NodeRecord.noName
        records[slot].flags.remove(.hasOwnInode)
        // A page of memory at least: less would not come back.
        if gapCount > nameEnd / 2, gapCount >= 4096 { moveNames(room: 0) }
    }

    /// Puts the names together in new memory with `room` bytes behind them at least. Twice as much as is needed is
    /// asked for: what is not touched costs nothing.
    private func moveNames(room: Int) {
        let moved = MappedMemory(count: max(Self.nameAreaMin, (nameEnd - gapCount + room) * 2))
        var end = 0
        for slot in 0..<madeCount where records[slot].name != NodeRecord.noName {
            let size = nameSize(of: slot)
            (moved.base + end).copyMemory(from: names.base + Int(records[slot].name), byteCount: size)
            records[slot].name = UInt32(end)
            end += size
        }
        names = moved
        nameEnd = end
        gapCount = 0
    }

    private func nameSize(of slot: Int) -> Int {
        Self.stored(name(of: slot).count, hasInode: records[slot].flags.contains(.hasOwnInode)).total
    }

    /// What a name takes: its length in groups of 7 bits, the lowest first, itself, and perhaps an inode number.
    private static func stored(_ count: Int, hasInode: Bool) -> (total: Int, lengthCount: Int) {
        var (rest, lengthCount) = (count >> 7, 1)
        while rest > 0 {
            rest >>= 7
            lengthCount += 1
        }
        return (lengthCount + count + (hasInode ? 8 : 0), lengthCount)
    }
}
