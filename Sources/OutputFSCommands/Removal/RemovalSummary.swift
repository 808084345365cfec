internal import OutputTree

/// What an `outputfs rm` did, or with `--dry-run` would do: its JSON.
struct RemovalSummary: Codable, Sendable, Equatable {
    var isDryRun: Bool
    /// Blobs that are gone, or would go; the markers of directories are among them.
    var count = 0
    /// In bytes.
    var size: UInt64 = 0
    /// Each of them, with `--dry-run` only.
    var blobs: [RemovalAnswer.Blob] = []
    /// What is still there, and why; and paths of which nothing was deleted.
    var failures: [RemovalAnswer.Failure] = []
    /// A signal came before the end.
    var isInterrupted = false

    mutating func add(_ answer: RemovalAnswer) {
        count += answer.blobs.count
        size += answer.blobs.reduce(0) { $0 + $1.size }
        if isDryRun { blobs += answer.blobs }
        failures += answer.failures
    }

    var text: String {
        let files = "\(count) file\(count == 1 ? "" : "s") (\(HumanUnits.bytes(size)))"
        var text = isDryRun ? "\(files) would be deleted" : "\(files) deleted"
        if !failures.isEmpty { text += ", \(failures.count) not" }
        return text + (isInterrupted ? "; interrupted" : "")
    }
}
