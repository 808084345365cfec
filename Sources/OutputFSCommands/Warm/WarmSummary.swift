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
        /// What did not get to its disk cache in the last pass: the disk was slower than the store, or full.
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

    var bytesFromStore: UInt64 { mounts.compactMap(\.bytesFromStore).reduce(0, +) }

    var bytesNotSaved: UInt64 { mounts.compactMap(\.bytesNotSaved).reduce(0, +) }

    /// The mounts whose disk cache has room for what did not get there yet, by index.
    var lackingMounts: Set<Int> {
        guard !isInterrupted else { return [] }
        return Set(mounts.indices.filter { mounts[$0].bytesNotSaved ?? 0 > 0 && !mounts[$0].exceedsCache })
    }

    /// Adds one more pass over the same files, or some of them: they count once, the time and the fetches add up.
    mutating func add(_ later: WarmSummary) {
        seconds += later.seconds
        bytesPerSecond = seconds > 0 ? Double(bytes) / seconds : 0
        isInterrupted = later.isInterrupted
        for index in mounts.indices where later.mounts[index].files > 0 {
            let pass = later.mounts[index]
            mounts[index].bytesFromStore = mounts[index].bytesFromStore.map { $0 + (pass.bytesFromStore ?? 0) }
            // A pass that fetched nothing could not save what was missing either.
            if pass.bytesFromStore != 0 { mounts[index].bytesNotSaved = pass.bytesNotSaved }
        }
    }

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
        if bytesNotSaved > 0 { text += "; \(HumanUnits.bytes(bytesNotSaved)) did not get to the disk cache" }
        if failed > 0 { text += "; \(failed) could not be read" }
        return text
    }

    /// Success says that everything was read, and is on the disk of those mounts that have one and the room.
    var exitStatus: ExitStatus {
        isInterrupted ? .interrupted : failed > 0 || !lackingMounts.isEmpty ? .failure : .success
    }
}
