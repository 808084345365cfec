/// How long the blocks of a file are, so that any file fits into the 50,000 blocks of a blob.
///
/// Nobody knows how long a file gets while it is written, so blocks grow with their number: with a base of 8 MiB
///
///     blocks           length     the file reaches
///          0 ..< 25,000   8 MiB       195 GiB
///     25,000 ..< 37,500  64 MiB       977 GiB
///     37,500 ..< 43,750 512 MiB       4.0 TiB
///     43,750 ..< 50,000   4,000 MiB  27.8 TiB
///
/// A file that outgrows even that has its small blocks merged when it is committed (`UploadPlan.flush`): at most the
/// first 4 TiB go up a second time, and 50,000 blocks of 4,000 MiB are 190.7 TiB.
package struct BlockLayout: Sendable, Hashable {
    /// What a blob's block list may hold.
    package static let blockCountMax = 50_000
    /// What one Put Block may carry.
    package static let blockSizeMax: UInt64 = 4_000 << 20
    package static let fileSizeMax = UInt64(blockCountMax) * blockSizeMax

    /// The length of the first blocks, in bytes.
    package let base: UInt64

    package init(base: UInt64) {
        self.base = min(max(base, 1), Self.blockSizeMax)
    }

    /// The length of the block that follows on `count` others.
    package func blockSize(after count: Int) -> UInt64 {
        switch count {
        case ..<25_000: base
        case ..<37_500: min(base * 8, Self.blockSizeMax)
        case ..<43_750: min(base * 64, Self.blockSizeMax)
        default: Self.blockSizeMax
        }
    }

    /// Joins neighbours until the list fits, the small ones first. Blocks that stay alone stay as they are.
    package func merged(_ ranges: [Range<UInt64>], countMax: Int = blockCountMax) -> [Range<UInt64>] {
        var (merged, size) = (ranges, base)
        while merged.count > countMax, size < Self.blockSizeMax {
            size = min(size * 2, Self.blockSizeMax)
            // From the original blocks each time: joined to powers of two they would fill 4,000 MiB badly.
            merged = ranges.reduce(into: []) { list, range in
                if let last = list.last, range.upperBound - last.lowerBound <= size {
                    list[list.count - 1] = last.lowerBound..<range.upperBound
                } else {
                    list.append(range)
                }
            }
        }
        return merged
    }
}
