import BlobStorage
import BlobWriting
import Dispatch
import FileSystemModel
import FileSystemSuite
import Glibc
import LocalStore
import TestSupport
import Testing

@testable import OutputTree

/// What the process that follows a killed one finds of changes of names that were under way.
@Suite(.timeLimit(.minutes(5)))
struct ResumingTests {
    private let lives = TwoLives()
    private var store: MemoryStore { lives.store }

    /// A process with an open file that ends behind the note of what it was about to do.
    private func beKilled(behind record: NameRecord, of blob: BlobAddress) async throws {
        let uploads = try lives.scheduler()
        let tree = lives.tree(uploads)
        let facts = FileFacts(try await store.properties(of: blob))
        let node = tree.nodes.lookUpNode(file: blob, facts: facts, startedAt: .zero)
        node.withState { $0.openCount = 1 }
        _ = tree.handles.insert(FileHandle(node: node, flags: OpenFlags(.readOnly), isBacked: false), for: 0)
        _ = try await NameEntry(record, scheduler: uploads)
    }

    @Test func `an open whose answer was never given leaves no handle behind`() async throws {
        store.addContainer("data")
        store.add(BlobAddress(container: "data", name: "f"), Array("bytes".utf8))
        let killed = lives.tree(try lives.scheduler())
        try await onOwnThread {
            let files = TreeFiles(fileSystem: killed)
            files.requestNumber = 6
            _ = try files.open("containers/data/f", O_RDONLY)
            files.requestNumber = 8
            _ = try files.open("containers/data/f", O_RDONLY)
        }
        let tree = try lives.resumed()
        #expect(tree.status().openHandles == 2)
        try await onOwnThread {
            let files = TreeFiles(fileSystem: tree)
            files.requestNumber = 8
            _ = try files.open("containers/data/f", O_RDONLY)
            #expect(tree.status().openHandles == 2)
            files.requestNumber = 10
            _ = try files.open("containers/data/f", O_RDONLY)
            #expect(tree.status().openHandles == 3)
        }
        tree.shutDown()
    }

    @Test func `an emptying open whose answer was never given publishes nothing when it is asked for again`()
        async throws
    {
        store.addContainer("data")
        let blob = BlobAddress(container: "data", name: "f")
        store.add(blob, Array("bytes".utf8))
        let killed = lives.tree(try lives.scheduler())
        try await onOwnThread {
            let files = TreeFiles(fileSystem: killed)
            files.requestNumber = 8
            _ = try files.open("containers/data/f", O_WRONLY | O_TRUNC)
        }
        let tree = try lives.resumed()
        let node = try await onOwnThread {
            let files = TreeFiles(fileSystem: tree)
            files.requestNumber = 8
            _ = try files.open("containers/data/f", O_WRONLY | O_TRUNC)
            return tree.nodes.liveFile(at: blob)
        }
        #expect(node?.withState { $0.writerCount } == 1 && tree.status().openHandles == 1)
        // What is sent behind a close would be on its way.
        try await Task.sleep(for: .milliseconds(300))
        #expect(store.bytes(of: blob) == Array("bytes".utf8))
        tree.shutDown()
    }

    @Test func `a directory's open whose answer was never given leaves no handle behind`() async throws {
        let killed = lives.tree(try lives.scheduler())
        _ = await OneAnswer.of { killed.opendir($0.request(number: 6), .root) }
        let tree = try lives.resumed()
        #expect(tree.status().openHandles == 1)
        _ = await OneAnswer.of { tree.opendir($0.request(number: 6), .root) }
        #expect(tree.status().openHandles == 1)
        tree.shutDown()
    }

    @Test(arguments: [ExclusiveCreation.close, .open])
    func `a file that was made, before anybody was told, is made for who asks again`(
        _ exclusive: ExclusiveCreation
    ) async throws {
        store.addContainer("data")
        store.add(BlobAddress(container: "data", name: "other"), Array("bytes".utf8))
        let lock = BlobAddress(container: "data", name: "lock")
        let killed = lives.tree(try lives.scheduler(), exclusive)
        let flags = OpenFlags(.writeOnly, isExclusive: true)
        let make = { @Sendable (tree: OutputFileSystem, number: UInt64) async -> Answer in
            let parent = await OneAnswer.directory("containers", "data", in: tree)
            return await OneAnswer.of {
                tree.create($0.request(number: number), "lock", in: parent, permissions: 0o644, flags: flags)
            }
        }
        guard case .created = await make(killed, 6) else {
            Issue.record("nothing was made")
            return
        }
        #expect((store.bytes(of: lock) != nil) == (exclusive == .open))
        let tree = try lives.resumed(exclusive)
        guard case .created(let again) = await make(tree, 6) else {
            Issue.record("it is not made")
            return
        }
        #expect(tree.status().openHandles == 1)
        guard case .failure(let error) = await make(tree, 8) else {
            Issue.record("it is made twice")
            return
        }
        #expect(error.errno == EEXIST)
        let node = again.entry.node
        _ = await OneAnswer.of { tree.flush($0.request(), node, handle: again.opened.handle) }
        _ = await OneAnswer.of { tree.release($0.request(), node, handle: again.opened.handle) }
        #expect((await tree.drain(timeout: .seconds(20))).remaining.isEmpty)
        #expect(tree.status().openHandles == 0 && store.bytes(of: lock) == [])
        tree.shutDown()
    }

    @Test(arguments: [true, false])
    func `a lock file that was being placed is its maker's, and nobody else's`(_ isOurs: Bool) async throws {
        store.addContainer("data")
        let lock = BlobAddress(container: "data", name: "lock")
        let flags = OpenFlags(.writeOnly, isExclusive: true)
        let killed = lives.tree(try lives.scheduler(), .open)
        let parent = await OneAnswer.directory("containers", "data", in: killed)
        // The process is killed before it hears what became of its request, which the store carries out, or will not.
        let isPlaced = AsyncStream<Void>.makeStream()
        let goOn = DispatchSemaphore(value: 0)
        if isOurs {
            store.afterNext(.putBlob) {
                isPlaced.continuation.finish()
                goOn.wait()
            }
        } else {
            store.hold(.putBlob)
        }
        let waiting = Task {
            await OneAnswer.of {
                killed.create($0.request(number: 6), "lock", in: parent, permissions: 0o644, flags: flags)
            }
        }
        if isOurs {
            for await _ in isPlaced.stream {}
        } else {
            await store.waitUntilHeld(.putBlob)
            store.add(lock, [])
        }
        let tree = try lives.resumed(.open)
        if !isOurs { store.release(.putBlob) }
        let folder = await OneAnswer.directory("containers", "data", in: tree)
        let answer = await OneAnswer.of {
            tree.create($0.request(number: 6), "lock", in: folder, permissions: 0o644, flags: flags)
        }
        switch answer {
        case .created: #expect(isOurs)
        case .failure(let error): #expect(!isOurs && error.errno == EEXIST)
        default: Issue.record("\(answer)")
        }
        #expect(tree.status().openHandles == (isOurs ? 1 : 0) && store.bytes(of: lock) == [])
        tree.shutDown()
        goOn.signal()
        _ = await waiting.value
        killed.shutDown()
    }

    @Test func `an unlink that was noted and not carried out leaves the blob to who has the file open`() async throws {
        let blob = BlobAddress(container: "data", name: "f")
        store.addContainer("data")
        let version = store.add(blob, Array("bytes".utf8))
        try await beKilled(behind: NameRecord.removal(blob, version.etag), of: blob)
        let uploads = try lives.scheduler()
        let tree = lives.tree(uploads)
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
