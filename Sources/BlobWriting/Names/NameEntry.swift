package import LocalStore
internal import Synchronization

/// What makes a change of names outlive its process: an entry of the journal with a log, and no bytes.
package final class NameEntry: Sendable {
    private let entry: JournalEntry
    private let threads: WorkerThreads
    /// Records that nobody waits for: they go with the next.
    private let backlog = Mutex<[NameRecord]>([])

    /// The record is on this machine when this returns: it survives the process, and is not waited for on the disk.
    package init(_ record: NameRecord, scheduler: UploadScheduler) async throws(LocalStoreError) {
        let journal = scheduler.journal
        threads = scheduler.disk
        entry = try await threads.perform { () throws(LocalStoreError) in
            let entry = try journal.makeEntry()
            do throws(LocalStoreError) { try entry.append([record.payload]) } catch {
                entry.remove()
                throw error
            }
            return entry
        }
    }

    /// Goes on with what another process left.
    init(entry: JournalEntry, threads: WorkerThreads) { (self.entry, self.threads) = (entry, threads) }

    /// For what is certain anyway: written with the next `note`.
    package func noteLater(_ record: NameRecord) { backlog.withLock { $0.append(record) } }

    /// Written when this returns. `isSafe`: and on the disk, whatever happens to the power.
    package func note(_ record: NameRecord, isSafe: Bool = false) async throws(LocalStoreError) {
        let records = backlog.withLock { backlog in
            defer { backlog = [] }
            return backlog + [record]
        }
        let entry = entry
        try await threads.perform { () throws(LocalStoreError) in
            try entry.append(records.map(\.payload))
            if isSafe { try entry.synchronizeLog() }
        }
    }

    /// It is done, or will not be: nothing is left for another process to do.
    package func end() async {
        let entry = entry
        await threads.perform { entry.remove() }
    }
}
