internal import OutputTree

/// What a mount's daemon is asked over its control socket, and what it says.
///
/// One request and one answer per connection, each one JSON object and the end of that direction. `version` is
/// raised when a field changes its meaning; fields may be added without.
enum ControlProtocol {
    static let version = 1
    /// A request is small; whoever sends more is no client of ours.
    static let requestSizeMax = 64 << 10
    /// An answer may list many files.
    static let answerSizeMax = 16 << 20
}

/// A request to a mount's daemon.
struct ControlRequest: Codable, Sendable, Equatable {
    enum Command: String, Codable, Sendable {
        /// How the mount is.
        case status
        /// Send what waits, then unmount.
        case unmount
        /// Send what waits, and go on.
        case drain
        /// One step of a mass delete.
        case remove
        /// Log from `logLevel` on.
        case logLevel
    }

    var version = ControlProtocol.version
    var command: Command
    /// Unmount: even while it is in use, or when not everything could be sent.
    var isLazy = false
    /// Unmount and drain: how long to wait for uploads, in seconds; without it the mount's own drain timeout.
    var timeout: Double?
    var removal: RemovalStep?
    /// One of swift-log's levels.
    var logLevel: String?
}

/// The answer to any request: one of the parts is there.
struct ControlAnswer: Codable, Sendable {
    var version = ControlProtocol.version
    /// Why the request was not understood.
    var refusal: String?
    var status: MountStatus?
    var unmount: UnmountReport?
    var drain: DrainAnswer?
    var removal: RemovalAnswer?
    var removalRefusal: RemovalRefusal?
    /// The level from now on.
    var logLevel: String?
}

/// What a drain left.
struct DrainAnswer: Codable, Sendable, Equatable {
    /// Files with bytes that are not in the store, and why.
    var pending: [PendingFile]
    /// Files that the journal keeps, and that this mount does not upload.
    var kept: [PendingFile]
}

/// How asking a mount to end went.
struct UnmountReport: Codable, Sendable, Equatable {
    enum Outcome: String, Codable, Sendable {
        case unmounted
        /// Somebody uses it: see `holders`. It goes on serving.
        case busy
        /// Files are not in the store yet: see `pending`. It goes on serving.
        case pending
        /// The kernel did not let go: see `message`.
        case failed
    }

    var outcome: Outcome
    /// Files with bytes that are not in the store, and why.
    var pending: [PendingFile] = []
    var holders: [MountHolder] = []
    var message: String?
}

/// A file with bytes that are not in the store yet.
struct PendingFile: Codable, Sendable, Equatable {
    var path: String
    var reason: String
}
