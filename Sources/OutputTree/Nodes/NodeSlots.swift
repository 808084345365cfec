import FileSystemModel

/// The records of all nodes, by slot: in pages that come and go.
///
/// A node's id is its slot in the low half and, in the high one, how many nodes had that slot before: no id ever means
/// another node, however late the kernel asks for it. The root is 1, as slot 1 is taken first.
struct NodeSlots {
    private var pages: [NodePage?] = []
    /// What the slots of the next page of each number begin to count with.
    private var firstUseCounts: [UInt32] = []
    /// No page before this one has a free slot.
    private var firstWithRoom = 0
    private(set) var count = 0
    /// What all slots begin to count with: the nodes of earlier processes of this mount had lower numbers.
    private let firstUseCount: UInt32
    /// No node has a higher number.
    private(set) var highestUseCount: UInt32

    init(firstUseCount: UInt32 = 0) {
        self.firstUseCount = firstUseCount
        highestUseCount = firstUseCount
    }

    /// A new node's slot; its name and prefix are not set yet.
    mutating func take(_ content: NodeRecord.Content) -> UInt32 {
        while firstWithRoom < pages.count, let page = pages[firstWithRoom], page.isFull { firstWithRoom += 1 }
        if firstWithRoom == pages.count {
            pages.append(nil)
            firstUseCounts.append(firstWithRoom == 0 ? 0 : firstUseCount)
        }
        let page = pages[firstWithRoom] ?? NodePage(firstUseCount: firstUseCounts[firstWithRoom])
        pages[firstWithRoom] = page
        count += 1
        let position = page.take(content)
        highestUseCount = max(highestUseCount, page.records[position].useCount)
        return UInt32(firstWithRoom * NodePage.slotCount + position)
    }

    /// The slot of a node that an earlier process gave out, and that nobody has here: to be asked for in the order of
    /// slots, before any is taken but the tree's own. `nil` for a number that cannot be one.
    mutating func restore(_ id: NodeID, _ content: NodeRecord.Content) -> UInt32? {
        let slot = UInt32(truncatingIfNeeded: id.rawValue)
        let (number, position) = Self.parts(of: slot)
        guard number < Self.pageCountMax, UInt32(id.rawValue >> 32) < firstUseCount else { return nil }
        while pages.count <= number {
            pages.append(nil)
            firstUseCounts.append(firstUseCount)
        }
        let page = pages[number] ?? NodePage(firstUseCount: firstUseCount)
        guard page.restore(position, useCount: UInt32(id.rawValue >> 32), content) else { return nil }
        pages[number] = page
        count += 1
        return slot
    }

    /// 2^27 nodes: 12 GiB of records.
    private static let pageCountMax = 1 << 16

    /// The tree's own nodes have the same numbers in every process.
    mutating func beginCounting() { pages.first??.firstUseCount = firstUseCount }

    mutating func free(_ slot: UInt32) {
        let (number, position) = Self.parts(of: slot)
        guard let page = pages[number] else { return }
        page.dropName(of: position)
        page.free(position)
        count -= 1
        firstWithRoom = min(firstWithRoom, number)
        // The first page stays, with the root in it. Without another number for its slots a page has to stay as well.
        guard page.usedCount == 0, page.highestUseCount < .max - 1 else { return }
        firstUseCounts[number] = page.highestUseCount + 1
        pages[number] = nil
    }

    /// The slot of a node that is known; `nil` for one that was forgotten.
    func slot(of id: NodeID) -> UInt32? {
        let slot = UInt32(truncatingIfNeeded: id.rawValue)
        let (number, position) = Self.parts(of: slot)
        // Slot 0 is nobody's.
        guard slot != 0, number < pages.count, let page = pages[number], page.has(position),
            page.records[position].useCount == UInt32(id.rawValue >> 32)
        else { return nil }
        return slot
    }

    func id(of slot: UInt32) -> NodeID {
        NodeID(rawValue: UInt64(record(slot).pointee.useCount) << 32 | UInt64(slot))
    }

    /// Of a slot in use.
    func record(_ slot: UInt32) -> UnsafeMutablePointer<NodeRecord> {
        let (page, position) = page(of: slot)
        return page.records + position
    }

    /// Of a slot in use.
    func page(of slot: UInt32) -> (page: NodePage, position: Int) {
        let (number, position) = Self.parts(of: slot)
        guard let page = pages[number] else { preconditionFailure("no node has slot \(slot)") }
        return (page, position)
    }

    private static func parts(of slot: UInt32) -> (page: Int, position: Int) {
        (Int(slot) / NodePage.slotCount, Int(slot) % NodePage.slotCount)
    }

    /// Memory in pages, for tests.
    var pageCount: Int { pages.count { $0 != nil } }
}
