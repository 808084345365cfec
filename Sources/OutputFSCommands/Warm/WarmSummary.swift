/// How a warming ended: what `outputfs warm` prints last, and with `--json` instead of anything else.
struct WarmSummary: Codable, Sendable, Equatable {
    /// A file or directory that could not be read.
    struct Failure: Codable, Sendable, Equatable {
        var path: String
        var reason: String
    }

    /// What one of the mounts had to do with it.
    struct Mount: Codable, Sendable, Equatable {
        var mountPoint: String
        /// `nil`: nothing is kept on disk.
        var cacheDirectory: String?
        /// Bytes that the disk cache may hold, or memory where there is none; `nil`: its process is not this user's.
        var capacity: UInt64?
        var files: Int
        /// Bytes read through this mount.
        var bytes: UInt64
        /// Bytes that its process fetched meanwhile, for whomever.
        var bytesFromStore: UInt64?
        /// Of these, what did not get to its disk cache: the disk was slower than the store, or full. A second run
        /// brings what is missing.
        var bytesNotSaved: UInt64?
        /// More was read than the cache may hold: what was read first is partly gone again.
        var exceedsCache: Bool
    }

    /// Read to their ends.
    var files: Int
    var bytes: UInt64
    var seconds: Double
    var bytesPerSecond: Double
    /// Ended by a signal before everything was read.
    var isInterrupted: Bool
    /// How many could not be read, and the first `failuresMax` of them.
    var failed: Int
    var failures: [Failure]
    var mounts: [Mount]

    /// A mount whose store is away fails with every file: a report needs no million of them.
    static let failuresMax = 1_000

    /// For people.
    var text: String {
        var text = isInterrupted ? "Interrupted: " : ""
        text += "\(files) file\(files == 1 ? "" : "s") with \(HumanUnits.bytes(bytes)) "
        text += "in \(HumanUnits.age(seconds: Int(seconds.rounded()))) (\(HumanUnits.bytes(UInt64(bytesPerSecond)))/s)"
        let fromStore = mounts.compactMap(\.bytesFromStore)
        if fromStore.count == mounts.count, bytes > 0 {
            let total = fromStore.reduce(0, +)
            text += total == 0 ? "; all of it was here already" : "; \(HumanUnits.bytes(total)) came from the store"
        }
        let notSaved = mounts.compactMap(\.bytesNotSaved).reduce(0, +)
        if notSaved > 0 { text += "; \(HumanUnits.bytes(notSaved)) did not get to the disk cache in time: warm again" }
        if failed > 0 { text += "; \(failed) could not be read" }
        return text
    }

    var exitStatus: ExitStatus { isInterrupted ? .interrupted : failed > 0 ? .failure : .success }
}
