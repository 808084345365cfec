/// Holds a transfer to a rate: tells how long to wait after each piece.
struct Pacer {
    private var began: Timestamp?
    private var transferred = 0

    /// Milliseconds by which the transfer is ahead of its rate.
    mutating func milliseconds(after count: Int, bytesPerSecond: Int) -> Int {
        let now = Timestamp.systemNow()
        let start = began ?? now
        began = start
        transferred += count
        let due = Double(transferred) / Double(max(bytesPerSecond, 1))
        let elapsed = Double(now.ticks - start.ticks) / Double(Timestamp.ticksPerSecond)
        return max(0, Int((due - elapsed) * 1000))
    }
}
