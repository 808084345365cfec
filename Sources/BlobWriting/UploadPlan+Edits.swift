internal import BlobStorage

/// How a commit gets by without the bytes that the store has already.
extension UploadPlan {
    /// What the service copies with one request, unless 10,000 of them are too few: as much as it moves within a second
    /// or so.
    static let copySizeMin: UInt64 = 64 << 20
    /// What it is asked to copy in one request to make the list shorter.
    static let joinSizeMax: UInt64 = 256 << 20
    /// A list that was too long leaves room for so many more commits.
    static let joinHeadroom = 1_000

    /// Parts of the file are in the store only.
    package var needsBase: Bool { !content.missing.isEmpty }

    /// Before `flush`, for a file parts of which are in the store only: cuts all that is not in the store under a block
    /// id yet. `base`: the committed blocks of the version that is edited; empty where it has none, or they are known
    /// here. The answer is to be fetched first.
    package mutating func cutEdit(_ base: [BaseBlock], mayCopy: Bool) -> [Range<UInt64>] {
        // What is not here cannot be hashed; a hash that began is for a file that is.
        hashing.end()
        isEdited = true
        var fetches = recut(base, mayCopy: mayCopy)
        if mayCopy { joinBaseBlocks() }
        // The service does not help to make the list shorter: as if there were no base.
        if blocks.count > BlockLayout.blockCountMax { return content.missing }
        if let range = ensureOwnBlock(), !mayCopy { fetches.append(range) }
        return fetches
    }

    /// Cuts what no block covers, and anew what blocks that are not in the store cover, where not all of it is local.
    @discardableResult
    mutating func recut(_ base: [BaseBlock], mayCopy: Bool) -> [Range<UInt64>] {
        reopenShortBlocks()
        let gaps = gaps
        guard !gaps.allSatisfy({ $0.lowerBound >= cutEnd && content.isWritten($0) }) else {
            while cutEnd < content.size {
                cut(cutEnd..<min(content.size, cutEnd + layout.blockSize(after: blocks.count)), .held)
            }
            return []
        }
        var fetches: [Range<UInt64>] = []
        let cuts = gaps.map { gap in
            var cutter = BlockCutter(base: base, copyMin: copyMin, shortMax: layout.base / 8, mayCopy: mayCopy)
            cutter.cut(content.segmentsWithZeros(of: gap, min: copyMin))
            fetches += cutter.fetches
            return (gap: gap, pieces: cutter.pieces)
        }
        let zeros = ZeroUnit(pieces: cuts.flatMap(\.pieces), min: copyMin)
        zeroLeader = zeros.leader
        var (old, new) = (blocks[...], [Block]())
        for cut in cuts {
            while let block = old.first, block.range.upperBound <= cut.gap.lowerBound { new.append(old.removeFirst()) }
            while let block = old.first, block.range.lowerBound < cut.gap.upperBound { old.removeFirst() }
            for piece in cut.pieces { append(piece, zeros, to: &new) }
        }
        blocks = new + old
        return fetches
    }

    /// Runs of the file that are not in the store, blocks left out that stay as they are.
    private var gaps: [Range<UInt64>] {
        var gaps: [Range<UInt64>] = []
        func add(_ range: Range<UInt64>) {
            if let last = gaps.last, last.upperBound == range.lowerBound {
                gaps[gaps.count - 1] = last.lowerBound..<range.upperBound
            } else {
                gaps.append(range)
            }
        }
        for block in blocks where !block.isInStore {
            // Zeros whose one block did not get there may have been written to since.
            if case .zeros = block.state {
                add(block.range)
            } else if !content.isWritten(block.range) {
                add(block.range)
            }
        }
        if cutEnd < content.size { add(cutEnd..<content.size) }
        return gaps
    }

    private func append(_ piece: BlockCutter.Piece, _ zeros: ZeroUnit, to blocks: inout [Block]) {
        switch piece {
        case .kept(let block): blocks.append(Block(range: block.range, state: .kept(block.id), crc: nil))
        case .spool(let range):
            appendParts(of: range, to: &blocks) { layout.blockSize(after: $0) }
        case .copy(let range):
            let size = min(max(Self.copySizeMin, content.size / 10_000), BlockLayout.blockSizeMax)
            appendParts(of: range, to: &blocks, isCopy: true) { _ in size }
        case .hole(let range):
            var position = range.lowerBound
            while let leader = zeros.leader, range.upperBound - position >= zeros.size {
                let state: BlockState = position == leader ? .held : .zeros(leader: leader)
                blocks.append(Block(range: position..<position + zeros.size, state: state, crc: nil))
                position += zeros.size
            }
            appendParts(of: position..<range.upperBound, to: &blocks) { layout.blockSize(after: $0) }
        }
    }

    private func appendParts(
        of range: Range<UInt64>,
        to blocks: inout [Block],
        isCopy: Bool = false,
        size: (_ count: Int) -> UInt64
    ) {
        var position = range.lowerBound
        while position < range.upperBound {
            let part = position..<min(range.upperBound, position + size(blocks.count))
            blocks.append(Block(range: part, state: .held, crc: isCopy ? nil : knownChecksum(of: part), isCopy: isCopy))
            position = part.upperBound
        }
    }

    /// Has the service join neighbours from the front on, where a log's oldest bytes are, until the list fits.
    private mutating func joinBaseBlocks() {
        guard blocks.count > BlockLayout.blockCountMax else { return }
        var surplus = blocks.count - BlockLayout.blockCountMax + Self.joinHeadroom
        var joined: [Block] = []
        for block in blocks {
            let range = (joined.last?.range.lowerBound ?? 0)..<block.range.upperBound
            if surplus > 0, !joined.isEmpty, range.upperBound - range.lowerBound <= Self.joinSizeMax, isBase(range) {
                joined[joined.count - 1] = Block(range: range, state: .held, crc: nil, isCopy: true)
                surplus -= 1
            } else {
                joined.append(block)
            }
        }
        blocks = joined
    }

    private func isBase(_ range: Range<UInt64>) -> Bool { content.segments(of: range) == [.base(range)] }

    /// A list of old ids alone could be anybody's: were the answer to its commit lost, nobody could tell whether it is
    /// the one that is there.
    /// The block of the base that is put anew for that, if one is.
    private mutating func ensureOwnBlock() -> Range<UInt64>? {
        guard !blocks.contains(where: \.isNew), let index = blocks.lastIndex(where: { isBase($0.range) }) else {
            return nil
        }
        blocks[index] = Block(range: blocks[index].range, state: .held, crc: nil, isCopy: true)
        return blocks[index].range
    }
}

/// One block of zeros that stands for all others of its length.
private struct ZeroUnit {
    let size: UInt64
    /// Where the one lies that is sent.
    let leader: UInt64?

    /// As many entries as a list has room for, and no more zeros sent than that takes.
    private static let countMax: UInt64 = 4096

    init(pieces: [BlockCutter.Piece], min: UInt64) {
        let holes = pieces.compactMap { if case .hole(let range) = $0 { range } else { nil } }
        let total = holes.reduce(0) { $0 + $1.upperBound - $1.lowerBound }
        var size = Swift.max(min, 1)
        while size < BlockLayout.blockSizeMax, total / size > Self.countMax { size *= 2 }
        size = Swift.min(size, BlockLayout.blockSizeMax)
        self.size = size
        leader = holes.first { $0.upperBound - $0.lowerBound >= size }?.lowerBound
    }
}

extension UploadPlan.Block {
    /// Sent for the commit that comes, or for one whose success nobody heard of: named by no version that is known.
    var isNew: Bool {
        switch state {
        case .held, .ready, .inFlight, .staged: true
        case .kept, .committed, .zeros: false
        }
    }
}
