import BlobStorage
import Glibc
import Logging
import Synchronization
import TestSupport
import Testing

@testable import BlobWriting
@testable import LocalStore

/// A process that stops after its n-th call to the system, and the one that comes after it.
@Suite(.timeLimit(.minutes(1)))
struct JournalRecoveryTests {
    /// Lets `count` calls through; the others are not made, and fail.
    private final class Fuse: Sendable {
        private let left: Mutex<Int>
        private let refusal: Int32

        init(_ count: Int, errno: Int32 = EIO) {
            left = Mutex(count)
            refusal = errno
        }

        var gate: FileGate {
            FileGate(verdict: { _ in
                self.left.withLock { left in
                    left -= 1
                    return left >= 0 ? .proceed : .fail(self.refusal)
                }
            })
        }

        var isBlown: Bool { left.withLock { $0 < 0 } }
    }

    private let place: TemporaryDirectory
    private let store = MemoryStore(containers: ["c"])
    private let blob = BlobAddress(container: "c", name: "f")

    init() throws { place = try TemporaryDirectory() }

    private func scheduler(_ gate: FileGate = FileGate()) throws -> UploadScheduler {
        var configuration = UploadConfiguration(journalDirectory: place.path)
        (configuration.blockSize, configuration.singlePutMax) = (1024, 1024)
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let threads = WorkerThreads(name: "test", count: 1)
        let journal = try JournalDirectory(path: place.path, owner: "a", threads: threads, gate: gate)
        return try UploadScheduler(store: store, configuration: configuration, logger: logger, journal: journal)
    }

    private func recovered(_ scheduler: UploadScheduler) throws -> [RecoveredFile] {
        try scheduler.journal.survivors { _ in true }.entries.compactMap { entry in
            do throws(RecoveredFile.Unreadable) { return try RecoveredFile(entry) } catch {
                Issue.record("unreadable: \(error)")
                return nil
            }
        }
    }

    /// As the next mount does.
    private func publish(_ file: RecoveredFile, _ scheduler: UploadScheduler) async throws {
        let local = DirtyFile(scheduler: scheduler, recovered: file)
        switch try await local.judge(known: file.replay.identity.known) {
        case .done: break
        case .upload(let condition): try await local.commit(condition)
        case .conflict(let reason): Issue.record("a conflict: \(reason)")
        }
        local.discard()
    }

    private let refused = StorageError.test(.unavailable)

    @Test func `Bytes whose commit failed are uploaded by the next process, byte for byte`() async throws {
        let first = try scheduler()
        let file = try DirtyFile(scheduler: first, blob: blob, base: nil, known: .absent)
        _ = try file.write(pattern(5000), at: 0)
        store.failNext(.putBlockList, count: .max, error: refused)
        await #expect(throws: CommitError.self) { try await file.commit() }
        first.journal.close()
        store.removeFaults()
        let second = try scheduler()
        let found = try recovered(second)
        #expect(found.map(\.duty) == [.publish])
        #expect(found.first?.replay.duty(bootID: "another") == .publish)
        try await publish(try #require(found.first), second)
        #expect(store.bytes(of: blob) == pattern(5000))
        #expect(try recovered(try scheduler()).isEmpty)
    }

    @Test func `A commit whose answer was lost is found done`() async throws {
        for size in [500, 5000] {
            store.remove(blob)
            let first = try scheduler()
            let file = try DirtyFile(scheduler: first, blob: blob, base: nil, known: .absent)
            _ = try file.write(pattern(size), at: 0)
            store.failNext(size <= 1024 ? .putBlob : .putBlockList, count: 1, error: refused, takesEffect: true)
            await #expect(throws: CommitError.self) { try await file.commit() }
            first.journal.close()
            store.removeFaults()
            let version = store.storedProperties(of: blob)?.version
            let second = try scheduler()
            try await publish(try #require(try recovered(second).first), second)
            #expect(store.storedProperties(of: blob)?.version == version)
            second.journal.close()
        }
    }

    @Test(arguments: [false, true])
    func `What a program writes while the store is asked is sent, also if the rest is there`(
        isWritten: Bool
    ) async throws {
        let first = try scheduler()
        let file = try DirtyFile(scheduler: first, blob: blob, base: nil, known: .absent)
        _ = try file.write(pattern(500), at: 0)
        store.failNext(.putBlob, count: 1, error: refused, takesEffect: true)
        await #expect(throws: CommitError.self) { try await file.commit() }
        let changeCount = file.changeCount
        guard case .done(let found) = try await file.judge(known: .absent) else { return #expect(Bool(false)) }
        if isWritten { _ = try file.write(pattern(100), at: 500) }
        #expect(await file.settle(as: found, changeCount: changeCount) == !isWritten)
        #expect(file.isDirty == isWritten)
        if !isWritten { _ = try file.write(pattern(100), at: 500) }
        try await file.commit(.matches(found.version.etag))
        #expect(store.bytes(of: blob) == pattern(500) + pattern(100))
    }

    @Test func `Blocks of an earlier commit without an answer are known as ours`() async throws {
        let first = try scheduler()
        let file = try DirtyFile(scheduler: first, blob: blob, base: nil, known: .absent)
        _ = try file.write(pattern(5000), at: 0)
        store.failNext(.putBlockList, count: 1, error: refused, takesEffect: true)
        await #expect(throws: CommitError.self) { try await file.commit() }
        _ = try file.write(pattern(700, 3), at: 5000)
        store.removeFaults()
        store.failNext(nil, count: .max, error: refused)
        await #expect(throws: CommitError.self) { try await file.commit() }
        first.journal.close()
        store.removeFaults()
        let second = try scheduler()
        try await publish(try #require(try recovered(second).first), second)
        #expect(store.bytes(of: blob) == pattern(5000) + pattern(700, 3))
    }

    @Test func `A commit without an answer is known as ours though the file was changed before anybody asked`()
        async throws
    {
        let first = try scheduler()
        let file = try DirtyFile(scheduler: first, blob: blob, base: nil, known: .absent)
        _ = try file.write(pattern(500), at: 0)
        store.failNext(.putBlob, count: 1, error: refused, takesEffect: true)
        await #expect(throws: CommitError.self) { try await file.commit() }
        first.journal.close()
        let second = try scheduler()
        let found = try #require(try recovered(second).first)
        let local = DirtyFile(scheduler: second, recovered: found)
        // A program has it open, and goes on at once.
        _ = try local.write(pattern(100, 3), at: 200)
        guard case .upload(let condition) = try await local.judge(known: found.replay.identity.known) else {
            Issue.record("it passes for somebody else's")
            return
        }
        try await local.commit(condition)
        #expect(store.bytes(of: blob) == pattern(500).prefix(200) + pattern(100, 3) + pattern(500).suffix(200))
        local.discard()
    }

    @Test func `No block of the process that follows has the id of one that may arrive late`() async throws {
        store.failNext(.putBlockList, count: .max, error: refused)
        for life in 0..<2 {
            let scheduler = try scheduler()
            let file =
                if life == 0 {
                    try DirtyFile(scheduler: scheduler, blob: blob, base: nil, known: .absent)
                } else {
                    DirtyFile(scheduler: scheduler, recovered: try #require(try recovered(scheduler).first))
                }
            _ = try file.write(pattern(5000, life), at: 0)
            await #expect(throws: CommitError.self) { try await file.commit() }
            #expect(store.uncommittedBlockCount(of: blob) == 5 * (life + 1))
            await file.keepInJournal(nil)
            scheduler.journal.close()
        }
    }

    @Test func `A blob that somebody else put there is a conflict`() async throws {
        let first = try scheduler()
        let file = try DirtyFile(scheduler: first, blob: blob, base: nil, known: .absent)
        _ = try file.write(pattern(100), at: 0)
        try await file.persist(BlobHeaders())
        first.journal.close()
        store.add(blob, [1, 2, 3])
        let second = try scheduler()
        let found = try #require(try recovered(second).first)
        let local = DirtyFile(scheduler: second, recovered: found)
        guard case .conflict = try await local.judge(known: found.replay.identity.known) else {
            Issue.record("somebody else's blob would be overwritten")
            return
        }
        await local.keepInJournal("a conflict")
        local.discard()
    }

    @Test func `A conflict stays in the journal, with its reason`() async throws {
        let first = try scheduler()
        let file = try DirtyFile(scheduler: first, blob: blob, base: nil, known: .absent)
        _ = try file.write(pattern(100), at: 0)
        try await file.persist(BlobHeaders())
        await file.keepInJournal("a conflict")
        file.discard()
        first.journal.close()
        #expect(try recovered(try scheduler()).map(\.duty) == [.offer("a conflict")])
    }

    @Test func `What is in the store, or unlinked, does not come back`() async throws {
        let first = try scheduler()
        let done = try DirtyFile(scheduler: first, blob: blob, base: nil, known: .absent)
        _ = try done.write(pattern(100), at: 0)
        try await done.commit()
        await done.settleJournal()
        let unlinked = try DirtyFile(scheduler: first, blob: BlobAddress(container: "c", name: "g"), base: nil)
        _ = try unlinked.write(pattern(100), at: 0)
        try await unlinked.persist(BlobHeaders())
        unlinked.stopUploading()
        first.journal.close()
        #expect(try recovered(try scheduler()).map(\.duty) == [.none])
    }

    /// With `--durability journal` close has answered by then.
    @Test func `What is safe on the disk stays so while it is uploaded`() async throws {
        let first = try scheduler()
        let file = try DirtyFile(scheduler: first, blob: blob, base: nil, known: .absent)
        _ = try file.write(pattern(5000), at: 0)
        try await file.persist(BlobHeaders())
        await file.noteDue(BlobHeaders())
        first.journal.close()
        #expect(try #require(try recovered(try scheduler()).first).replay.duty(bootID: "another") == .publish)
        file.discard()
    }

    @Test func `A file that was renamed before its upload goes to its new name`() async throws {
        let first = try scheduler()
        let file = try DirtyFile(scheduler: first, blob: BlobAddress(container: "c", name: "old"), base: nil)
        _ = try file.write(pattern(100), at: 0)
        try await file.persist(BlobHeaders())
        file.move(to: blob, known: .absent)
        await file.settleJournal()
        first.journal.close()
        let second = try scheduler()
        try await publish(try #require(try recovered(second).first), second)
        #expect(store.bytes(of: blob) == pattern(100))
        #expect(store.blobNames(in: "c") == ["f"])
    }

    /// For every n the calls from the n-th on fail: what `persist` reported is there afterwards, and what is published
    /// is exactly what the program had made.
    @Test(arguments: [EIO, ENOSPC])
    func `Stopped after any call, what was reported safe is recovered byte for byte`(errno: Int32) async throws {
        let original = pattern(4000, 9)
        for isEdit in [false, true] {
            var count = 0
            while true {
                let base = store.add(blob, original)
                let fuse = Fuse(count, errno: errno)
                let first = try scheduler(fuse.gate)
                var model = isEdit ? original : []
                let isSafe = await work(first, isEdit ? base : nil, &model)
                first.journal.close()
                let second = try scheduler()
                for file in try recovered(second) {
                    if isSafe { #expect(file.replay.duty(bootID: "another") == .publish) }
                    if file.duty == .publish {
                        try await publish(file, second)
                        #expect(store.bytes(of: blob) == model, "stopped after \(count) calls")
                    } else {
                        #expect(!isSafe, "stopped after \(count) calls")
                        file.entry.remove()
                    }
                }
                if isSafe { #expect(store.bytes(of: blob) == model, "stopped after \(count) calls") }
                second.journal.close()
                guard fuse.isBlown else { break }
                count += 1
            }
            #expect(count > 5)
        }
    }

    /// Changes a file in all ways until something fails; `true` when it was reported to be safe.
    private func work(_ scheduler: UploadScheduler, _ base: BlobVersion?, _ model: inout [UInt8]) async -> Bool {
        do {
            let properties = base.map { BlobProperties(version: $0, length: 4000) }
            let known = store.storedProperties(of: blob).map { KnownName.version($0.version.etag) } ?? .absent
            let file = try DirtyFile(scheduler: scheduler, blob: blob, base: properties, known: known)
            func write(_ bytes: [UInt8], at offset: Int, _ model: inout [UInt8]) throws {
                _ = try file.write(bytes, at: offset)
                model += [UInt8](repeating: 0, count: max(0, offset + bytes.count - model.count))
                model.replaceSubrange(offset..<offset + bytes.count, with: bytes)
            }
            try write(pattern(1500, 1), at: 100, &model)
            _ = try file.truncate(to: 1200)
            model = Array((model + [UInt8](repeating: 0, count: 1200)).prefix(1200))
            _ = try file.truncate(to: 3000)
            model += [UInt8](repeating: 0, count: 1800)
            try write(pattern(300, 2), at: 2900, &model)
            _ = try file.zero(200..<400, extends: false)
            model.replaceSubrange(200..<400, with: [UInt8](repeating: 0, count: 200))
            try await file.persist(BlobHeaders())
            return true
        } catch { return false }
    }
}
