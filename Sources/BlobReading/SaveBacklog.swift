/// Which cells hold bytes that are to go to the disk and have not gone yet, and whose turn it is.
///
/// One bit per cell, and the slabs that have any in the order in which they got their first: what lies longest is saved
/// first, since memory also gives it up first. As large as the pool, however far the disk is behind.
struct SaveBacklog: Sendable {
    private var masks: [UInt64]
    private var order: LinkedIndices
    private(set) var cellCount = 0

    init(slabCount: Int) {
        masks = Array(repeating: 0, count: slabCount)
        order = LinkedIndices(count: slabCount, lists: 1)
    }

    /// The cells of a slab, one bit each.
    func cells(in slab: Int32) -> UInt64 { masks[Int(slab)] }

    /// The slab whose turn it is.
    var oldest: Int32? {
        let slab = order.tail(0)
        return slab >= 0 ? slab : nil
    }

    /// `false` if it is there already.
    mutating func insert(_ slab: Int32, _ bit: UInt64) -> Bool {
        guard masks[Int(slab)] & bit == 0 else { return false }
        if masks[Int(slab)] == 0 { order.moveToHead(slab, of: 0) }
        masks[Int(slab)] |= bit
        cellCount += 1
        return true
    }

    /// `false` if it is not there.
    mutating func remove(_ slab: Int32, _ bit: UInt64) -> Bool {
        guard masks[Int(slab)] & bit != 0 else { return false }
        masks[Int(slab)] &= ~bit
        if masks[Int(slab)] == 0 { order.remove(slab) }
        cellCount -= 1
        return true
    }
}
