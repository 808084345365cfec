/// What became of one file of a transfer; told as it happens.
package struct TransferEvent: Sendable {
    package enum Kind: Sendable, Hashable {
        case done
        /// It was there already.
        case kept
        /// It would be moved: a dry run.
        case planned
        case failed(String)
    }

    package let source: String
    package let target: String
    package let byteCount: UInt64
    package let kind: Kind

    package init(source: String, target: String, byteCount: UInt64, kind: Kind) {
        (self.source, self.target, self.byteCount, self.kind) = (source, target, byteCount, kind)
    }
}

/// How far a transfer has come, in files and bytes.
package struct TransferCounters: Sendable, Hashable {
    /// What listings have brought so far.
    package var found = 0
    package var foundBytes: UInt64 = 0
    package var done = 0
    package var kept = 0
    package var failed = 0
    /// Files that were to be validated, and have no MD5 stored.
    package var withoutMD5 = 0
    /// Of files that were moved or kept, and of those under way.
    package var doneBytes: UInt64 = 0
    /// Everything has been listed: the totals are whole.
    package var isListed = false

    package init() {}
}
