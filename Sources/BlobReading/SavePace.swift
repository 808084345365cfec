/// Which way to the disk was the faster of late: through the page cache, or past it. A value without I/O.
///
/// It depends on the machine. Where pages are at hand and the disk is slow, the page cache takes gigabytes at once; where
/// the kernel has to find each page first, or the cores are busy, the disk itself takes more.
struct SavePace: Sendable {
    /// Saves after which the way that was slower is tried again.
    static let retryInterval = 64
    /// What is smaller says more about system calls than about the way, in bytes.
    static let sizeMin = 1 << 20

    /// Nanoseconds a byte, the last ones weighing a quarter.
    private var through: Double?
    private var past: Double?
    private var count = 0

    /// Whether a save goes past the page cache: only one of a version that is late, since the next reader finds in memory
    /// what went through it.
    mutating func isDirect(_ byteCount: Int, isLate: Bool) -> Bool {
        guard isLate, byteCount >= Self.sizeMin, let through else { return false }
        guard let past else { return true }
        count += 1
        let isFaster = past < through
        return count % Self.retryInterval == 0 ? !isFaster : isFaster
    }

    /// A save took so long.
    mutating func note(_ byteCount: Int, _ duration: Duration, isDirect: Bool) {
        guard byteCount >= Self.sizeMin else { return }
        let (seconds, attoseconds) = duration.components
        let cost = (Double(seconds) * 1e9 + Double(attoseconds) / 1e9) / Double(byteCount)
        if isDirect { past = Self.blend(past, cost) } else { through = Self.blend(through, cost) }
    }

    private static func blend(_ old: Double?, _ new: Double) -> Double { old.map { $0 * 0.75 + new * 0.25 } ?? new }
}
