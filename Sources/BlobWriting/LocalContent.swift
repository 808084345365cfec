/// A part of a file and where its bytes are.
package enum Segment: Sendable, Hashable {
    /// In the spool.
    case local(Range<UInt64>)
    /// In the version of the blob that is being edited.
    case base(Range<UInt64>)
    /// Nowhere: never written, reads as zeros.
    case hole(Range<UInt64>)
}

/// Which bytes of a file are here, which are only in the store, and which were never written.
package struct LocalContent: Sendable {
    /// Smaller holes between written parts count as written: it bounds the list of a program that writes with a
    /// stride to one range per 64 KiB, and so small a hole saves nothing anyway.
    static let holeSizeMin: UInt64 = 64 << 10

    package private(set) var size: UInt64
    /// Bytes below are the base version's unless they are local; a truncation lowers it for good.
    private var baseLimit: UInt64
    private var local = RangeSet<UInt64>()
    /// Parts of `local` that are zeros in place of the base's bytes.
    private var zeros = RangeSet<UInt64>()

    package init(baseSize: UInt64) {
        size = baseSize
        baseLimit = baseSize
    }

    /// What a journal recorded. `local`: below the base's limit; all behind it is local.
    init(size: UInt64, baseLimit: UInt64, local: RangeSet<UInt64>) {
        (self.size, self.baseLimit) = (size, baseLimit)
        self.local = local
        self.local.remove(contentsOf: baseLimit..<UInt64.max)
        if baseLimit < size { self.local.insert(contentsOf: baseLimit..<size) }
    }

    package mutating func wrote(_ range: Range<UInt64>) {
        size = max(size, range.upperBound)
        local.insert(contentsOf: joined(range))
        zeros.remove(contentsOf: range)
    }

    /// The base version got longer, and the file with it; nothing of that is here.
    mutating func grewInStore(to newSize: UInt64) { (size, baseLimit) = (max(size, newSize), max(size, newSize)) }

    /// The range reads as zeros; the file gets longer only if `extends`.
    package mutating func zeroed(_ range: Range<UInt64>, extends: Bool) {
        if extends { size = max(size, range.upperBound) }
        let range = range.clamped(to: 0..<size)
        let overBase = range.clamped(to: 0..<baseLimit)
        local.remove(contentsOf: range)
        zeros.remove(contentsOf: range)
        guard !overBase.isEmpty else { return }
        local.insert(contentsOf: overBase)
        zeros.insert(contentsOf: overBase)
    }

    package mutating func truncated(to newSize: UInt64) {
        if newSize < size {
            local.remove(contentsOf: newSize..<size)
            zeros.remove(contentsOf: newSize..<size)
        }
        baseLimit = min(baseLimit, newSize)
        size = newSize
    }

    /// The base goes on where the file ends: a copy of another blob that is made piece by piece.
    mutating func extendBase(to newSize: UInt64) {
        size = newSize
        baseLimit = newSize
    }

    /// Nothing of the file is anywhere but in the base.
    var isBaseAlone: Bool { baseLimit == size && local.isEmpty }

    /// Bytes of the base version came into the spool. What was written meanwhile must not be asked for.
    package mutating func fetched(_ range: Range<UInt64>) { local.insert(contentsOf: range) }

    package func isLocal(_ range: Range<UInt64>) -> Bool {
        guard let first = firstIndex(endingAfter: range.lowerBound) else { return range.isEmpty }
        let found = local.ranges[first]
        return found.lowerBound <= range.lowerBound && found.upperBound >= range.upperBound
    }

    /// The parts of `range`, in order and without gaps; what lies behind the end of the file is left out.
    package func segments(of range: Range<UInt64>) -> [Segment] {
        let range = range.clamped(to: 0..<size)
        var (segments, position) = ([Segment](), range.lowerBound)
        var index = firstIndex(endingAfter: position) ?? local.ranges.endIndex
        while position < range.upperBound {
            let next = index < local.ranges.endIndex ? local.ranges[index] : range.upperBound..<range.upperBound
            let localStart = min(max(next.lowerBound, position), range.upperBound)
            appendAbsent(position..<localStart, to: &segments)
            let localEnd = min(next.upperBound, range.upperBound)
            if localStart < localEnd { segments.append(.local(localStart..<localEnd)) }
            position = max(localEnd, localStart)
            index += 1
        }
        return segments
    }

    /// As `segments`, with zeros in place of the base's bytes as holes, too, if they are `min` bytes or more.
    func segmentsWithZeros(of range: Range<UInt64>, min: UInt64) -> [Segment] {
        let segments = segments(of: range)
        guard !zeros.isEmpty else { return segments }
        return segments.flatMap { segment -> [Segment] in
            guard case .local(let local) = segment else { return [segment] }
            var (parts, position) = ([Segment](), local.lowerBound)
            for hole in zeros.intersection(RangeSet(local)).ranges where hole.upperBound - hole.lowerBound >= min {
                if position < hole.lowerBound { parts.append(.local(position..<hole.lowerBound)) }
                parts.append(.hole(hole))
                position = hole.upperBound
            }
            if position < local.upperBound { parts.append(.local(position..<local.upperBound)) }
            return parts
        }
    }

    /// The range is here, and a program wrote it, as far as that is known.
    func isWritten(_ range: Range<UInt64>) -> Bool {
        isLocal(range) && (zeros.isEmpty || zeros.intersection(RangeSet(range)).isEmpty)
    }

    /// What a commit has to fetch first.
    package var missing: [Range<UInt64>] {
        segments(of: 0..<min(size, baseLimit)).compactMap { if case .base(let range) = $0 { range } else { nil } }
    }

    private func appendAbsent(_ range: Range<UInt64>, to segments: inout [Segment]) {
        let base = range.clamped(to: 0..<baseLimit)
        if !base.isEmpty { segments.append(.base(base)) }
        let hole = range.clamped(to: baseLimit..<max(baseLimit, range.upperBound))
        if !hole.isEmpty { segments.append(.hole(hole)) }
    }

    /// The range and the small holes beside it.
    private func joined(_ range: Range<UInt64>) -> Range<UInt64> {
        var (lower, upper) = (range.lowerBound, range.upperBound)
        let after = firstIndex(endingAfter: lower) ?? local.ranges.endIndex
        if after > local.ranges.startIndex {
            let end = local.ranges[after - 1].upperBound
            if end >= baseLimit, lower - end < Self.holeSizeMin { lower = end }
        }
        if upper >= baseLimit, let next = firstIndex(endingAfter: upper) {
            let start = local.ranges[next].lowerBound
            if start > upper, start - upper < Self.holeSizeMin { upper = start }
        }
        return lower..<upper
    }

    /// The first local range that ends behind `position`.
    private func firstIndex(endingAfter position: UInt64) -> Int? {
        let ranges = local.ranges
        var (low, high) = (ranges.startIndex, ranges.endIndex)
        while low < high {
            let middle = (low + high) / 2
            if ranges[middle].upperBound > position { high = middle } else { low = middle + 1 }
        }
        return low < ranges.endIndex ? low : nil
    }
}
