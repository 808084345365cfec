package import BlobStorage
package import LocalStore

/// A change of names that a process left unfinished, for this one alone as long as it is held.
package struct RecoveredName: Sendable {
    package enum Change: Sendable {
        case removal(BlobRemoval)
        case move(UnfinishedMove)
    }

    package let change: Change
    package let entry: NameEntry
    /// Of the process that left it: the account, or the container.
    package let owner: String
    /// For people: unique in the journal directory.
    package let name: String

    /// Where it changes names.
    package var containers: [String] {
        switch change {
        case .removal(let removal): [removal.blob.container]
        case .move(let move): [move.from.container, move.to.container]
        }
    }

    /// `nil` if the entry is a file's, or cannot be read.
    package init?(_ survivor: JournalSurvivors.Entry, scheduler: UploadScheduler) {
        self.init(survivor, threads: scheduler.disk)
    }

    package init?(_ survivor: JournalSurvivors.Entry, threads: WorkerThreads) {
        guard let content = try? survivor.entry.records() else { return nil }
        let records = content.payloads.map { NameRecord(payload: $0) }
        switch records.first {
        case .removal(let blob, let etag)?: change = .removal(BlobRemoval(blob: blob, etag: etag))
        case .move(let from, let to)?:
            var move = UnfinishedMove(from: from, to: to)
            for case let record? in records.dropFirst() { move.apply(record) }
            change = .move(move)
        default: return nil
        }
        entry = NameEntry(entry: survivor.entry, threads: threads)
        (owner, name) = (survivor.owner, survivor.name)
    }

    /// Does what is left to do, without a mount.
    package func carryOut(scheduler: UploadScheduler) async throws(StorageError) {
        let store = scheduler.store
        switch change {
        case .move(let move): try await MoveResolver(move, store: store).run { _ in }
        case .removal(let removal):
            do throws(StorageError) { try await store.delete(removal.blob, condition: .matches(removal.etag)) } catch {
                // Gone already, or somebody else's file.
                guard error.kind == .notFound || error.kind == .conditionFailed else { throw error }
            }
        }
        await entry.end()
    }
}
