import BlobReading
import BlobStorage
import BlobWriting
import FileSystemModel
import FileSystemSuite
import Glibc
import HandOver
import LocalStore
import Logging
import Synchronization
import TestSupport
import Testing

@testable import OutputTree

/// The folders of the journal that are a mount's own.
private final class Folders: Sendable {
    private let paths = Mutex<[String]>([])

    var all: [String] { paths.withLock { $0 } }
    func add(_ path: String) { paths.withLock { $0.append(path) } }
}

/// A mount's process and the one that follows it: both have this memory, this journal, and this store.
///
/// The first is not ended: what it would still do, a test must not ask of it.
final class TwoLives: Sendable {
    let memory = Survivors.makeMemory()
    let store: MemoryStore
    private let spool: TemporaryName
    private let folders: Folders
    private let logger = Logger(label: "suite") { _ in SwiftLogNoOpLogHandler() }

    /// `mount`: one that was killed as a whole, and left its journal to this one, and nothing else.
    init(after mount: TwoLives? = nil) {
        store = mount?.store ?? MemoryStore()
        spool = mount?.spool ?? TemporaryName()
        folders = mount?.folders ?? Folders()
    }

    deinit { close(memory) }

    /// Takes over folders of the journal although they are locked, as the keeper's table says.
    func scheduler() throws -> UploadScheduler {
        var configuration = UploadConfiguration(journalDirectory: spool.path)
        let folders = folders
        configuration.journalSuccession = JournalSuccession(
            folders.all,
            made: { folder, _ in folders.add(folder) },
            ended: { _ in }
        )
        return try UploadScheduler(store: store, configuration: configuration, logger: logger)
    }

    func tree(_ uploads: UploadScheduler, _ exclusive: ExclusiveCreation = .close) -> OutputFileSystem {
        var options = TreeOptions(userID: geteuid(), groupID: getegid())
        options.exclusiveCreation = exclusive
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

    /// What is in the journal of the process before.
    func left(_ uploads: UploadScheduler) throws -> [RecoveredFile] {
        try uploads.journal.survivors { _ in true }.entries.compactMap { try? RecoveredFile($0) }
    }

    /// The process that follows. `found`: what it has claimed of the journal already.
    func resumed(
        _ exclusive: ExclusiveCreation = .close,
        found: [RecoveredFile]? = nil
    ) throws -> OutputFileSystem {
        let uploads = try scheduler()
        let tree = tree(uploads, exclusive)
        let left = tree.resume(try found ?? left(uploads))
        tree.recover(left.files, names: left.names, unreadable: [])
        return tree
    }
}

/// The answer to one request, which nobody else asks for.
final class OneAnswer: RequestSink {
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
