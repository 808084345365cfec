import BlobStorage
import TestSupport
import Testing

/// What tests rely on in `MemoryStore`, beyond the contract.
@Suite(.timeLimit(.minutes(5)))
struct MemoryStoreTests {
    private let store = MemoryStore(containers: ["box"])
    private let blob = BlobAddress(container: "box", name: "x")

    @Test func `the next calls fail as often as asked, then no more`() async throws {
        store.add(blob, [1])
        store.failNext(.properties, count: 2, error: .test(.unavailable))
        for _ in 0..<2 { await expectFailure(.unavailable) { try await store.properties(of: blob) } }
        #expect(try await store.properties(of: blob).length == 1)
        #expect(store.count(of: .properties) == 3)
    }

    @Test func `the n-th call of all fails, and only that`() async throws {
        store.add(blob, [1])
        store.fail(call: 2, error: .test(.denied))
        _ = try await store.properties(of: blob)
        await expectFailure(.denied) { try await store.delete(blob, condition: .any) }
        #expect(store.bytes(of: blob) == [1])
        try await store.delete(blob, condition: .any)
    }

    @Test func `a call can fail after it took effect`() async throws {
        store.failNext(.putBlob, error: .test(.unavailable), takesEffect: true)
        await expectFailure(.unavailable) {
            try await store.putBlob(blob, UploadBody([1, 2]), headers: BlobHeaders(), condition: .any)
        }
        #expect(store.bytes(of: blob) == [1, 2])
    }

    @Test func `a held call takes effect when it is released`() async throws {
        store.hold(.putBlob)
        async let put = store.putBlob(blob, UploadBody([1]), headers: BlobHeaders(), condition: .any)
        await store.waitUntilHeld(.putBlob)
        #expect(store.bytes(of: blob) == nil)
        store.release(.putBlob)
        _ = try await put
        #expect(store.bytes(of: blob) == [1])
    }

    @Test func `a held call that is cancelled does nothing`() async {
        store.hold(.putBlob)
        let task = Task { [store, blob] in
            try await store.putBlob(blob, UploadBody([1]), headers: BlobHeaders(), condition: .any)
        }
        await store.waitUntilHeld(.putBlob)
        task.cancel()
        await expectFailure(.cancelled) { try await task.value }
        store.release(.putBlob)
        #expect(store.bytes(of: blob) == nil)
    }

    @Test func `held reads go one by one, or end when cancelled`() async throws {
        store.add(blob, [1, 2, 3])
        store.hold(.read)
        let results = Log<Result<BlobReadResult, StorageError>>()
        let buffer = ReadBuffer(byteCount: 3)
        let read = BlobRead(blob: blob, range: 0..<3, condition: .any, verification: .none, destination: buffer.start)
        let (finished, continuation) = AsyncStream.makeStream(of: Void.self)
        let operations = (0..<2).map { _ in
            store.read(read) { result in
                results.append(result)
                continuation.yield()
            }
        }
        await store.waitUntilHeld(.read, count: 2)
        #expect(results.items.isEmpty)
        var iterator = finished.makeAsyncIterator()
        store.releaseFirst(.read)
        await iterator.next()
        #expect(try results.items[0].get().byteCount == 3)
        operations[1].cancel()
        await iterator.next()
        await expectFailure(.cancelled) { try results.items[1].get() }
        #expect(buffer.bytes(3) == [1, 2, 3])
    }

    @Test func `a leased or archived blob says so`() async throws {
        store.add(blob, [1]) { $0.leaseState = "leased" }
        await expectFailure(.leased) { try await store.delete(blob, condition: .any) }
        store.change(blob) { properties in
            properties.leaseState = nil
            properties.accessTier = "Archive"
        }
        let buffer = ReadBuffer(byteCount: 1)
        let read = BlobRead(blob: blob, range: 0..<1, condition: .any, verification: .none, destination: buffer.start)
        await expectFailure(.archived) {
            try await withCheckedContinuation { continuation in
                store.read(read) { continuation.resume(returning: $0) }
            }.get()
        }
    }

    @Test func `the reference checksums are right`() {
        // The check value of CRC-64/NVME, which is Azure's.
        #expect(CRC64Reference.of("123456789".utf8) == 0xAE8B_1486_0A79_9888)
        #expect(
            md5(Array("hello".utf8)).map { String(Int($0) + 256, radix: 16).dropFirst() }.joined()
                == "5d41402abc4b2a76b9719d911017c592"
        )
    }
}
