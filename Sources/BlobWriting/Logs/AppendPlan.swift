package import BlobStorage

/// How far an append blob has come with a file: what the journal keeps of a log.
///
/// Places in the data file and in the blob are the same until somebody else appends: then the bytes that wait here land
/// further behind than where they were written.
package struct AppendPosition: Sendable, Hashable {
    /// What has to be done before the first append. The numbers are those in the journal, for ever.
    package enum Start: UInt8, Sendable, Hashable {
        /// There was no blob: one is made, and one that others made meanwhile is appended to.
        case absent
        /// What is there goes: the log was truncated.
        case over
        /// The blob is there.
        case standing
        /// The blob is put anew in place, and all of its bytes once more, in few blocks.
        case rebuild
        /// That is under way.
        case rebuilding
    }

    package var start: Start
    /// In the data file: bytes below are in the blob.
    package var sent: UInt64 = 0
    /// The blob's length.
    package var end: UInt64 = 0
    /// Tells the blob from one that somebody made in its place; seconds since the epoch.
    package var creationTime: Int64?
    package var version: BlobVersion?
    /// In the data file: an append of the bytes from `sent` up to here, at `end`, is under way, or has lost its answer.
    package var underway: UInt64?

    package init(start: Start) { self.start = start }

    /// Whether these are the bytes of a blob that goes up again, and no file.
    package var isRebuild: Bool { start == .rebuild || start == .rebuilding }
}

/// Bytes of the data file on their way to a place in the blob.
package struct AppendPiece: Sendable, Hashable {
    package let range: Range<UInt64>
    package let place: UInt64
}

/// Decides how an append blob comes to hold a file: a pure value.
package struct AppendPlan: Sendable, Hashable {
    package enum Step: Sendable, Hashable {
        /// Nobody may write until `rebase`: others appended, and what is written here has no place yet.
        case hold
        case create(AppendPosition.Start)
        case append(AppendPiece)
        /// The blob has all the blocks that it may have.
        case compact
        /// All bytes are in the blob, at other places than here: the file is what the blob is from now on.
        case rebase
        case settled
    }

    /// The longest append that every version of the service takes, in bytes.
    package static let pieceMax: UInt64 = 4 << 20

    package private(set) var position: AppendPosition
    /// Committed blocks, as the store counted them last.
    package private(set) var blockCount: Int
    /// Of the service; lower in tests.
    package let blockCountMax: Int
    package private(set) var mustRebase: Bool
    /// An earlier attempt at the append that is under way lost its answer: it may be in the blob.
    package private(set) var isUnclear = false
    private var isFull = false
    /// Where the last write that was announced ends: the next may begin there although the bytes are not written yet.
    private var announced: UInt64 = 0

    /// A file without a blob, or one that was truncated.
    package init(start: AppendPosition.Start, blockCountMax: Int) {
        position = AppendPosition(start: start)
        (blockCount, mustRebase) = (0, false)
        self.blockCountMax = blockCountMax
    }

    /// Goes on behind what is there.
    package init(base: BlobProperties, blockCountMax: Int) {
        position = AppendPosition(start: .standing)
        (position.sent, position.end) = (base.length, base.length)
        (position.creationTime, position.version) = (base.creationTime, base.version)
        (blockCount, mustRebase) = (base.committedBlockCount ?? 0, false)
        self.blockCountMax = blockCountMax
    }

    /// As a journal tells it. How many blocks there are is known with the next answer.
    package init(_ position: AppendPosition, blockCountMax: Int) {
        self.position = position
        (blockCount, mustRebase) = (0, position.sent != position.end)
        isUnclear = position.underway != nil
        self.blockCountMax = blockCountMax
    }

    // MARK: What the program does

    /// Whether the file can stay a log. `size`: of the file before the write.
    package func permitsWrite(at offset: UInt64, size: UInt64) -> Bool {
        offset >= position.sent && offset <= max(size, announced)
    }

    package mutating func announce(_ range: Range<UInt64>) { announced = max(announced, range.upperBound) }

    /// What was not sent may be cut off; to nothing, and the log starts over.
    package func permitsTruncation(to newSize: UInt64, size: UInt64) -> Bool {
        newSize == 0 || (newSize >= position.sent && newSize <= size)
    }

    package mutating func truncated(to size: UInt64) {
        announced = size
        if size == 0, position.start != .absent { startOver() }
    }

    /// Nothing of what is there stays.
    package mutating func startOver() {
        position = AppendPosition(start: .over)
        (blockCount, mustRebase, isFull, isUnclear) = (0, false, false, false)
    }

    package func permitsZeros(in range: Range<UInt64>, size: UInt64) -> Bool {
        range.lowerBound >= position.sent && range.upperBound <= size
    }

    // MARK: What the store does

    /// What is next, so that everything below `limit` gets into the blob. `isHeld`: nobody writes meanwhile.
    package func step(limit: UInt64, isHeld: Bool) -> Step {
        if let underway = position.underway {
            return .append(AppendPiece(range: position.sent..<underway, place: position.end))
        }
        guard position.start == .standing || position.start == .rebuilding else { return .create(position.start) }
        if mustRebase, !isHeld { return .hold }
        guard position.sent < limit else { return mustRebase ? .rebase : .settled }
        if isFull || blockCount >= blockCountMax { return .compact }
        let range = position.sent..<min(limit, position.sent + Self.pieceMax)
        return .append(AppendPiece(range: range, place: position.end))
    }

    /// An empty blob is there, in the place of whatever was.
    package mutating func created(_ version: BlobVersion) {
        position.start = position.isRebuild ? .rebuilding : .standing
        (position.sent, position.end, position.version) = (0, 0, version)
        position.creationTime = nil
        (blockCount, isFull) = (0, false)
    }

    package mutating func began(_ piece: AppendPiece) {
        isUnclear = position.underway != nil
        position.underway = piece.range.upperBound
    }

    package mutating func appended(_ piece: AppendPiece, _ result: AppendResult) {
        (position.underway, isUnclear) = (nil, false)
        position.sent = piece.range.upperBound
        position.end = result.offset + UInt64(piece.range.count)
        position.version = result.version
        blockCount = result.committedBlockCount
    }

    /// This attempt was refused; what an earlier one did is as unclear as before.
    package mutating func refused() {
        if !isUnclear { position.underway = nil }
    }

    /// The service takes no more blocks.
    package mutating func filled() { isFull = true }

    /// What the blob is now, after a refusal because of the position. `landed`: the append that was under way is in it.
    package mutating func found(_ blob: BlobProperties, landed: Bool) {
        if landed, let underway = position.underway {
            position.end += underway - position.sent
            position.sent = underway
        }
        (position.underway, isUnclear) = (nil, false)
        let isOther = position.creationTime != nil && position.creationTime != blob.creationTime
        // Joined at its very beginning, an empty blob is as good as our own.
        mustRebase = mustRebase || isOther || blob.length != position.end || position.sent != position.end
        if !position.isRebuild { position.start = .standing }
        (position.end, position.version, position.creationTime) = (blob.length, blob.version, blob.creationTime)
        blockCount = blob.committedBlockCount ?? blockCount
        isFull = false
    }

    package mutating func learned(creationTime: Int64?) { position.creationTime = creationTime }

    package mutating func learned(_ version: BlobVersion) { position.version = version }

    /// Somebody removed the blob; every byte of the file is here.
    package mutating func lost() {
        position = AppendPosition(start: .absent)
        (blockCount, mustRebase, isFull, isUnclear) = (0, false, false, false)
    }

    /// The file is what the blob is, byte for byte and place for place.
    package mutating func rebased() {
        position.sent = position.end
        mustRebase = false
        announced = 0
    }

    /// The blob got longer while nothing waited here.
    package mutating func followed(_ blob: BlobProperties) {
        (position.sent, position.end, position.version) = (blob.length, blob.length, blob.version)
        blockCount = blob.committedBlockCount ?? blockCount
    }

    /// All of the blob's bytes go up again in its place, if it is still that version.
    package mutating func beginRebuild() {
        position.start = .rebuild
        (position.sent, position.underway, isUnclear) = (0, nil, false)
    }

    /// The blob that is rebuilt is empty, and whatever came since is somebody else's.
    package mutating func emptied(_ blob: BlobProperties) {
        position.start = .rebuilding
        (position.sent, position.end) = (0, 0)
        found(blob, landed: false)
    }

    /// Whether fewer blocks could hold so many bytes, with room for as many appends again as were made.
    package static func canCompact(length: UInt64, blockCountMax: Int) -> Bool {
        (length + pieceMax - 1) / pieceMax <= UInt64(blockCountMax) / 2
    }
}
