import BlobReading
import BlobStorage
import BlobWriting
import FileSystemModel
import FileSystemSuite
import Glibc
import HandOver
import LocalStore
import Logging
import TestSupport
import Testing

@testable import OutputTree

/// What the process that follows a killed one finds of changes of names that were under way.
@Suite(.timeLimit(.minutes(1)))
struct ResumingTests {
    private let memory = Survivors.makeMemory()
    private let spool = TemporaryName()
    private let store = MemoryStore()

    private func scheduler() throws -> UploadScheduler {
        let logger = Logger(label: "suite") { _ in SwiftLogNoOpLogHandler() }
        return try UploadScheduler(
            store: store,
            configuration: UploadConfiguration(journalDirectory: spool.path),
            logger: logger
        )
    }

    private func tree(_ uploads: UploadScheduler) -> OutputFileSystem {
        let logger = Logger(label: "suite") { _ in SwiftLogNoOpLogHandler() }
        return OutputFileSystem(
            store: store,
            cache: BlockCache(
                store: store,
                configuration: BlockCacheConfiguration(memoryBudget: 8 << 20, verification: .none),
                cleanFiles: nil,
                account: "https://account.example",
                logger: logger
            ),
            uploads: uploads,
            options: TreeOptions(userID: geteuid(), groupID: getegid()),
            logger: logger,
            survivors: Survivors(descriptor: memory)
        )
    }

    /// A process with an open file that ends behind the note of what it was about to do.
    private func beKilled(behind record: NameRecord, of blob: BlobAddress) async throws {
        let uploads = try scheduler()
        let tree = tree(uploads)
        let facts = FileFacts(try await store.properties(of: blob))
        let node = tree.nodes.lookUpNode(file: blob, facts: facts, startedAt: .zero)
        node.withState { $0.openCount = 1 }
        _ = tree.handles.insert(FileHandle(node: node, flags: OpenFlags(.readOnly), isBacked: false))
        _ = try await NameEntry(record, scheduler: uploads)
    }

    @Test func `an unlink that was noted and not carried out leaves the blob to who has the file open`() async throws {
        defer { close(memory) }
        let blob = BlobAddress(container: "c", name: "f")
        store.addContainer("c")
        let version = store.add(blob, Array("bytes".utf8))
        try await beKilled(behind: NameRecord.removal(blob, version.etag), of: blob)
        let uploads = try scheduler()
        let tree = tree(uploads)
        let found = try uploads.journal.survivors { _ in true }
        let names = found.entries.compactMap { RecoveredName($0, scheduler: uploads) }
        #expect(names.count == 1)
        let left = tree.resume([], names: names)
        #expect(left.names.isEmpty)
        tree.recover(left.files, names: left.names, unreadable: [])
        // What was unlinked waits for its last handle.
        #expect(tree.background.count == 0 && tree.nodes.liveFile(at: blob) == nil)
        #expect(store.bytes(of: blob) != nil)
        let report = await tree.drain(timeout: .seconds(20), isEnding: true)
        #expect(report.remaining.isEmpty && store.bytes(of: blob) == nil)
        tree.shutDown()
    }
}
