internal import Glibc
internal import Synchronization

/// The part of a journal directory that belongs to one living process: `DIR/<id>/`, with the file `owner`, which that
/// process keeps locked and which says for whom the bytes are.
package final class JournalFolder: Sendable {
    package let path: String
    private let owner: Int32
    private let threads: WorkerThreads
    private let gate: FileGate
    private let ownerLine: OwnerLine
    private let nextID = Atomic<UInt64>(1)

    /// Takes the descriptor of the locked owner file over.
    init(path: String, owner: Int32, threads: WorkerThreads, gate: FileGate) {
        (self.path, self.owner, self.threads, self.gate) = (path, owner, threads, gate)
        ownerLine = OwnerLine(folder: path)
    }

    deinit { close(owner) }

    /// An entry with an empty data file and no log yet.
    package func makeEntry() throws(LocalStoreError) -> JournalEntry {
        let number = nextID.add(1, ordering: .relaxed).oldValue
        let digits = String(number, radix: 16)
        let id = String(repeating: "0", count: 8 - min(8, digits.count)) + digits
        return try JournalEntry.make(id: id, in: path, ownerLine, threads: threads, gate: gate)
    }
}
