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
}
