import BlobStorage
import OutputConventions
import Synchronization

/// What gathering remembers, with the time when it was asked: nothing of it is good for ever.
final class GatherMemory: Sendable {
    private struct State {
        var uploads: [UploadFolder: Upload] = [:]
        /// As the last listing named them.
        var named: [[UInt8]: UploadFolder] = [:]
        /// How often something was forgotten: an answer to an older question may be about what is gone.
        var generation: UInt64 = 0
        var blobstores: (names: [String], askedAt: Duration)?
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

    subscript(folder: UploadFolder) -> Upload? { state.withLock { $0.uploads[folder] } }

    /// - Parameter generation: that of the time before the question.
    func remember(_ upload: Upload, of folder: UploadFolder, generation: UInt64) {
        state.withLock { state in
            if case .confirmed = upload, state.generation != generation { return }
            if let known = state.uploads[folder], known.askedAt > upload.askedAt { return }
            state.uploads[folder] = upload
        }
    }

    /// That one is not confirmed stays known: it is good for a second, and who removes 10,000 files of it asks each time.
    func forget(_ folders: [UploadFolder]) {
        state.withLock { state in
            state.generation += 1
            for folder in folders {
                if case .confirmed? = state.uploads[folder] { state.uploads[folder] = nil }
            }
        }
    }

    func forgetUploads() {
        state.withLock { state in
            state.generation += 1
            state.uploads.removeAll()
        }
    }

    /// Takes over what a listing named, and forgets uploads that it did not find, unless they were asked for since.
    func remember(named: [[UInt8]: UploadFolder], among folders: [UploadFolder], listedAt: Duration) {
        let found = Set(folders)
        state.withLock { state in
            state.named = named
            guard state.uploads.count > found.count else { return }
            state.uploads = state.uploads.filter { found.contains($0.key) || $0.value.askedAt > listedAt }
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
