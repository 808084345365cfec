import BlobReading
import BlobStorage
import BlobWriting
import Dispatch
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

    private func tree(
        _ uploads: UploadScheduler,
        _ exclusive: ExclusiveCreation = .close
    ) -> OutputFileSystem {
        var options = TreeOptions(userID: geteuid(), groupID: getegid())
        options.exclusiveCreation = exclusive
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
            options: options,
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
        _ = tree.handles.insert(FileHandle(node: node, flags: OpenFlags(.readOnly), isBacked: false), for: 0)
        _ = try await NameEntry(record, scheduler: uploads)
    }

    private func resumed(_ exclusive: ExclusiveCreation = .close) throws -> OutputFileSystem {
        let uploads = try scheduler()
        let tree = tree(uploads, exclusive)
        let found = try uploads.journal.survivors { _ in true }
        let left = tree.resume(found.entries.compactMap { try? RecoveredFile($0) })
        tree.recover(left.files, names: left.names, unreadable: [])
        return tree
    }

    @Test func `an open whose answer was never given leaves no handle behind`() async throws {
        defer { close(memory) }
        store.addContainer("data")
        store.add(BlobAddress(container: "data", name: "f"), Array("bytes".utf8))
        let killed = tree(try scheduler())
        try await onOwnThread {
            let files = TreeFiles(fileSystem: killed)
            files.requestNumber = 6
            _ = try files.open("containers/data/f", O_RDONLY)
            files.requestNumber = 8
            _ = try files.open("containers/data/f", O_RDONLY)
        }
        let tree = try resumed()
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
        defer { close(memory) }
        store.addContainer("data")
        let blob = BlobAddress(container: "data", name: "f")
        store.add(blob, Array("bytes".utf8))
        let killed = tree(try scheduler())
        try await onOwnThread {
            let files = TreeFiles(fileSystem: killed)
            files.requestNumber = 8
            _ = try files.open("containers/data/f", O_WRONLY | O_TRUNC)
        }
        let tree = try resumed()
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
        defer { close(memory) }
        let killed = tree(try scheduler())
        _ = await OneAnswer.of { killed.opendir($0.request(number: 6), .root) }
        let tree = try resumed()
        #expect(tree.status().openHandles == 1)
        _ = await OneAnswer.of { tree.opendir($0.request(number: 6), .root) }
        #expect(tree.status().openHandles == 1)
        tree.shutDown()
    }

    @Test(arguments: [ExclusiveCreation.close, .open])
    func `a file that was made, before anybody was told, is made for who asks again`(
        _ exclusive: ExclusiveCreation
    ) async throws {
        defer { close(memory) }
        store.addContainer("data")
        store.add(BlobAddress(container: "data", name: "other"), Array("bytes".utf8))
        let lock = BlobAddress(container: "data", name: "lock")
        let killed = tree(try scheduler(), exclusive)
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
        let tree = try resumed(exclusive)
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
        defer { close(memory) }
        store.addContainer("data")
        let lock = BlobAddress(container: "data", name: "lock")
        let flags = OpenFlags(.writeOnly, isExclusive: true)
        let killed = tree(try scheduler(), .open)
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
        let tree = try resumed(.open)
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
        defer { close(memory) }
        let blob = BlobAddress(container: "data", name: "f")
        store.addContainer("data")
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

/// The answer to one request, which nobody else asks for.
private final class OneAnswer: RequestSink {
    private let waiter: CheckedContinuation<Answer, Never>

    private init(_ waiter: CheckedContinuation<Answer, Never>) { self.waiter = waiter }

    static func of(_ ask: (OneAnswer) -> Void) async -> Answer {
        await withCheckedContinuation { ask(OneAnswer($0)) }
    }

    /// A directory by its path below the root.
    static func directory(_ path: FileName..., in tree: OutputFileSystem) async -> NodeID {
        var node = NodeID.root
        for name in path {
            guard case .lookup(.found(let entry)) = await of({ tree.lookup($0.request(), name, in: node) }) else {
                Issue.record("\(name) is not there")
                return .root
            }
            node = entry.node
        }
        return node
    }

    func request<Value: Answering>(number: UInt64 = 0) -> Request<Value> {
        let caller = Caller(userID: geteuid(), groupID: getegid(), processID: getpid())
        return Request(RequestToken(rawValue: 1), caller: caller, number: number, sink: self)
    }

    func answer(_ token: RequestToken, _ answer: Answer) { waiter.resume(returning: answer) }
    func answer(_ token: RequestToken, bytes: UnsafeBufferPointer<UnsafeRawBufferPointer>) {}
    func onInterrupt(_ token: RequestToken, _ handler: @escaping @Sendable () -> Void) {}
}
