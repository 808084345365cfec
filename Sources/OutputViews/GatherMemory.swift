import OutputConventions
import Synchronization

/// What gathering remembers: what cannot change, for as long as the mount lives; what can, with the time when it was asked.
final class GatherMemory: Sendable {
    private struct State {
        var confirmed: [UploadFolder: ConfirmedUpload] = [:]
        /// When each was asked.
        var unconfirmed: [UploadFolder: Duration] = [:]
        /// As the last listing named them.
        var named: [[UInt8]: UploadFolder] = [:]
        var blobstores: (names: [String], askedAt: Duration)?
    }

    enum Upload: Sendable {
        /// For ever.
        case confirmed(ConfirmedUpload)
        case unconfirmed(askedAt: Duration)
    }

    let uptime: @Sendable () -> Duration
    private let state = Mutex(State())

    init(uptime: @escaping @Sendable () -> Duration) { self.uptime = uptime }

    /// Folders that are no uploads, or not yet: any name that a program looks for below a datastore may be one. 3 MB; what
    /// is known of them is good for seconds.
    static let unconfirmedMax = 10_000

    subscript(folder: UploadFolder) -> Upload? {
        state.withLock { state in
            state.confirmed[folder].map { .confirmed($0) }
                ?? state.unconfirmed[folder].map { .unconfirmed(askedAt: $0) }
        }
    }

    func remember(_ upload: Upload, of folder: UploadFolder) {
        state.withLock { state in
            // What is confirmed stays so, whatever an answer says that is older.
            guard state.confirmed[folder] == nil else { return }
            switch upload {
            case .confirmed(let upload):
                state.confirmed[folder] = upload
                state.unconfirmed[folder] = nil
            case .unconfirmed(let askedAt):
                if state.unconfirmed.count >= Self.unconfirmedMax { state.unconfirmed = [:] }
                state.unconfirmed[folder] = askedAt
            }
        }
    }

    var unconfirmedCount: Int { state.withLock { $0.unconfirmed.count } }

    /// The upload that the last listing showed under this name.
    func upload(named name: String) -> UploadFolder? { state.withLock { $0.named[Array(name.utf8)] } }

    func remember(named: [[UInt8]: UploadFolder]) { state.withLock { $0.named = named } }

    /// The containers of workspaces' default datastores, if they were asked for since then.
    func blobstores(since: Duration) -> [String]? {
        state.withLock { state in state.blobstores.flatMap { $0.askedAt >= since ? $0.names : nil } }
    }

    func remember(blobstores: [String], askedAt: Duration) {
        state.withLock { $0.blobstores = (blobstores, askedAt) }
    }
}

/// An upload that its client has confirmed: jobs and assets refer to it, and nothing of it changes any more.
package struct ConfirmedUpload: Sendable, Hashable {
    /// Of the asset; `nil` if the client did not say.
    package let name: String?
    package let version: String?
    /// Of the blob that says so: seconds since the epoch.
    package let lastModified: Int64
    /// When this was asked, by the gatherer's clock: what was learned of its files before may be older.
    package let askedAt: Duration
}
