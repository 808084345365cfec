package import BlobStorage
internal import DequeModule

/// Decides how one file gets into the store: which blocks are cut from its bytes and when, under which id each is
/// staged, and what is committed. A pure value: it is told what happened and says what to do.
///
/// The life of a block:
///
///     ready ──► inFlight ──► staged ──► committed       a sequential writer's, and everybody's at a commit
///       ▲           │           │           │
///     held ◄────────┴───────────┴───────────┘           rewritten, or the store failed: waits for the next commit
///
/// Blocks cover the file from its beginning without gaps; what lies behind the last one is not cut yet. A block is
/// cut while the program writes once all its bytes are here, and no later than at the commit. Rewritten in the
/// background at most once per commit (then it is held), a block leaves at most one uncommitted leftover behind, so
/// that 50,000 of them stay below the 100,000 that the service keeps.
///
/// A write is announced before its bytes reach the spool (`beginWrite`): from then on what is on its way from there may
/// be torn, and its success counts for nothing.
package struct UploadPlan: Sendable {
    package struct Block: Sendable, Hashable {
        package internal(set) var range: Range<UInt64>
        package internal(set) var state: BlockState
        /// The CRC-64 of the bytes, where a sequential writer left it.
        package internal(set) var crc: UInt64?
        /// The service copies its bytes from the version that is edited, as far as they are not local by then.
        package internal(set) var isCopy = false
    }

    package enum BlockState: Sendable, Hashable {
        /// Sent only when the file is committed.
        case held
        /// To be sent.
        case ready
        case inFlight(serial: UInt32)
        case staged(serial: UInt32)
        case committed(serial: UInt32)
        /// A committed block of the version that is edited, by the id that it has there.
        case kept(BlockID)
        /// Zeros, in the store as soon as those of the block that begins there are.
        case zeros(leader: UInt64)
    }

    /// One Put Block to send, or one Put Block From URL.
    package struct Stage: Sendable, Hashable {
        package let serial: UInt32
        package let range: Range<UInt64>
        package let crc: UInt64?
        /// From the version that is edited, by the service.
        package let isCopy: Bool
        /// The commit that it was sent for; `nil` if it was sent while the program wrote.
        let flushNumber: Int?
    }

    /// What a failed stage means.
    package enum StageFailure: Sendable, Hashable {
        /// Nothing: its bytes changed meanwhile.
        case outdated
        case sentAgain
        /// The next commit sends it.
        case held
        case commitFailed
    }

    /// A write that was announced; to be handed back when its bytes are in the spool.
    package struct Write: Sendable {
        let range: Range<UInt64>
        /// Takes the bytes, if this write goes on where the last one ended.
        package var checksum: SequentialChecksum?
        fileprivate let checksumEpoch: Int
        /// Stages whose bytes change now: nobody needs them any more.
        package let outdated: [UInt32]
    }

    /// Past it the background stops staging. The rest up to the service's 100,000 belongs to the commit.
    static let backgroundStageCountMax = 95_000
    /// A writer that commits after every line leaves a short block each time; so many are joined again.
    static let shortBlockCountMax = 64

    let layout: BlockLayout
    let singlePutMax: UInt64
    /// Shorter pieces of the base are fetched, and shorter holes sent.
    let copyMin: UInt64
    package internal(set) var content: LocalContent
    package internal(set) var blocks: [Block] = []
    package internal(set) var hashing = HashProgress()
    /// First bytes of blocks that became ready; what changed since is skipped when it is taken.
    var readyQueue: Deque<UInt64> = []
    private var openWrites: [Range<UInt64>] = []
    private var checksum: SequentialChecksum?
    private var checksumEpoch = 0
    private var nextSerial: UInt32 = 0
    /// Blocks sent since the last commit under the present name: an upper bound of what the service keeps for it.
    private var stageCount = 0
    var isStagingInBackground = true
    /// The store refused a block for good; asking it again and again before the commit helps nobody.
    var isPaused = false
    var isFlushing = false
    var flushNumber = 0
    /// Blocks that the commit still waits for.
    var unsettledCount = 0
    /// The store holds blocks under this name with which ours cannot be mixed.
    var isBlocked = false
    /// The blocks of the base are among `blocks`, as far as they are still wanted.
    var isEdited = false
    /// Where the block of zeros begins that stands for others.
    var zeroLeader: UInt64?

    /// `singlePutMax`: a file up to this length goes up as one Put Blob. `copyMin`: pieces of the base from this length
    /// on are copied by the service, and holes made of one block of zeros.
    package init(baseSize: UInt64, layout: BlockLayout, singlePutMax: UInt64, copyMin: UInt64 = 256 << 10) {
        self.layout = layout
        self.singlePutMax = singlePutMax
        self.copyMin = copyMin
        content = LocalContent(baseSize: baseSize)
    }

    /// Where the uncut rest of the file begins.
    package var cutEnd: UInt64 { blocks.last?.range.upperBound ?? 0 }
    package var hasOpenWrites: Bool { !openWrites.isEmpty }
    package var hasReadyBlocks: Bool { !readyQueue.isEmpty }
    package var hasBytesToHash: Bool { !hashing.isVoid && hashing.claimed < hashLimit }
    /// Bytes below will not change, as far as can be told.
    var hashLimit: UInt64 { isFlushing ? content.size : cutEnd }

    // MARK: What the program does

    package mutating func beginWrite(_ range: Range<UInt64>) -> Write {
        let outdated = outdate(range)
        var write = Write(range: range, checksum: nil, checksumEpoch: checksumEpoch, outdated: outdated)
        if openWrites.isEmpty {
            if range.lowerBound == cutEnd {
                write.checksum = SequentialChecksum(at: cutEnd, after: blocks.count, layout: layout)
            } else if checksum?.next == range.lowerBound {
                write.checksum = checksum
            }
        }
        if write.checksum != nil { checksum = nil }
        openWrites.append(range)
        return write
    }

    /// `byteCount` bytes of the write are in the spool: fewer than announced when the disk refused the rest.
    package mutating func endWrite(_ write: Write, byteCount: UInt64) {
        if let index = openWrites.firstIndex(of: write.range) { openWrites.remove(at: index) }
        let written = write.range.lowerBound..<write.range.lowerBound + byteCount
        if !written.isEmpty { content.wrote(written) }
        if let returned = write.checksum, write.checksumEpoch == checksumEpoch, returned.next == written.upperBound {
            checksum = returned
        }
        cutSettledBlocks()
    }

    /// The file's size, or a stretch of zeros, is about to change; says which stages became useless.
    package mutating func beginChange(_ range: Range<UInt64>) -> [UInt32] { outdate(range) }

    /// The spool was cut or extended. Blocks behind the end are gone; one across it is cut anew.
    package mutating func truncated(to size: UInt64) {
        while let last = blocks.last, last.range.upperBound > size { blocks.removeLast() }
        content.truncated(to: size)
    }

    package mutating func zeroed(_ range: Range<UInt64>, extends: Bool) {
        content.zeroed(range, extends: extends)
    }

    /// Bytes of the base version came into the spool.
    package mutating func fetched(_ range: Range<UInt64>) { content.fetched(range) }

    // MARK: What the store does

    /// The next block to send.
    package mutating func takeStage() -> Stage? {
        while let start = readyQueue.popFirst() {
            guard let index = index(ofBlockAt: start), blocks[index].state == .ready else { continue }
            let serial = nextSerial
            nextSerial &+= 1
            stageCount += 1
            blocks[index].state = .inFlight(serial: serial)
            let range = blocks[index].range
            return Stage(
                serial: serial,
                range: range,
                crc: blocks[index].crc,
                isCopy: blocks[index].isCopy && !content.isLocal(range),
                flushNumber: isFlushing ? flushNumber : nil
            )
        }
        return nil
    }

    /// The store has the block; of no effect if its bytes changed since.
    package mutating func staged(_ stage: Stage) {
        guard let index = index(of: stage) else { return }
        blocks[index].state = .staged(serial: stage.serial)
        if isFlushing { unsettledCount -= 1 }
        guard let leader = zeroLeader, leader == stage.range.lowerBound else { return }
        for other in blocks.indices where blocks[other].state == .zeros(leader: leader) {
            blocks[other].state = .staged(serial: stage.serial)
        }
    }

    /// The store does not have the block. During a commit one that was sent before it gets a second chance at once;
    /// else it is sent with the next commit.
    package mutating func failed(_ stage: Stage) -> StageFailure {
        guard let index = index(of: stage) else { return .outdated }
        guard isFlushing, stage.flushNumber != flushNumber else {
            blocks[index].state = .held
            return isFlushing ? .commitFailed : .held
        }
        blocks[index].state = .ready
        readyQueue.append(stage.range.lowerBound)
        return .sentAgain
    }

    /// What is staged is lost, or under another name: everything is sent again, with the next commit.
    package mutating func restageAll() -> [UInt32] {
        let outdated = blocks.indices.compactMap { hold($0) }
        readyQueue.removeAll()
        stageCount = 0
        // What the base has of them is to be asked for anew.
        if needsBase { blocks.removeAll() }
        isEdited = false
        return outdated
    }

    /// The same bytes have another version, perhaps put together from other blocks under the same ids: which, is to be
    /// asked for anew.
    mutating func forgetKeptBlocks() {
        for index in blocks.indices {
            if case .kept = blocks[index].state { blocks[index].state = .held }
        }
        isEdited = false
    }

    /// Ids up to this one were used by an earlier process.
    mutating func skipSerials(through serial: UInt32) { nextSerial = max(nextSerial, serial &+ 1) }

    /// A million numbers are for each process that had the file, which so many did before this one: 4,096 have their own.
    mutating func beginSerials(after processes: UInt32) { nextSerial = processes << 20 }

    /// Nothing is sent any more before a commit, and nothing at all if there will be none.
    package mutating func stopStaging() -> [UInt32] {
        isStagingInBackground = false
        hashing.end()
        readyQueue.removeAll()
        return blocks.indices.compactMap { index in
            switch blocks[index].state {
            case .ready, .inFlight: hold(index)
            case .held, .staged, .committed, .kept, .zeros: nil
            }
        }
    }

    /// The store refuses our blocks beside those that another writer left under this name.
    package mutating func blockStaging() {
        isBlocked = true
        holdReadyBlocks()
    }

    /// Nothing more is sent before the next commit.
    package mutating func pauseStaging() {
        isPaused = true
        holdReadyBlocks()
    }

    package mutating func unblockStaging() {
        isBlocked = false
        stageCount = 0
    }

    mutating func forgetStageCount() { stageCount = 0 }

    mutating func holdReadyBlocks() {
        readyQueue.removeAll()
        for index in blocks.indices where blocks[index].state == .ready { blocks[index].state = .held }
    }

    // MARK: Cutting

    /// Cuts what a writer has left behind, so that it can be sent while he goes on.
    private mutating func cutSettledBlocks() {
        guard isStagingInBackground, !isBlocked, !isPaused, !isFlushing, content.size > singlePutMax else { return }
        while stageCount + readyQueue.count < Self.backgroundStageCountMax {
            let range = cutEnd..<cutEnd + layout.blockSize(after: blocks.count)
            guard content.isLocal(range), !openWrites.contains(where: { $0.overlaps(range) }) else { return }
            cut(range, .ready)
            readyQueue.append(range.lowerBound)
        }
    }

    mutating func cut(_ range: Range<UInt64>, _ state: BlockState) {
        blocks.append(Block(range: range, state: state, crc: checksum?.value(of: range)))
        checksum?.forget(before: range.upperBound)
    }

    func knownChecksum(of range: Range<UInt64>) -> UInt64? { checksum?.value(of: range) }

    // MARK: Parts

    /// The bytes of the range change: what was derived from them is void.
    private mutating func outdate(_ range: Range<UInt64>) -> [UInt32] {
        checksumEpoch += 1
        if let covered = checksum?.covered, covered.overlaps(range) || covered.contains(range.lowerBound) {
            checksum = nil
        }
        hashing.changed(from: range.lowerBound)
        var outdated: [UInt32] = []
        var index = firstIndex(endingAfter: range.lowerBound)
        while index < blocks.count, blocks[index].range.lowerBound < range.upperBound {
            blocks[index].crc = nil
            if let serial = hold(index) { outdated.append(serial) }
            index += 1
        }
        return outdated
    }

    /// Puts a block back; the serial number if it was on its way.
    mutating func hold(_ index: Int) -> UInt32? {
        let state = blocks[index].state
        blocks[index].state = .held
        return if case .inFlight(let serial) = state { serial } else { nil }
    }

    private func index(of stage: Stage) -> Int? {
        guard let index = index(ofBlockAt: stage.range.lowerBound) else { return nil }
        return blocks[index].state == .inFlight(serial: stage.serial) ? index : nil
    }

    private func index(ofBlockAt start: UInt64) -> Int? {
        let index = firstIndex(endingAfter: start)
        return index < blocks.count && blocks[index].range.lowerBound == start ? index : nil
    }

    private func firstIndex(endingAfter position: UInt64) -> Int {
        var (low, high) = (0, blocks.count)
        while low < high {
            let middle = (low + high) / 2
            if blocks[middle].range.upperBound > position { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
