internal import DequeModule

/// Shares a rate of bytes among those that send or receive: a pure value, whose time is told to it.
///
/// While there is enough, everybody takes. As soon as one must wait, all stand in two lines, one for those that
/// somebody waits for and one for the background, and are served a piece each, from both lines by turns: within a line all
/// get the same, however many pieces they want, and neither line can starve the other. A line that is empty leaves its
/// share to the other.
struct Pacer<Key: Hashable> {
    /// What one gets when it is its turn, in bytes.
    let quantum: Int
    private var bucket: TokenBucket
    private var wanted: Deque<Key> = []
    private var background: Deque<Key> = []
    private var isBackgroundNext = false

    /// libcurl hands over pieces of 16 KiB; at high rates more than one at a time, 256 turns a second.
    init(rate: Int, now: Duration) {
        quantum = max(16 << 10, rate / 256)
        bucket = TokenBucket(rate: rate, burst: max(quantum, rate / 10), now: now)
    }

    var isAnybodyWaiting: Bool { !wanted.isEmpty || !background.isEmpty }

    /// Takes so many bytes, if nobody is in line and the rate permits it.
    mutating func take(_ count: Int, now: Duration) -> Bool {
        guard !isAnybodyWaiting else { return false }
        bucket.fill(now: now)
        guard bucket.isOpen else { return false }
        bucket.take(count)
        return true
    }

    /// Gets in line.
    mutating func wait(_ key: Key, isWanted: Bool) {
        if isWanted { wanted.append(key) } else { background.append(key) }
    }

    mutating func leave(_ key: Key) {
        wanted.removeAll { $0 == key }
        background.removeAll { $0 == key }
    }

    /// Who may go on now, with `quantum` bytes; `nil` when it is nobody's turn.
    mutating func next(now: Duration) -> Key? {
        guard isAnybodyWaiting else { return nil }
        bucket.fill(now: now)
        guard bucket.isOpen else { return nil }
        bucket.take(quantum)
        defer { isBackgroundNext.toggle() }
        if isBackgroundNext { return background.popFirst() ?? wanted.popFirst() }
        return wanted.popFirst() ?? background.popFirst()
    }

    /// Bytes that were given and not needed.
    mutating func giveBack(_ count: Int) { bucket.take(-count) }

    /// How long until it is somebody's turn; `nil` when nobody is in line.
    mutating func delay(now: Duration) -> Duration? {
        guard isAnybodyWaiting else { return nil }
        bucket.fill(now: now)
        return bucket.delay
    }
}
