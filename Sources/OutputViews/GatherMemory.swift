import BlobStorage
import OutputConventions
import Synchronization

/// What gathering remembers, with the time when it was asked: nothing of it is good for ever.
final class GatherMemory: Sendable {
    private struct State {
        var confirmed: [UploadFolder: Confirmation] = [:]
        /// When each was asked.
        var unconfirmed: [UploadFolder: Duration] = [:]
        /// As the last listing named them.
        var named: [[UInt8]: UploadFolder] = [:]
        /// How often something was forgotten: an answer to an older question may be about what is gone.
        var generation: UInt64 = 0
        var blobstores: (names: [String], askedAt: Duration)?

        subscript(folder: UploadFolder) -> Upload? {
            confirmed[folder].map { .confirmed($0) } ?? unconfirmed[folder].map { .unconfirmed(askedAt: $0) }
        }
    }

    enum Upload: Sendable {
        case confirmed(Confirmation)
        case unconfirmed(askedAt: Duration)

        var askedAt: Duration {
            switch self {
            case .confirmed(let confirmation): confirmation.upload.checkedAt
            case .unconfirmed(let askedAt): askedAt
            }
        }
    }

    let uptime: @Sendable () -> Duration
    private let state = Mutex(State())

    init(uptime: @escaping @Sendable () -> Duration) { self.uptime = uptime }

    /// To be taken before the store is asked about uploads.
    var generation: UInt64 { state.withLock { $0.generation } }

    /// Folders that are no uploads, or not yet: any name that a program looks for below a datastore may be one. 3 MB; what
    /// is known of them is good for seconds.
    static let unconfirmedMax = 10_000

    var unconfirmedCount: Int { state.withLock { $0.unconfirmed.count } }

    subscript(folder: UploadFolder) -> Upload? { state.withLock { $0[folder] } }

    /// - Parameter generation: that of the time before the question.
    func remember(_ upload: Upload, of folder: UploadFolder, generation: UInt64) {
        state.withLock { state in
            if case .confirmed = upload, state.generation != generation { return }
            if let known = state[folder], known.askedAt > upload.askedAt { return }
            switch upload {
            case .confirmed(let confirmation):
                state.confirmed[folder] = confirmation
                state.unconfirmed[folder] = nil
            case .unconfirmed(let askedAt):
                state.confirmed[folder] = nil
                if state.unconfirmed.count >= Self.unconfirmedMax { state.unconfirmed = [:] }
                state.unconfirmed[folder] = askedAt
            }
        }
    }

    /// That one is not confirmed stays known: it is good for a second, and who removes 10,000 files of it asks each time.
    func forget(_ folders: [UploadFolder]) {
        state.withLock { state in
            state.generation += 1
            for folder in folders { state.confirmed[folder] = nil }
        }
    }

    func forgetUploads() {
        state.withLock { state in
            state.generation += 1
            state.confirmed.removeAll()
            state.unconfirmed.removeAll()
        }
    }

    /// Takes over what a listing named, and forgets uploads that it did not find, unless they were asked for since.
    func remember(named: [[UInt8]: UploadFolder], among folders: [UploadFolder], listedAt: Duration) {
        let found = Set(folders)
        state.withLock { state in
            state.named = named
            guard state.confirmed.count + state.unconfirmed.count > found.count else { return }
            state.confirmed = state.confirmed.filter { found.contains($0.key) || $0.value.upload.checkedAt > listedAt }
            state.unconfirmed = state.unconfirmed.filter { found.contains($0.key) || $0.value > listedAt }
        }
    }

    /// The upload that the last listing showed under this name.
    func upload(named name: String) -> UploadFolder? { state.withLock { $0.named[Array(name.utf8)] } }

    /// The containers of workspaces' default datastores, if they were asked for since then.
    func blobstores(since: Duration) -> [String]? {
        state.withLock { state in state.blobstores.flatMap { $0.askedAt >= since ? $0.names : nil } }
    }

    /// The same, however long ago.
    var blobstores: [String] { state.withLock { $0.blobstores?.names ?? [] } }

    func remember(blobstores: [String], askedAt: Duration) {
        state.withLock { $0.blobstores = (blobstores, askedAt) }
    }
}
