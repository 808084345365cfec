/// Doubly linked lists over the indices 0 ..< count, each index in one list at most.
///
/// Links are numbers in an array: a list of class references costs a retain per step (5 % of the daemon's CPU when it
/// was tried).
struct LinkedIndices: Sendable {
    private struct Link: Sendable {
        var previous: Int32 = -1
        var next: Int32 = -1
        var list: Int8 = -1
    }

    private var links: [Link]
    private var heads: [Int32]
    private var tails: [Int32]
    private var counts: [Int]

    init(count: Int, lists: Int) {
        links = Array(repeating: Link(), count: count)
        heads = Array(repeating: -1, count: lists)
        tails = Array(repeating: -1, count: lists)
        counts = Array(repeating: 0, count: lists)
    }

    func count(_ list: Int) -> Int { counts[list] }

    /// The list that holds the index, or -1.
    func list(of index: Int32) -> Int { Int(links[Int(index)].list) }

    /// The ends of a list, or -1; `previous` walks from the tail to the head.
    func head(_ list: Int) -> Int32 { heads[list] }
    func tail(_ list: Int) -> Int32 { tails[list] }
    func previous(_ index: Int32) -> Int32 { links[Int(index)].previous }
    func next(_ index: Int32) -> Int32 { links[Int(index)].next }

    /// Puts the index at the head of a list, out of the list that it was in.
    mutating func moveToHead(_ index: Int32, of list: Int) {
        guard heads[list] != index else { return }
        remove(index)
        let head = heads[list]
        links[Int(index)] = Link(previous: -1, next: head, list: Int8(list))
        if head >= 0 { links[Int(head)].previous = index } else { tails[list] = index }
        heads[list] = index
        counts[list] += 1
    }

    mutating func remove(_ index: Int32) {
        let link = links[Int(index)]
        guard link.list >= 0 else { return }
        let list = Int(link.list)
        if link.previous >= 0 { links[Int(link.previous)].next = link.next } else { heads[list] = link.next }
        if link.next >= 0 { links[Int(link.next)].previous = link.previous } else { tails[list] = link.previous }
        links[Int(index)] = Link()
        counts[list] -= 1
    }
}
