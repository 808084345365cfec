/// How far the MD5 of the whole file has come, behind a sequential writer. MD5 cannot go back: a change of what was
/// hashed ends it, until a commit finds the file small enough to begin anew.
package struct HashProgress: Sendable, Hashable {
    /// Bytes below were hashed, or are being hashed now.
    package private(set) var claimed: UInt64 = 0
    /// The hash so far is good for nothing.
    package private(set) var isVoid = false

    package init() {}

    /// The next bytes to hash, at most `count` of those below `limit`.
    package mutating func claim(below limit: UInt64, count: UInt64) -> Range<UInt64>? {
        guard !isVoid, claimed < limit else { return nil }
        let range = claimed..<min(limit, claimed + count)
        claimed = range.upperBound
        return range
    }

    mutating func changed(from position: UInt64) {
        if position < claimed { isVoid = true }
    }

    mutating func end() { isVoid = true }

    mutating func restart() { self = HashProgress() }
}
