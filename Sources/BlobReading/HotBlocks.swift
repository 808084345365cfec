/// Finds the region that random reads keep coming back to: it is worth fetching whole.
///
/// A block is hot when it had a quarter of the last 32 misses. Over 16 blocks or more, reads that are truly random
/// reach that by chance in one of a thousand misses, so that they go on costing a piece each.
struct HotBlocks: Sendable {
    static let historyCount = 32
    static let threshold = 8

    private var recent: [UInt64] = []
    private var next = 0

    /// Notes a miss in a block; `true` when the block has just proved hot (its history is then forgotten).
    mutating func note(_ block: UInt64) -> Bool {
        if recent.count < Self.historyCount {
            recent.append(block)
        } else {
            recent[next] = block
            next = (next + 1) % Self.historyCount
        }
        guard recent.count(where: { $0 == block }) >= Self.threshold else { return false }
        for index in recent.indices where recent[index] == block { recent[index] = .max }
        return true
    }
}
