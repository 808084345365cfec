/// One line of reads through a file: forward, backward, or in strides.
struct ReadRun: Sendable {
    /// Names the run for as long as its handle lives, so that what was fetched for it can be cancelled.
    let id: UInt32
    /// The bytes between the lowest and the highest that was read.
    private(set) var span: Range<UInt64>
    /// Bytes of `span` that were jumped over, a piece or more at a time.
    private var holes: UInt64 = 0
    /// Bytes read since it began, or since its window was narrowed.
    private var seen: UInt64
    private(set) var count = 1
    private(set) var last: Range<UInt64>
    /// From the last read's start to that of the one before, and how often the same came in a row.
    private var delta: Int64 = 0
    private var deltaRepeats = 0
    /// Which way it goes: above zero forward, below backward.
    private var drift: Int
    /// Not zero: the run reads `last.count` bytes every `stride` bytes.
    private(set) var stride: Int64 = 0
    /// How many strides beyond the last read were asked for.
    private var stepsAsked: Int64 = 0
    /// How far ahead of its reader it is, in bytes.
    private(set) var window: UInt64 = 0
    /// What was asked for so far ends here (begins here, where the run goes backward).
    private(set) var frontier: UInt64
    /// Where the block begins in which its window opened.
    private var openedAt: UInt64 = 0
    /// The reader's clock at the last read of this run.
    var lastUse: UInt64

    init(id: UInt32, _ read: Range<UInt64>, pieceSize: UInt64, now: UInt64) {
        self.id = id
        span = read
        last = read
        seen = UInt64(read.count)
        frontier = read.upperBound
        lastUse = now
        // A large read at the start is what `cat`, `cp` and every loader begin with: as good as a second one.
        let isStart = read.lowerBound == 0 && UInt64(read.count) >= ReadAhead.largeRead(pieceSize)
        drift = isStart ? 1 : 0
        if isStart { count = 2 }
    }

    var isForward: Bool { drift > 0 }
    var isStreaming: Bool { window > 0 }

    /// A single read of this many bytes so far.
    func isLone(of byteCount: Int) -> Bool { count == 1 && last.count == byteCount }

    // MARK: What belongs to it

    /// Whether the read goes on where the run was, give or take what arrives out of order: the kernel's read-ahead
    /// comes over several threads.
    func accepts(_ read: Range<UInt64>, _ limits: ReadAhead.Limits) -> Bool {
        if stride != 0 { return steps(to: read) != nil }
        let tolerance = max(min(8 * UInt64(read.count), limits.blockSize), limits.pieceSize)
        return Self.distance(read.lowerBound, span.upperBound) <= tolerance
            || Self.distance(read.upperBound, span.lowerBound) <= tolerance
    }

    /// Whether the read's bytes were asked for ahead of it.
    func expects(_ read: Range<UInt64>) -> Bool {
        isStreaming && stride == 0
            && (isForward
                ? read.lowerBound >= span.upperBound && read.upperBound <= frontier
                : read.upperBound <= span.lowerBound && read.lowerBound >= frontier)
    }

    /// Takes a read that it accepts.
    mutating func take(_ read: Range<UInt64>, _ limits: ReadAhead.Limits) {
        let newDelta = Int64(bitPattern: read.lowerBound &- last.lowerBound)
        deltaRepeats = newDelta == delta ? deltaRepeats + 1 : 0
        delta = newDelta
        count += 1
        seen += UInt64(read.count)
        if stride != 0 {
            guard let steps = steps(to: read), steps > 0 else { return }
            last = read.lowerBound..<read.lowerBound + UInt64(last.count)
            stepsAsked = max(stepsAsked - steps, 0)
            return
        }
        last = read
        if read.upperBound > span.upperBound {
            let gap = read.lowerBound > span.upperBound ? read.lowerBound - span.upperBound : 0
            if gap >= limits.pieceSize { holes += gap }
            span = span.lowerBound..<read.upperBound
            turn(forward: true)
        } else if read.lowerBound < span.lowerBound {
            let gap = read.upperBound < span.lowerBound ? span.lowerBound - read.upperBound : 0
            if gap >= limits.pieceSize { holes += gap }
            span = read.lowerBound..<span.upperBound
            turn(forward: false)
        } else {
            holes -= min(holes, UInt64(read.count))
        }
        if isSparse, deltaRepeats >= 2 { stride = delta }
    }

    /// Makes it a strided run: three reads of one size stood at one distance, the run's own being the third.
    mutating func becomeStrided(by stride: Int64) {
        self.stride = stride
        count = 3
    }

    /// Half of the span was never asked for: whoever reads so does not want what lies between.
    private var isSparse: Bool { 2 * holes > UInt64(span.count) }

    private mutating func turn(forward: Bool) {
        let before = drift
        drift = forward ? min(drift + 1, 4) : max(drift - 1, -4)
        if drift == 0 { drift = forward ? 1 : -1 }
        if (before > 0) != (drift > 0) || before == 0 { frontier = forward ? span.upperBound : span.lowerBound }
    }

    /// How many strides away a read is, a few at most; `nil` if it is not of this run.
    private func steps(to read: Range<UInt64>) -> Int64? {
        guard read.count <= last.count else { return nil }
        let distance = Int64(bitPattern: read.lowerBound &- last.lowerBound)
        guard distance % stride == 0, distance != 0 else { return nil }
        let steps = distance / stride
        return (-8...8).contains(steps) ? steps : nil
    }

    private static func distance(_ one: UInt64, _ other: UInt64) -> UInt64 { one > other ? one - other : other - one }

    // MARK: What to fetch

    /// Widens the window after a read, and says what is missing in it: ranges that begin at pieces and cross no block.
    mutating func advance(_ limits: ReadAhead.Limits, length: UInt64, blocksMax: Int) -> [Range<UInt64>] {
        let windowMax = UInt64(blocksMax) * limits.blockSize
        guard windowMax > 0, isProven(limits) else {
            window = 0
            return []
        }
        if !isStreaming { openedAt = last.lowerBound / limits.blockSize * limits.blockSize }
        window = min(max(window, wanted(limits)), windowMax)
        if stride != 0 { return strides(limits, length: length) }
        return isForward ? forward(limits, length: length) : backward(limits, length: length)
    }

    /// Sixteen times what was read, until that is sixteen blocks (64 MiB); from there on, as much as was read. Who stops
    /// has fetched twice what he wanted: it doubled with every read, and 172 MiB came for a reader of 64.
    ///
    /// Large reads get four blocks at the least; at a file's start more, for who asks for much at once wants the file, and
    /// asks for the second part only when the first has come: one round trip more.
    private func wanted(_ limits: ReadAhead.Limits) -> UInt64 {
        let early = Self.earlyBlocks * limits.blockSize
        let grown = max(min(16 * seen, early), seen)
        guard UInt64(last.count) >= ReadAhead.largeRead(limits.pieceSize), stride == 0, !isStreaming else {
            return grown
        }
        let opening = span.lowerBound == 0 && isForward ? min(64 * UInt64(last.count), early) : 0
        return max(grown, opening, 4 * limits.blockSize)
    }

    /// Up to which a window opens fast.
    private static let earlyBlocks: UInt64 = 16

    /// Memory was short: what lies behind `limit` was not fetched.
    mutating func shrink(to limit: UInt64, _ limits: ReadAhead.Limits) {
        window = min(window, max(window / 2, limits.blockSize))
        seen = 0
        frontier = isForward ? min(frontier, limit) : max(frontier, limit)
        stepsAsked = 0
    }

    /// It must prove itself again before anything is fetched for it.
    mutating func stop() {
        window = 0
        count = 1
        seen = UInt64(last.count)
        frontier = isForward ? span.upperBound : span.lowerBound
        stepsAsked = 0
    }

    private func isProven(_ limits: ReadAhead.Limits) -> Bool {
        if stride != 0 { return count >= 4 }
        guard drift != 0, !isSparse else { return false }
        return count >= (UInt64(last.count) >= ReadAhead.largeRead(limits.pieceSize) ? 2 : 4)
    }

    private mutating func forward(_ limits: ReadAhead.Limits, length: UInt64) -> [Range<UInt64>] {
        let start = max(frontier, Self.roundUp(span.upperBound, limits.pieceSize))
        var end = span.upperBound + window
        if window >= limits.blockSize {
            end = end / limits.blockSize * limits.blockSize
        } else {
            // A small window moves on by half, not by a piece for every read.
            guard start < span.upperBound + window / 2 else { return [] }
            end = Self.roundUp(end, limits.pieceSize)
        }
        end = min(end, length)
        guard start < end else { return [] }
        frontier = end
        return parts(of: start..<end, limits)
    }

    /// What is fetched of a range: quarters of blocks within the first 32 MiB, then halves. What is in flight is the
    /// window, and the smaller its parts, the sooner each has come, over the more connections: 128 MiB ahead at 20 ms to the
    /// first byte and 100 MiB/s per connection are 2.1 GiB/s at most in parts of 4 MiB, and more than that in parts of 2,
    /// so that the window lasts although answers do not come in the order in which they are read. An opening of 64 MiB is
    /// 48 requests, which no connection serves twice.
    private func parts(of range: Range<UInt64>, _ limits: ReadAhead.Limits) -> [Range<UInt64>] {
        let block = limits.blockSize
        let youth = min(max(openedAt + Self.earlyBlocks / 2 * block, range.lowerBound), range.upperBound)
        return Self.cut(range.lowerBound..<youth, step: Self.roundUp(block / 4, limits.pieceSize), block: block)
            + Self.cut(youth..<range.upperBound, step: Self.roundUp(block / 2, limits.pieceSize), block: block)
    }

    private mutating func backward(_ limits: ReadAhead.Limits, length: UInt64) -> [Range<UInt64>] {
        let end = min(frontier, span.lowerBound / limits.pieceSize * limits.pieceSize)
        var start = span.lowerBound > window ? span.lowerBound - window : 0
        if window >= limits.blockSize {
            start = Self.roundUp(start, limits.blockSize)
        } else {
            guard end + window / 2 > span.lowerBound else { return [] }
            start = start / limits.pieceSize * limits.pieceSize
        }
        guard start < end else { return [] }
        frontier = start
        return Self.cut(start..<end, step: limits.blockSize, block: limits.blockSize).reversed()
    }

    private mutating func strides(_ limits: ReadAhead.Limits, length: UInt64) -> [Range<UInt64>] {
        // As many steps as the window has room for, and no more than a few dozen requests.
        let size = Self.roundUp(UInt64(last.count), limits.pieceSize)
        let stepsMax = Int64(min(window / size, Self.stepsMax))
        guard stepsAsked < stepsMax else { return [] }
        var ranges: [Range<UInt64>] = []
        for step in stepsAsked + 1...stepsMax {
            let (start, overflow) = Int64(last.lowerBound).addingReportingOverflow(stride &* step)
            guard !overflow, start >= 0, start < Int64(length) else { break }
            let lower = UInt64(start) / limits.pieceSize * limits.pieceSize
            let upper = min(Self.roundUp(UInt64(start) + UInt64(last.count), limits.pieceSize), length)
            ranges += Self.cut(lower..<upper, step: limits.blockSize, block: limits.blockSize)
        }
        stepsAsked = stepsMax
        return ranges
    }

    private static let stepsMax: UInt64 = 32

    private static func roundUp(_ value: UInt64, _ unit: UInt64) -> UInt64 { (value + unit - 1) / unit * unit }

    /// Cuts a range at multiples of `step`, counted from each block's start, and at blocks.
    private static func cut(_ range: Range<UInt64>, step: UInt64, block: UInt64) -> [Range<UInt64>] {
        var ranges: [Range<UInt64>] = []
        var start = range.lowerBound
        while start < range.upperBound {
            let blockStart = start / block * block
            let end = min(blockStart + ((start - blockStart) / step + 1) * step, blockStart + block, range.upperBound)
            ranges.append(start..<end)
            start = end
        }
        return ranges
    }
}
