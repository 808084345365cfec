import BlobStorage
import Logging
import TestSupport
import Testing

@testable import BlobWriting
@testable import LocalStore

/// A process that dies with an edit under way, parts of which are in the store only, and the one that comes after it.
@Suite(.timeLimit(.minutes(1)))
struct EditRecoveryTests {
    private let place: TemporaryDirectory
    private let store = MemoryStore(containers: ["c"])
    private let blob = BlobAddress(container: "c", name: "f")
    private let original = pattern(20_000, 9)
    private let lost = StorageError.test(.unavailable, .persistent)

    init() throws { place = try TemporaryDirectory() }

    private func scheduler() throws -> UploadScheduler {
        var configuration = UploadConfiguration(journalDirectory: place.path)
        (configuration.blockSize, configuration.singlePutMax, configuration.copyMin) = (1024, 1024, 300)
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let threads = WorkerThreads(name: "test", count: 1)
        let journal = try JournalDirectory(path: place.path, owner: "a", threads: threads)
        return try UploadScheduler(store: store, configuration: configuration, logger: logger, journal: journal)
    }

    /// What the next process makes of the one file that was left.
    private func recover(_ scheduler: UploadScheduler) async throws -> RecoveryVerdict {
        let survivor = try #require(try scheduler.journal.survivors { _ in true }.entries.first)
        let found = try RecoveredFile(survivor)
        #expect(found.duty == .publish)
        let file = DirtyFile(scheduler: scheduler, recovered: found)
        let verdict = try await file.judge(known: found.replay.identity.known)
        if case .upload(let condition) = verdict { try await file.commit(condition) }
        if case .conflict(let reason) = verdict { await file.keepInJournal(reason) }
        file.discard()
        return verdict
    }

    private func edit(_ scheduler: UploadScheduler) throws -> (file: DirtyFile, model: [UInt8]) {
        store.add(blob, original)
        let file = try DirtyFile(scheduler: scheduler, blob: blob, base: store.storedProperties(of: blob))
        _ = try file.write([1, 2, 3], at: 5000)
        _ = try file.write([4], at: 20_000)
        var model = original + [4]
        model.replaceSubrange(5000..<5003, with: [1, 2, 3])
        return (file, model)
    }

    @Test func `An edit that was not sent is made by the next process, on the base that is still there`() async throws {
        let first = try scheduler()
        let (file, model) = try edit(first)
        try await file.persist(BlobHeaders())
        first.journal.close()
        let moved = store.byteCountMoved
        guard case .upload = try await recover(try scheduler()) else { return #expect(Bool(false)) }
        #expect(store.bytes(of: blob) == model)
        #expect(store.byteCountMoved - moved < 1000)
    }

    @Test(arguments: [false, true])
    func `An edit whose answer was lost is known as ours, also with later changes`(isChanged: Bool) async throws {
        let first = try scheduler()
        var (file, model) = try edit(first)
        store.failNext(.putBlockList, error: lost, takesEffect: true)
        await #expect(throws: CommitError.self) { try await file.commit() }
        if isChanged {
            _ = try file.write([8, 9], at: 12_345)
            model.replaceSubrange(12_345..<12_347, with: [8, 9])
            _ = try file.truncate(to: 19_000)
            model.removeSubrange(19_000...)
            try await file.persist(BlobHeaders())
        }
        first.journal.close()
        guard case .upload = try await recover(try scheduler()) else { return #expect(Bool(false)) }
        #expect(store.bytes(of: blob) == model)
    }

    @Test func `Somebody's change of what was sent without an answer is a conflict`() async throws {
        let first = try scheduler()
        let (file, _) = try edit(first)
        store.failNext(.putBlockList, error: lost, takesEffect: true)
        await #expect(throws: CommitError.self) { try await file.commit() }
        first.journal.close()
        let second = try scheduler()
        let other = try DirtyFile(scheduler: second, blob: blob, base: store.storedProperties(of: blob))
        _ = try other.write([77], at: 10_000)
        try await other.commit()
        other.discard()
        let theirs = store.bytes(of: blob)
        guard case .conflict = try await recover(try scheduler()) else { return #expect(Bool(false)) }
        #expect(store.bytes(of: blob) == theirs)
    }

    @Test func `What was committed and changed again builds on the new version`() async throws {
        let first = try scheduler()
        var (file, model) = try edit(first)
        try await file.commit()
        _ = try file.write([5, 6], at: 15_000)
        model.replaceSubrange(15_000..<15_002, with: [5, 6])
        try await file.persist(BlobHeaders())
        first.journal.close()
        guard case .upload = try await recover(try scheduler()) else { return #expect(Bool(false)) }
        #expect(store.bytes(of: blob) == model)
    }

    @Test(arguments: [false, true])
    func `A copy that was not sent is made as long as its source is there`(isThere: Bool) async throws {
        let source = BlobAddress(container: "c", name: "source")
        store.add(source, original)
        let first = try scheduler()
        let file = try DirtyFile(scheduler: first, blob: blob, base: nil, known: .absent)
        let version = try #require(store.storedProperties(of: source))
        _ = try file.copy(0..<10_000, of: source, version)
        _ = try file.copy(10_000..<20_000, of: source, version)
        _ = try file.write([1, 2, 3], at: 5000)
        try await file.persist(BlobHeaders())
        first.journal.close()
        if !isThere { store.remove(source) }
        let second = try scheduler()
        if isThere {
            _ = try await recover(second)
            var model = original
            model.replaceSubrange(5000..<5003, with: [1, 2, 3])
            #expect(store.bytes(of: blob) == model)
        } else {
            await #expect(throws: CommitError.self) { try await self.recover(second) }
            #expect(store.bytes(of: blob) == nil)
        }
    }

    @Test func `A file that was renamed without its base finds it under the old name`() async throws {
        let first = try scheduler()
        let (file, model) = try edit(first)
        let new = BlobAddress(container: "c", name: "new")
        file.move(to: new, known: .absent)
        await file.settleJournal()
        try await file.persist(BlobHeaders())
        first.journal.close()
        _ = try await recover(try scheduler())
        #expect(store.bytes(of: new) == model)
    }
}
