internal import BlobStorage
internal import OutputConventions
internal import Synchronization

extension LuisyContainer {
    /// How often somebody else may be faster: each time they were through, so this only ends what never would.
    private static let triesMax = 100

    /// Reads a project's manifest, lets `change` change it, and saves it if it did; again from the beginning when somebody
    /// else saved theirs meanwhile, so that nobody's lines are lost.
    func updateManifest(
        of project: String,
        _ change: (StoredManifest?, inout LuisyManifest) async throws -> Void
    ) async throws {
        for attempt in 1... {
            let stored = try await manifest(of: project)
            var manifest = stored?.manifest ?? LuisyManifest()
            try await change(stored, &manifest)
            guard manifest != stored?.manifest ?? LuisyManifest() else { return }
            do {
                return try await save(manifest, of: project, over: stored)
            } catch let error as StorageError {
                let isRace = [.conditionFailed, .alreadyExists].contains(error.kind)
                guard isRace, attempt < Self.triesMax else { throw error }
            }
        }
    }
}

/// Puts the hashes of outputs into a manifest as they arrive in the store: one save at a time, and what comes while it is under
/// way goes with the next. A manifest of 6,000 lines is 600 KB; saved for each of them that would be 3.6 GB.
final class ManifestUpdates: Sendable {
    /// An output that is in the store and is to be named.
    struct Arrival: Sendable {
        let key: LuisyKey
        let hash: String
        /// The manifest's value when the upload was decided.
        let before: LuisyManifest.Value?
        /// What was uploaded, in these versions.
        let blobs: [(address: BlobAddress, etag: ETag)]
    }

    private struct Waiting {
        let arrival: Arrival
        let continuation: CheckedContinuation<Void, any Error>
    }

    private struct State {
        var waiting: [Waiting] = []
        var isSaving = false
    }

    private let container: LuisyContainer
    private let project: String
    private let state = Mutex(State())

    init(_ container: LuisyContainer, project: String) { (self.container, self.project) = (container, project) }

    /// Returns when the store's manifest names the output. Cancelling the task does not end it: the bytes are there, and without
    /// their line others would take them for those of the old one.
    func add(_ arrival: Arrival) async throws {
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            let begins = state.withLock { state in
                state.waiting.append(Waiting(arrival: arrival, continuation: continuation))
                defer { state.isSaving = true }
                return !state.isSaving
            }
            if begins { Task { await save() } }
        }
    }

    private func save() async {
        while true {
            let batch = state.withLock { state in
                defer { state.waiting = [] }
                if state.waiting.isEmpty { state.isSaving = false }
                return state.waiting
            }
            if batch.isEmpty { return }
            do {
                var overtaken: Set<LuisyKey> = []
                try await container.updateManifest(of: project) { _, manifest in
                    overtaken = []
                    for arrival in batch.map(\.arrival) {
                        if try await isOvertaken(arrival, manifest) {
                            overtaken.insert(arrival.key)
                        } else {
                            manifest[arrival.key] = .hash(arrival.hash)
                        }
                    }
                }
                for waiting in batch {
                    if overtaken.contains(waiting.arrival.key) {
                        waiting.continuation.resume(throwing: LuisyOvertaken())
                    } else {
                        waiting.continuation.resume()
                    }
                }
            } catch {
                for waiting in batch { waiting.continuation.resume(throwing: error) }
            }
        }
    }

    /// Whether somebody put other bytes in the place of what was uploaded, and said so: then their line is the right one.
    private func isOvertaken(_ arrival: Arrival, _ manifest: LuisyManifest) async throws -> Bool {
        let now = manifest[arrival.key]
        guard now != arrival.before, now != .hash(arrival.hash) else { return false }
        for blob in arrival.blobs {
            do throws(StorageError) {
                let there = try await container.store.properties(of: blob.address)
                if there.version.etag != blob.etag { return true }
            } catch {
                if error.kind == .notFound { return true }
                throw error
            }
        }
        return false
    }
}

/// Somebody else wrote the same output meanwhile.
struct LuisyOvertaken: Error, CustomStringConvertible {
    var description: String { "somebody else wrote it meanwhile; the store's stays as they left it" }
}
