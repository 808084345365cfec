internal import OutputTree

/// What a mount's daemon says of itself: an element of `outputfs status --json`.
struct MountStatus: Codable, Sendable {
    enum State: String, Codable, Sendable {
        case serving
        /// Asked to end, and sending what waits.
        case draining
        /// Gone; only a status file says so.
        case ended
    }

    var mountPoint: String
    /// Account or container, as in /proc/mounts; without secrets.
    var source: String
    /// Of the keeper: the process that signals are sent to, and with which the mount ends.
    var processID: Int32
    /// Of the one that serves it, and is followed by another if it is killed.
    var workerProcessID: Int32
    /// Processes that served it before and were killed.
    var restarts: Int
    /// What became of the last of them.
    var lastEnd: String?
    var programVersion: String
    /// Seconds since the epoch.
    var mountedAt: Int
    var isReadOnly: Bool
    var journalDirectory: String
    /// What close and fsync wait for: `commit` or `journal`.
    var durability: String
    var logFile: String?
    /// From which level on something is logged; absent from daemons of earlier versions.
    var logLevel: String?
    /// In seconds.
    var drainTimeout: Double
    /// For how many seconds the SAS or the token is good as it is; absent for what does not end, and without a token.
    var credentialRemaining: Double?
    var state: State
    var tree: TreeStatus
    var cache: CacheStatus
    /// `nil` without `--cache-dir`.
    var diskCache: DiskCacheStatus?
    var uploads: UploadsStatus
    /// Of all accounts together.
    var store: StoreStatus
    /// Containers of other accounts; absent from daemons of earlier versions.
    var datastores: [DatastoreStatus]?
    /// Requests of the kernel so far, by the names of <linux/fuse.h> in small letters.
    var kernelRequests: [String: UInt64]
    /// Requests of the kernel that wait for an answer.
    var kernelRequestsWaiting: Int
    /// Opens since the mount began that the kernel reads by itself from the local disk: none of their reads is counted
    /// anywhere here.
    var passthroughOpens: UInt64
}

/// What is on its way into the store, and what arrived there since the mount began.
struct UploadsStatus: Codable, Sendable, Equatable {
    var commitsRunning: Int
    var blocksInFlight: Int
    /// Bytes in blocks that arrived, committed or not.
    var bytesStaged: UInt64
    var filesCommitted: UInt64
    var bytesCommitted: UInt64
}

/// What was asked of the store: what it costs.
struct StoreStatus: Codable, Sendable, Equatable {
    /// Attempts by the operation's name in the REST reference.
    var requests: [String: Int]
    var retries: Int
    var failures: Int
    var bytesReceived: UInt64
    var bytesSent: UInt64
}

/// What was asked of a container of another account.
struct DatastoreStatus: Codable, Sendable, Equatable {
    /// Of the datastores that are in it.
    var names: [String]
    /// Its URL, without secrets.
    var container: String
    var store: StoreStatus
    /// As that of the mount's own account.
    var credentialRemaining: Double?
}
