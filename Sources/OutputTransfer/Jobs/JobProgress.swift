internal import BlobStorage

/// How far a job's outputs are, from one look at its blobs; and, with a look before, whether they still change.
package struct JobProgress: Sendable {
    /// What has to be there.
    package struct Goal: Sendable {
        /// Below the job's folder; none: what the convention itself says of an end.
        package var patterns: [TreePattern]
        /// How many files or folders have to fit each pattern.
        package var count: Int

        package init(patterns: [TreePattern], count: Int) { (self.patterns, self.count) = (patterns, count) }
    }

    /// How many fit each pattern; counted up to what is wanted.
    package private(set) var found: [Int]
    package private(set) var files = 0
    /// Of foreach: the merged result is there.
    package private(set) var hasMergedResult = false
    /// Of foreach: what the merge task printed, which Batch puts there when it has ended.
    package private(set) var mergeLog: JobBlob?
    /// The same for the same blobs in the same versions, in whatever order they were listed.
    package private(set) var fingerprint: UInt64 = 0

    private let goal: [TreePattern]
    private let countMax: Int
    private var matched: [Set<NameBytes>]

    package init(_ goal: Goal) {
        (self.goal, countMax) = (goal.patterns, goal.count)
        found = goal.patterns.map { _ in 0 }
        matched = goal.patterns.map { _ in [] }
    }

    package mutating func add(_ blob: JobBlob) {
        files += 1
        fingerprint ^= blob.fingerprint
        if blob.task.map({ $0 == "merge" || $0.hasSuffix("-merge") }) ?? false {
            switch blob.names.last {
            case "result.rds": hasMergedResult = true
            case "log.txt": mergeLog = blob
            default: break
            }
        }
        for (index, pattern) in goal.enumerated() where found[index] < countMax {
            // A folder is there by what is in it.
            for count in 1...max(1, blob.names.count) where pattern.fitsPath(blob.names.prefix(count)) {
                matched[index].insert(NameBytes(blob.names.prefix(count).joined(separator: "/")))
            }
            found[index] = min(countMax, matched[index].count)
        }
    }

    /// Everything that was asked for is there.
    package var isReached: Bool { found.allSatisfy { $0 >= countMax } }

    /// Whether nothing was written, made or removed between two looks.
    package func isSame(as other: JobProgress) -> Bool { fingerprint == other.fingerprint && files == other.files }
}

extension TreePattern {
    /// Whether names fit, to their end.
    func fitsPath(_ names: ArraySlice<String>) -> Bool {
        guard names.count >= base.count, zip(base, names).allSatisfy({ $0.utf8.elementsEqual($1.utf8) }) else {
            return false
        }
        return fits(Array(names.dropFirst(base.count)))
    }
}
