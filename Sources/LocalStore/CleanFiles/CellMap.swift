/// Which cells of one file are there, and which of them this process has seen to be right. A value without I/O.
///
/// One word for the 64 cells of a block (4 MiB of 64 KiB cells), in two arrays: 16 bytes for 4 MiB.
struct CellMap: Sendable {
    /// Cells of a block: what is evicted in one piece.
    static let cellsPerBlock = 64

    private(set) var cellCount: Int
    private var present: [UInt64]
    private var verified: [UInt64]
    private(set) var presentCount = 0
    private(set) var verifiedCount = 0

    init(cellCount: Int) {
        self.cellCount = cellCount
        present = Array(repeating: 0, count: Self.words(cellCount))
        verified = present
    }

    private static func words(_ cells: Int) -> Int { (cells + cellsPerBlock - 1) / cellsPerBlock }

    var isComplete: Bool { presentCount == cellCount }
    var isVerified: Bool { verifiedCount == cellCount }

    func contains(_ cell: Int) -> Bool { present[cell / 64] >> UInt64(cell % 64) & 1 == 1 }
    func isVerified(_ cell: Int) -> Bool { verified[cell / 64] >> UInt64(cell % 64) & 1 == 1 }

    /// Whether all of them are there; none is behind the end.
    func contains(_ cells: Range<Int>) -> Bool {
        guard cells.upperBound <= cellCount else { return false }
        return Self.allSatisfy(cells) { word, mask in present[word] & mask == mask }
    }

    mutating func insert(_ cells: Range<Int>, verified isVerified: Bool) {
        _ = Self.allSatisfy(cells) { word, mask in
            presentCount += (mask & ~present[word]).nonzeroBitCount
            present[word] |= mask
            if isVerified {
                verifiedCount += (mask & ~verified[word]).nonzeroBitCount
                verified[word] |= mask
            }
            return true
        }
    }

    mutating func remove(_ cells: Range<Int>) {
        _ = Self.allSatisfy(cells.clamped(to: 0..<cellCount)) { word, mask in
            presentCount -= (mask & present[word]).nonzeroBitCount
            verifiedCount -= (mask & verified[word]).nonzeroBitCount
            present[word] &= ~mask
            verified[word] &= ~mask
            return true
        }
    }

    /// The file is longer; a formerly short last cell is to be removed first.
    mutating func grow(to cells: Int) {
        guard cells > cellCount else { return }
        cellCount = cells
        let more = Array(repeating: UInt64(0), count: Self.words(cells) - present.count)
        present += more
        verified += more
    }

    func presentCount(inBlock block: Int) -> Int { present[block].nonzeroBitCount }

    /// The shortest run that has all cells of the range that are not there; empty when all are.
    func absent(in cells: Range<Int>) -> Range<Int> {
        guard let first = cells.first(where: { !contains($0) }), let last = cells.last(where: { !contains($0) }) else {
            return cells.lowerBound..<cells.lowerBound
        }
        return first..<last + 1
    }

    /// The first cell from `cell` on that this process has not seen to be right.
    func firstUnverified(from cell: Int) -> Int? {
        var at = cell
        while at < cellCount {
            let rest = ~verified[at / 64] >> UInt64(at % 64)
            if rest != 0 {
                let found = at + rest.trailingZeroBitCount
                return found < cellCount ? found : nil
            }
            at = (at / 64 + 1) * 64
        }
        return nil
    }

    /// Calls with each word that the cells lie in, and the bits of it, until one says no.
    private static func allSatisfy(_ cells: Range<Int>, _ body: (Int, UInt64) -> Bool) -> Bool {
        var at = cells.lowerBound
        while at < cells.upperBound {
            let end = min(cells.upperBound, (at / 64 + 1) * 64)
            let mask = (UInt64.max >> UInt64(64 - (end - at))) << UInt64(at % 64)
            guard body(at / 64, mask) else { return false }
            at = end
        }
        return true
    }
}
