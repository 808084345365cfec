import BlobStorage
import BlobWriting
import FileSystemModel
import Glibc
import LocalStore
import Logging
import Synchronization

/// The blobs of files that were unlinked while they were open: in the store for those who read on, until the last handle
/// is gone. Kept until the store has deleted them, so that status can name them and a drain send what is left; and in the
/// journal, so that the next mount does it if this one cannot.
final class HeldBlobs: Sendable {
    struct Removal: Sendable {
        let node: FileNode
        /// Says that the version is to go, as long as it is not gone.
        let entry: NameEntry
        /// By another process: of what it knew of the file nothing is known but the version.
        var isRecovered = false
        var failedAttempts = 0
        var lastError: String?
    }

    private let removals = Mutex<[NodeID: Removal]>([:])

    func insert(_ removal: Removal) { removals.withLock { $0[removal.node.id] = removal } }
    func remove(_ node: FileNode) -> Removal? { removals.withLock { $0.removeValue(forKey: node.id) } }
    func contains(_ node: FileNode) -> Bool { removals.withLock { $0[node.id] != nil } }
    func isRecovered(_ node: FileNode) -> Bool { removals.withLock { $0[node.id]?.isRecovered == true } }

    func noteFailure(_ node: FileNode, _ error: FileSystemError) {
        removals.withLock { removals in
            removals[node.id]?.failedAttempts += 1
            removals[node.id]?.lastError = error.reason
        }
    }

    var all: [Removal] { removals.withLock { Array($0.values) } }
    /// Those that nobody has open any more.
    var due: [FileNode] { all.map(\.node).filter { $0.withState { $0.openCount == 0 } } }

    /// The unlinked file whose blob has this name.
    func holder(of address: BlobAddress) -> FileNode? { all.map(\.node).first { $0.address == address } }
}

extension FileState {
    /// Whether those who have the file open may read bytes that only its blob has.
    var readsStoredBlob: Bool {
        guard openCount > 0, let facts, facts.length > 0 else { return false }
        // What was sent of a log is no longer here.
        if let local { return local.needsOwnBase || local.isLog }
        // The kernel reads a whole local copy, which stays as long as it does.
        return openCount > backedCount
    }
}

extension OutputFileSystem {
    /// The file is open, and its blob is what its readers read: it stays for them, under a name that nobody sees here. From
    /// here on it goes, whatever becomes of this process. For callers that hold the node's lock.
    func holdBlob(of node: FileNode) async throws(FileSystemError) {
        let (address, facts) = node.withState { ($0.address, $0.facts) }
        guard let facts else { return }
        do throws(LocalStoreError) {
            let entry = try await NameEntry(.removal(address, facts.etag), scheduler: uploads)
            held.insert(HeldBlobs.Removal(node: node, entry: entry))
        } catch { throw FileSystemError(error) }
    }

    /// What a process that is gone had unlinked: its name stays away, and the blob goes.
    func recover(_ removal: BlobRemoval, _ entry: NameEntry) {
        logger.notice("\(removal.blob) was unlinked while it was open: it is being deleted")
        let version = BlobVersion(etag: removal.etag, lastModified: 0)
        let (now, facts) = (clock.monotonic(), FileFacts(BlobProperties(version: version, length: 0)))
        var state = FileState(address: removal.blob, facts: facts, learnedAt: now)
        (state.isUnlinked, state.isRemovalPending) = (true, true)
        let node = nodes.insert(state)
        nodes.detach(node)
        held.insert(HeldBlobs.Removal(node: node, entry: entry, isRecovered: true))
        changes.record(file: removal.blob, .held(node), at: now)
        removeHeldBlob(node)
        nodes.forget(node.id, count: 1)
    }

    /// The last handle of an unlinked file is gone: now the store may forget its blob.
    func removeHeldBlob(_ node: FileNode) {
        background.run(node) { [self] in await attemptRemoval(node) }
    }

    /// One attempt to delete the version that was unlinked; `done` also if it is gone already, or another file has its
    /// place.
    func attemptRemoval(_ node: FileNode) async -> BackgroundCommits.Outcome {
        do throws(FileSystemError) {
            try await removeHeld(node)
            return .done
        } catch { return BackgroundCommits.Outcome(after: error) }
    }

    /// As `attemptRemoval`, for who must not go on while the blob is there.
    func removeHeld(_ node: FileNode) async throws(FileSystemError) {
        do throws(FileSystemError) {
            try await node.changes.withLock { () async throws(FileSystemError) in
                guard held.contains(node) else { return }
                let isGone = try await deleteVersion(of: node)
                let removal = held.remove(node)
                if isGone {
                    changes.release(node, node.address, at: clock.monotonic())
                } else if case .held(let holder) = changes.file(node.address, since: .zero), holder === node {
                    // The name is somebody else's file now.
                    changes.forget(file: node.address)
                }
                node.withState { $0.isRemovalPending = false }
                await removal?.entry.end()
            }
        } catch {
            if !Task.isCancelled { held.noteFailure(node, error) }
            throw error
        }
    }

    /// `false` if another file has its name.
    private func deleteVersion(of node: FileNode) async throws(FileSystemError) -> Bool {
        // Every further round is one more append or change of metadata by somebody else.
        for _ in 0..<3 {
            let (address, facts) = node.withState { ($0.address, $0.facts) }
            guard let facts else { return true }
            do throws(StorageError) {
                try await store.delete(address, condition: .matches(facts.etag))
                return true
            } catch {
                if error.kind == .notFound { return true }
                guard error.kind == .conditionFailed else { throw failure(error, "unlink", address.description) }
                // Whether somebody changed this file or made another one, nobody here can tell any more.
                if held.isRecovered(node) { return false }
            }
            guard try await learnVersion(of: node, at: address, after: facts) else { return false }
        }
        throw FileSystemError(errno: EBUSY, "\(node.address) changes faster than it can be deleted")
    }

    /// Whether the file's blob is there still, as a newer version of the same file.
    private func learnVersion(
        of node: FileNode,
        at address: BlobAddress,
        after facts: FileFacts
    ) async throws(FileSystemError) -> Bool {
        // Once the name was given away here, what is there now is another file.
        guard case .held(let holder) = changes.file(address, since: .zero), holder === node else { return false }
        do throws(StorageError) {
            let newer = FileFacts(try await store.properties(of: address))
            switch facts.relation(to: newer) {
            case .same, .grown: break
            // All empty blobs have the same bytes: that tells nothing.
            case .sameBytes: if newer.length == 0 { return false }
            case .replaced: return false
            }
            node.withState { $0.facts = newer }
            return true
        } catch {
            if error.kind == .notFound { return false }
            throw failure(error, "unlink", address.description)
        }
    }
}
