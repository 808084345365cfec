package import BlobStorage

/// A committed block of the version that is edited, and where it lies in the file.
package struct BaseBlock: Sendable, Hashable {
    package let id: BlockID
    package let range: Range<UInt64>
    /// Its id stands for these bytes alone. One that is in the list twice may have been staged again in between: which
    /// of the two a new list would get is not ours to guess.
    package let isUnique: Bool

    /// The blocks of a list, in its order, without gaps from the beginning.
    package static func all(of list: [Block]) -> [BaseBlock] {
        var counts: [BlockID: Int] = [:]
        for block in list { counts[block.id, default: 0] += 1 }
        var position: UInt64 = 0
        return list.map { block in
            defer { position += block.byteCount }
            let range = position..<position + block.byteCount
            return BaseBlock(id: block.id, range: range, isUnique: counts[block.id] == 1)
        }
    }
}

/// Decides how a part of a file that is not in the store yet gets there with as few bytes on the wire as can be: which
/// blocks of the old version are named again, what the service copies, what is sent. A pure value.
///
/// A committed block that nobody touched costs an entry of the list; a longer piece of one that was touched a request
/// without a body (Put Block From URL); a shorter piece is fetched and sent with its neighbours, since a request and
/// one more block for ever cost more than its bytes.
struct BlockCutter {
    enum Piece: Sendable, Hashable {
        /// Sent from the spool.
        case spool(Range<UInt64>)
        /// Copied by the service.
        case copy(Range<UInt64>)
        /// A committed block, as it is.
        case kept(BaseBlock)
        /// Zeros.
        case hole(Range<UInt64>)
    }

    /// So many short blocks at the end of what is kept are joined: a log that is appended to by a line at a time would
    /// reach 50,000 blocks with its 50,000th line.
    static let shortBlockCountMax = 64

    let base: [BaseBlock]
    /// Shorter pieces of the old version are fetched, and shorter holes sent, in bytes.
    let copyMin: UInt64
    /// Blocks below are short, in bytes.
    let shortMax: UInt64
    /// The service takes Put Block From URL.
    let mayCopy: Bool

    private(set) var pieces: [Piece] = []
    /// What has to come into the spool first.
    private(set) var fetches: [Range<UInt64>] = []

    init(base: [BaseBlock], copyMin: UInt64, shortMax: UInt64, mayCopy: Bool) {
        (self.base, self.copyMin, self.shortMax, self.mayCopy) = (base, copyMin, shortMax, mayCopy)
    }

    mutating func cut(_ segments: [Segment]) {
        for segment in segments {
            switch segment {
            case .local(let range): addSpool(range)
            case .hole(let range) where range.upperBound - range.lowerBound >= copyMin: pieces.append(.hole(range))
            case .hole(let range): addSpool(range)
            case .base(let range): cutBase(range)
            }
        }
        if mayCopy { joinShortBlocks() }
    }

    private mutating func cutBase(_ range: Range<UInt64>) {
        var position = range.lowerBound
        var index = firstBlock(endingAfter: position)
        while index < base.count, base[index].range.upperBound <= range.upperBound {
            let block = base[index]
            if block.isUnique, block.range.lowerBound >= range.lowerBound, !block.range.isEmpty {
                addRest(position..<block.range.lowerBound)
                pieces.append(.kept(block))
                position = block.range.upperBound
            }
            index += 1
        }
        addRest(position..<range.upperBound)
    }

    /// Bytes of the base that are no whole block.
    private mutating func addRest(_ range: Range<UInt64>) {
        guard !range.isEmpty else { return }
        if mayCopy, range.upperBound - range.lowerBound >= copyMin {
            pieces.append(.copy(range))
        } else {
            fetches.append(range)
            addSpool(range)
        }
    }

    private mutating func addSpool(_ range: Range<UInt64>) {
        if case .spool(let last) = pieces.last, last.upperBound == range.lowerBound {
            pieces[pieces.count - 1] = .spool(last.lowerBound..<range.upperBound)
        } else {
            pieces.append(.spool(range))
        }
    }

    private mutating func joinShortBlocks() {
        guard let last = pieces.lastIndex(where: { $0.keptRange != nil }) else { return }
        var first = last + 1
        while first > 0, let range = pieces[first - 1].keptRange, range.upperBound - range.lowerBound < shortMax {
            first -= 1
        }
        guard last + 1 - first >= Self.shortBlockCountMax, let lower = pieces[first].keptRange?.lowerBound,
            let upper = pieces[last].keptRange?.upperBound
        else { return }
        pieces.replaceSubrange(first...last, with: [.copy(lower..<upper)])
    }

    private func firstBlock(endingAfter position: UInt64) -> Int {
        var (low, high) = (0, base.count)
        while low < high {
            let middle = (low + high) / 2
            if base[middle].range.upperBound > position { high = middle } else { low = middle + 1 }
        }
        return low
    }
}

extension BlockCutter.Piece {
    fileprivate var keptRange: Range<UInt64>? { if case .kept(let block) = self { block.range } else { nil } }
}
