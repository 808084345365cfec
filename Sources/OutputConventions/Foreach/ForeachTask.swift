/// Which task of a foreach job a blob belongs to, and what it is of it.
package struct ForeachTask: Sendable, Hashable {
    package enum Identity: Sendable, Hashable, Comparable {
        /// The chunk of this number, from 1.
        case chunk(Int)
        /// The task that puts the results of all chunks together.
        case merge
    }

    package enum File: String, Sendable, Hashable {
        case result = "result.rds"
        case log = "log.txt"
        case stdout = "stdout.txt"
        case stderr = "stderr.txt"
        case arguments = "args.rds"
    }

    package let identity: Identity
    package let file: File
    /// Before 0.6.3 ids were `<c>-task<n>`, and not `<n>`.
    package let isOfOldRelease: Bool

    /// `nil` for blobs that belong to no task, and for numbers that no job reaches.
    package init?(blob: String, in container: String) {
        let parts = ForeachBlob.path(of: blob, in: container).utf8.split(
            separator: UInt8(ascii: "/"),
            omittingEmptySubsequences: false
        )
        guard parts.count == 3, parts[0].elementsEqual("tasks".utf8),
            let file = File(rawValue: String(Substring(parts[2])))
        else { return nil }
        self.file = file
        let id = parts[1]
        let (oldChunk, oldMerge) = ((container + "-task").utf8, (container + "-merge").utf8)
        isOfOldRelease = id.starts(with: oldChunk) || id.elementsEqual(oldMerge)
        if id.elementsEqual("merge".utf8) || id.elementsEqual(oldMerge) {
            identity = .merge
        } else {
            let digits = isOfOldRelease ? id.dropFirst(oldChunk.count) : id
            // Longer numbers are names that only look like one.
            guard digits.count <= 9, let number = Int(Substring(digits)) else { return nil }
            identity = .chunk(number)
        }
    }
}
