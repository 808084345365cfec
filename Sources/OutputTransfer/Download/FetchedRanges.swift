/// Which ranges of a file are there, when they come in any order: how long its unbroken beginning is.
struct FetchedRanges: Sendable {
    /// Bytes from the beginning on without a gap.
    private(set) var prefix: UInt64
    /// What came out of turn: from start to end.
    private var ahead: [UInt64: UInt64] = [:]

    init(prefix: UInt64) { self.prefix = prefix }

    mutating func add(_ range: Range<UInt64>) {
        ahead[range.lowerBound] = range.upperBound
        while let end = ahead.removeValue(forKey: prefix) { prefix = end }
    }
}
