import BlobStorage
import Glibc
import Logging
import Synchronization
import TestSupport
import Testing

@testable import BlobWriting
@testable import LocalStore

/// A disk whose next write takes as long as a test wants.
private final class SlowDisk: Sendable {
    private struct State {
        var isArmed = false
        var isWriting: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())
    private let end = Mutex(false)

    var gate: FileGate {
        FileGate(verdict: { call in
            guard call == .pwrite else { return .proceed }
            let waiter = self.state.withLock { state -> CheckedContinuation<Void, Never>? in
                guard state.isArmed else { return nil }
                state.isArmed = false
                return state.isWriting.take()
            }
            guard let waiter else { return .proceed }
            waiter.resume()
            while !self.end.withLock({ $0 }) { usleep(100) }
            return .proceed
        })
    }

    /// Returns when the next write has begun, which does not end before `goOn`.
    func hold(_ begin: @Sendable () -> Void) async {
        await withCheckedContinuation { continuation in
            state.withLock { $0 = State(isArmed: true, isWriting: continuation) }
            begin()
        }
    }

    func goOn() { end.withLock { $0 = true } }
}

/// Writes to a log that are under way while it is sent.
@Suite(.timeLimit(.minutes(1)))
struct LogWriteRaceTests {
    private let place: TemporaryDirectory
    private let store = MemoryStore(containers: ["c"])
    private let blob = BlobAddress(container: "c", name: "f")
    private let disk = SlowDisk()
    private let writer = WorkerThreads(name: "writer", count: 1)

    init() throws { place = try TemporaryDirectory() }

    private func makeLog() throws -> DirtyFile {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let threads = WorkerThreads(name: "test", count: 1)
        let journal = try JournalDirectory(path: place.path, owner: "a", threads: threads, gate: disk.gate)
        let configuration = UploadConfiguration(journalDirectory: place.path)
        let scheduler = try UploadScheduler(
            store: store,
            configuration: configuration,
            logger: logger,
            journal: journal
        )
        return try DirtyFile(scheduler: scheduler, blob: blob, base: nil, known: .absent, log: .absent)
    }

    @Test func `a write that began before a commit ended, and ends after it, is sent with the next one`() async throws {
        let log = try makeLog()
        try await log.append("one\n")
        store.hold(.append)
        async let commit = log.commit()
        await store.waitUntilHeld(.append)
        await disk.hold { writer.run { _ = try? log.write(Array("two\n".utf8), at: 4) } }
        store.release(.append)
        #expect(try await commit.size == 4)
        disk.goOn()
        await writer.perform {}
        #expect(log.isDirty)
        try await log.commit()
        #expect(store.bytes(of: blob) == Array("one\ntwo\n".utf8))
    }

    @Test func `a write behind one that is under way leaves the file a log`() async throws {
        let log = try makeLog()
        try await log.append("one\n")
        await disk.hold { writer.run { _ = try? log.write(Array("two\n".utf8), at: 4) } }
        _ = try log.write(Array("three\n".utf8), at: 8)
        disk.goOn()
        await writer.perform {}
        #expect(log.isLog)
        try await log.commit()
        #expect(store.bytes(of: blob) == Array("one\ntwo\nthree\n".utf8))
    }
}
