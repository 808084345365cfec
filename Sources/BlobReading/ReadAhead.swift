/// Decides what to fetch ahead of one handle's reader: reads go in, ranges come out.
///
/// It follows several lines of reads at once, forward, backward and strided, and takes them out of order. A line must
/// prove itself (a second large read, a fourth small one; a large read at the file's start counts as a second) before
/// anything is fetched for it; its window then opens fast. A read that belongs to no line fetches nothing ahead; a few
/// of them in a row stop every line.
struct ReadAhead: Sendable {
    /// The sizes that decisions go by, in bytes.
    struct Limits: Sendable {
        let blockSize: UInt64
        let pieceSize: UInt64
    }

    /// What a read brought about.
    struct Plan: Sendable, Equatable {
        /// To fetch, most wanted first: each begins at a piece and crosses no block.
        var ranges: [Range<UInt64>] = []
        /// The run that they are fetched for.
        var run: UInt32 = 0
        /// Whether the read belongs to a line that is being followed.
        var isStreaming = false
        /// Whether the read's bytes were asked for before it came.
        var wasExpected = false
        /// Runs whose fetches nobody waits for any more.
        var abandoned: [UInt32] = []
    }

    /// From this size on a read is taken for part of a stream at its second appearance: the kernel's own read-ahead
    /// asks for 128 KiB and more, programs that look things up for less.
    static func largeRead(_ pieceSize: UInt64) -> UInt64 { 2 * pieceSize }

    /// Lines that are followed at once.
    static let runsMax = 8
    /// Reads in a row that belong to no line before all lines are given up: an archiver's look at the directory at the
    /// end of a file does not stop the stream in its middle.
    static let straysMax = 4
    /// Reads of other lines after which a line is given up.
    static let idleMax: UInt64 = 64

    private let limits: Limits
    /// The line read last comes first.
    private(set) var runs: [ReadRun] = []
    private var strays = 0
    /// A stream that has just lost its place to a new line.
    private var displaced: UInt32?
    private var clock: UInt64 = 0
    private var nextID: UInt32 = 1

    init(limits: Limits) {
        self.limits = limits
        runs.reserveCapacity(Self.runsMax)
    }

    /// Takes note of a read (not empty, within the blob) and says what should follow it.
    ///
    /// - Parameters:
    ///   - length: of the blob now, in bytes.
    ///   - blocksMax: how far ahead this handle may be at the moment, all its lines together.
    mutating func observe(_ read: Range<UInt64>, length: UInt64, blocksMax: Int) -> Plan {
        clock += 1
        var plan = Plan()
        guard let index = runs.firstIndex(where: { $0.accepts(read, limits) }) else {
            if !makeStrided(read) { begin(read) }
            return advance(plan, length: length, blocksMax: blocksMax)
        }
        plan.wasExpected = runs[index].expects(read)
        runs[index].take(read, limits)
        runs[index].lastUse = clock
        if index > 0 { runs.insert(runs.remove(at: index), at: 0) }
        return advance(plan, length: length, blocksMax: blocksMax)
    }

    /// Memory was short, or what was fetched was evicted before it was read: the run narrows, and asks again from
    /// `limit` on.
    mutating func shrink(run id: UInt32, to limit: UInt64) {
        guard let index = runs.firstIndex(where: { $0.id == id }) else { return }
        runs[index].shrink(to: limit, limits)
    }

    // MARK: Steps

    /// Lets the first run ask for more, and gives up those that nobody follows.
    private mutating func advance(_ plan: Plan, length: UInt64, blocksMax: Int) -> Plan {
        var plan = plan
        if let displaced { plan.abandoned.append(displaced) }
        displaced = nil
        let streaming = runs.count(where: \.isStreaming) + (runs[0].isStreaming ? 0 : 1)
        let share = blocksMax == 0 ? 0 : max(blocksMax / streaming, 1)
        plan.ranges = runs[0].advance(limits, length: length, blocksMax: share)
        plan.run = runs[0].id
        plan.isStreaming = runs[0].isStreaming
        if plan.isStreaming { strays = 0 }
        for index in runs.indices.dropFirst() where runs[index].isStreaming {
            guard strays >= Self.straysMax || clock - runs[index].lastUse > Self.idleMax else { continue }
            runs[index].stop()
            plan.abandoned.append(runs[index].id)
        }
        return plan
    }

    /// A read that belongs to no line may be the start of one.
    private mutating func begin(_ read: Range<UInt64>) {
        strays += 1
        if runs.count == Self.runsMax {
            // The oldest that is not streaming; a stream only if all are.
            let index = runs.lastIndex { !$0.isStreaming } ?? runs.count - 1
            if runs[index].isStreaming { displaced = runs[index].id }
            runs.remove(at: index)
        }
        runs.insert(ReadRun(id: nextID, read, pieceSize: limits.pieceSize, now: clock), at: 0)
        nextID &+= 1
    }

    /// Three lone reads of one size at equal distances begin a strided run. Each may still be the start of a stream of
    /// its own (several streams that take turns look the same at first), so that the first two stay what they are.
    private mutating func makeStrided(_ read: Range<UInt64>) -> Bool {
        // By hand, without an array of candidates: this runs for every random read that hits, and allocates nothing.
        for run in runs where run.isLone(of: read.count) {
            let middle = run.last.lowerBound
            let stride = Int64(bitPattern: read.lowerBound &- middle)
            guard stride.magnitude <= Self.strideBlocksMax * limits.blockSize else { continue }
            let wanted = middle &- UInt64(bitPattern: stride)
            guard runs.contains(where: { $0.last.lowerBound == wanted && $0.isLone(of: read.count) }) else { continue }
            begin(read)
            runs[0].becomeStrided(by: stride)
            return true
        }
        return false
    }

    /// The longest stride that is followed: further apart, streams that take turns are the likelier reason.
    private static let strideBlocksMax: UInt64 = 32
}
