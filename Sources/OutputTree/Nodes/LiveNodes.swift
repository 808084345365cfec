import FileSystemModel

/// The objects of those nodes that are in use: few among the many that are known.
///
/// As long as anybody holds a node's object, it is here, and the record says so: there are never two for one node. The
/// objects that only this table holds, and that hold nothing worth keeping, are let go in the order of a clock: its hand
/// goes round, and takes what nobody used since it came by last. `close` and the `chmod` behind it so have one object,
/// which knows what a HEAD told.
struct LiveNodes {
    private struct Item {
        var file: FileNode?
        var directory: DirectoryNode?
        /// Of the record; of an item that is free the next free one.
        var slot: UInt32
        var wasUsed = true
        /// All its lookups are forgotten, and somebody holds it still.
        var isOrphan = false
    }

    private static let none = UInt32.max

    private var items: [Item] = []
    private var firstFree = none
    private(set) var count = 0
    private var hand = 0
    /// Numbers of items that may be orphans.
    private var orphans: [UInt32] = []
    private var orphanHand = 0

    // MARK: Coming and going

    mutating func insert(_ node: FileNode, slot: UInt32) -> UInt32 { insert(Item(file: node, slot: slot)) }
    mutating func insert(_ node: DirectoryNode, slot: UInt32) -> UInt32 { insert(Item(directory: node, slot: slot)) }

    private mutating func insert(_ item: Item) -> UInt32 {
        count += 1
        guard firstFree != Self.none else {
            items.append(item)
            return UInt32(items.count - 1)
        }
        let number = firstFree
        firstFree = items[Int(number)].slot
        items[Int(number)] = item
        return number
    }

    /// Gives the object out; it should end when no lock is held.
    mutating func remove(_ number: UInt32) -> (any AnyObject & Sendable)? {
        let item = items[Int(number)]
        items[Int(number)] = Item(slot: firstFree, wasUsed: false)
        firstFree = number
        count -= 1
        if let file = item.file { return file }
        return item.directory
    }

    // MARK: Asking

    func file(_ number: UInt32) -> FileNode? { items[Int(number)].file }
    func directory(_ number: UInt32) -> DirectoryNode? { items[Int(number)].directory }
    func slot(_ number: UInt32) -> UInt32 { items[Int(number)].slot }
    mutating func noteUse(_ number: UInt32) { items[Int(number)].wasUsed = true }

    /// Whether nobody but this table holds the object: nobody can get at it then but through the table's lock.
    mutating func isUnreferenced(_ number: UInt32) -> Bool {
        if items[Int(number)].file != nil { return isKnownUniquelyReferenced(&items[Int(number)].file) }
        return isKnownUniquelyReferenced(&items[Int(number)].directory)
    }

    var files: [FileNode] { items.compactMap(\.file) }

    // MARK: The clock

    /// The next item that was not used since the hand came by last; `nil` when `steps` steps led to none.
    mutating func next(steps: inout Int) -> UInt32? {
        while steps > 0, !items.isEmpty {
            steps -= 1
            hand = hand + 1 < items.count ? hand + 1 : 0
            guard items[hand].file != nil || items[hand].directory != nil else { continue }
            if !items[hand].wasUsed { return UInt32(hand) }
            items[hand].wasUsed = false
        }
        return nil
    }

    // MARK: Orphans

    mutating func noteOrphan(_ number: UInt32) {
        guard !items[Int(number)].isOrphan else { return }
        items[Int(number)].isOrphan = true
        orphans.append(number)
    }

    var orphanCount: Int { orphans.count }

    /// Another orphan at each call, one after the other, for as long as `isResolved` is not called for it.
    mutating func nextOrphan() -> UInt32? {
        while !orphans.isEmpty {
            orphanHand = orphanHand < orphans.count ? orphanHand : 0
            let number = orphans[orphanHand]
            if items[Int(number)].isOrphan {
                orphanHand += 1
                return number
            }
            orphans[orphanHand] = orphans[orphans.count - 1]
            orphans.removeLast()
        }
        return nil
    }

    /// It is looked up again, or about to be removed.
    mutating func resolveOrphan(_ number: UInt32) { items[Int(number)].isOrphan = false }
}
