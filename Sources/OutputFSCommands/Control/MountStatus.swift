internal import OutputTree

/// What a mount's daemon says of itself: an element of `outputfs status --json`.
struct MountStatus: Codable, Sendable {
    enum State: String, Codable, Sendable {
        case serving
        /// Asked to end, and sending what waits.
        case draining
    }

    var mountPoint: String
    /// Account or container, as in /proc/mounts; without secrets.
    var source: String
    var processID: Int32
    var programVersion: String
    /// Seconds since the epoch.
    var mountedAt: Int
    var isReadOnly: Bool
    var spoolDirectory: String
    var logFile: String?
    /// In seconds.
    var drainTimeout: Double
    var state: State
    var tree: TreeStatus
    var cache: CacheStatus
    var uploads: UploadsStatus
    var store: StoreStatus
    /// Requests of the kernel so far, by the names of <linux/fuse.h> in small letters.
    var kernelRequests: [String: UInt64]
    /// Requests of the kernel that wait for an answer.
    var kernelRequestsWaiting: Int
}

/// What is kept in memory, and what it saved.
struct CacheStatus: Codable, Sendable, Equatable {
    /// Bytes.
    var resident: UInt64
    var budget: UInt64
    /// Reads answered from memory, and those that had to wait for the store.
    var hits: UInt64
    var misses: UInt64
    /// Bytes handed to readers.
    var served: UInt64
    /// Bytes fetched ahead of any reader, and how many of them for nothing.
    var readAhead: UInt64
    var readAheadWaste: UInt64
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
