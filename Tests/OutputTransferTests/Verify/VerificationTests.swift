import BlobStorage
import Glibc
import Synchronization
import TestSupport
import Testing

@testable import OutputTransfer

/// What a verification says of files that are well, wrong, gone, or replaced while they are read.
@Suite(.timeLimit(.minutes(1)))
struct VerificationTests {
    private final class Events: Sendable {
        private let events = Mutex<[String: [VerifyEvent.Kind]]>([:])

        func note(_ event: VerifyEvent) { events.withLock { $0[event.path, default: []].append(event.kind) } }
        subscript(path: String) -> [VerifyEvent.Kind] { events.withLock { $0[path] ?? [] } }
        var count: Int { events.withLock { $0.count } }
    }

    private static func verify(
        _ store: MemoryStore,
        _ pattern: String = "containers/vault",
        against local: String? = nil
    ) async throws -> (events: Events, counters: TransferCounters) {
        let events = Events()
        let tree = StoreTree(store: store)
        let verification = Verification(tree: tree, against: local, jobs: 4) { events.note($0) }
        _ = try await verification.run([try TreePattern(pattern)])
        return (events, verification.counters)
    }

    private static func add(_ store: MemoryStore, _ name: String, _ bytes: [UInt8], md5: String? = nil) {
        store.add(BlobAddress(container: "vault", name: name), bytes) { $0.contentMD5 = md5 }
    }

    @Test func `every file is told of once`() async throws {
        let store = MemoryStore()
        for number in 0..<40 {
            Self.add(store, "\(number)", [UInt8](repeating: 7, count: number * 1000))
        }
        Self.add(store, "empty", [], md5: "1B2M2Y8AsgTpgAmY7PhCfg==")
        let (events, counters) = try await Self.verify(store)
        #expect(events.count == 41 && counters.done == 41 && counters.found == 41)
        #expect(events["/containers/vault/3"] == [.unverifiable("no checksum stored")])
        #expect(events["/containers/vault/empty"] == [.verified])
        #expect(counters.doneBytes == UInt64((0..<40).reduce(0, +) * 1000))
    }

    @Test func `a file that cannot be read does not keep the others from it`() async throws {
        let store = MemoryStore()
        let hash = String(repeating: "0", count: 64)
        for name in ["a", "b", "c"] { Self.add(store, "LocalUpload/\(hash)/data/\(name)", Array(name.utf8)) }
        // Its own failure, and not the next one: the three are read ahead, side by side.
        store.change(BlobAddress(container: "vault", name: "LocalUpload/\(hash)/data/a")) { $0.accessTier = "Archive" }
        let (events, counters) = try await Self.verify(store)
        let folder = "/containers/vault/LocalUpload/\(hash)/data"
        guard case .failed(let reason)? = events["\(folder)/a"].first else {
            Issue.record("\(events["\(folder)/a"])")
            return
        }
        #expect(reason.contains("BlobArchived"))
        #expect(events["\(folder)/b"].count == 1 && events["\(folder)/c"].count == 1)
        // Not confirmed; of the hash nothing can be said.
        #expect(events[folder].count == 1 && counters.failed == 2)
    }

    @Test func `local files are compared, and what is only here is named`() async throws {
        let store = MemoryStore()
        Self.add(store, "d/same", [1, 2])
        Self.add(store, "d/other", [1, 2])
        let directory = try TemporaryDirectory()
        try write([1, 2], to: "\(directory.path)/same")
        try write([1, 3], to: "\(directory.path)/other")
        try write([], to: "\(directory.path)/extra")
        try write([], to: "\(directory.path)/.outputfs-sync")
        let (events, _) = try await Self.verify(store, "containers/vault/d", against: directory.path)
        #expect(events["/containers/vault/d/same"] == [.verified])
        #expect(events["/containers/vault/d/other"] == [.wrong("\(directory.path)/other has other bytes")])
        #expect(events["\(directory.path)/extra"] == [.wrong("is only here")])
        #expect(events.count == 3)
    }

    private func write(_ bytes: [UInt8], to path: String) throws {
        let file = try #require(fopen(path, "w"))
        defer { fclose(file) }
        fwrite(bytes, 1, bytes.count, file)
    }

    @Test func `a blob that is replaced while it is read is named, and a log that grows is not`() async throws {
        let store = MemoryStore()
        Self.add(store, "file", [1])
        store.add(BlobAddress(container: "vault", name: "log"), [1], type: .append)
        store.hold(.read)
        let task = Task { try await Self.verify(store) }
        await store.waitUntilHeld(.read, count: 2)
        Self.add(store, "file", [2])
        store.add(BlobAddress(container: "vault", name: "log"), [1, 2], type: .append)
        store.release(.read)
        let events = try await task.value.events
        guard case .failed? = events["/containers/vault/file"].first else {
            Issue.record("\(events["/containers/vault/file"])")
            return
        }
        #expect(events["/containers/vault/log"] == [.unverifiable("no checksum stored")])
    }

    @Test func `asked to stop, it stops`() async throws {
        let store = MemoryStore()
        Self.add(store, "held", [1])
        store.hold(.read)
        let task = Task { try await Self.verify(store) }
        await store.waitUntilHeld(.read)
        task.cancel()
        await #expect(throws: CancellationError.self) { _ = try await task.value }
        store.release(.read)
    }

    @Test func `asked to stop with thousands of files that wait, it stops`() async throws {
        let store = MemoryStore()
        for number in 0..<5_200 { Self.add(store, "\(number)", [1]) }
        store.hold(.read)
        let verification = Verification(tree: StoreTree(store: store), against: nil, jobs: 4) { _ in }
        let task = Task { try await verification.run([try TreePattern("containers/vault")]) }
        // Four are read, one waits to be, 5,000 wait in the queue: the next one waits for room there.
        while verification.counters.found < 5_006 { await Task.yield() }
        task.cancel()
        await #expect(throws: CancellationError.self) { _ = try await task.value }
        store.release(.read)
    }
}
