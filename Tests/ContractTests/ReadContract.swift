import BlobStorage
import Synchronization
import TestSupport
import Testing

/// What storage promises about ranged reads.
@Suite(.timeLimit(.minutes(5)))
struct ReadContract {
    @Test(arguments: StorageUnderTest.available, [RangeVerification.none, .crc64, .md5])
    func `a range comes back exactly`(storage: StorageUnderTest, verification: RangeVerification) async throws {
        try await Bench.run(storage) { bench in
            let version = try await bench.put("x", "0123456789")
            let ranges: [Range<UInt64>] = [0..<1, 0..<10, 3..<7, 9..<10]
            for range in ranges {
                let (bytes, result) = try await bench.read("x", range, verification: verification)
                #expect(
                    String(decoding: bytes, as: UTF8.self)
                        == String("0123456789".dropFirst(Int(range.lowerBound)).prefix(range.count))
                )
                #expect(result.byteCount == range.count)
                #expect(result.blobLength == 10)
                #expect(result.version == version)
            }
        }
    }

    @Test(arguments: StorageUnderTest.available)
    func `an end past the blob's is clipped`(storage: StorageUnderTest) async throws {
        try await Bench.run(storage) { bench in
            try await bench.put("x", "0123456789")
            let (bytes, result) = try await bench.read("x", 8..<100)
            #expect(bytes == Array("89".utf8))
            #expect(result.blobLength == 10)
        }
    }

    /// Such a read is a mistake, or a race with a truncation; it must not bring bytes.
    @Test(arguments: StorageUnderTest.available, [0, 10] as [UInt64])
    func `a read that begins at the end brings nothing`(storage: StorageUnderTest, length: UInt64) async throws {
        try await Bench.run(storage) { bench in
            try await bench.put("x", String(repeating: "x", count: Int(length)))
            let read = try? await bench.read("x", length..<length + 4)
            #expect(read?.bytes ?? [] == [])
        }
    }

    @Test(arguments: StorageUnderTest.available, [UInt64(0), 10, 70_000])
    func `a read that asks for the properties gets all that a HEAD tells, but for the tier`(
        storage: StorageUnderTest,
        length: UInt64
    ) async throws {
        try await Bench.run(storage) { bench in
            var headers = BlobHeaders(contentType: "text/x-odd", metadata: ["a": "b"])
            headers.cacheControl = "no-cache"
            headers.contentEncoding = "odd"
            let body = UploadBody([UInt8](repeating: 1, count: Int(length)))
            _ = try await bench.store.putBlob(bench.address("x"), body, headers: headers, condition: .any)
            headers.contentMD5 = "XrY7u+Ae7tCTyyK7j1rNww=="
            _ = try await bench.store.setProperties(headers, of: bench.address("x"), condition: .any)
            var told = try await bench.store.properties(of: bench.address("x"))
            told.accessTier = nil
            for verification in [RangeVerification.none, .crc64, .md5] {
                let result = try await bench.read("x", 0..<65_536, verification: verification, wantsProperties: true)
                    .result
                #expect(result.byteCount == Int(min(length, 65_536)))
                var answer = result.properties
                // Of an empty blob a HEAD had to tell them.
                answer?.accessTier = nil
                #expect(answer == told)
            }
            #expect(told.contentMD5 == "XrY7u+Ae7tCTyyK7j1rNww==")
        }
    }

    @Test(arguments: StorageUnderTest.available)
    func `a read of one version never shows another`(storage: StorageUnderTest) async throws {
        try await Bench.run(storage) { bench in
            let first = try await bench.put("x", "first")
            #expect(try await bench.read("x", 0..<5, condition: .matches(first.etag)).bytes == Array("first".utf8))
            try await bench.put("x", "other")
            await expectFailure(.conditionFailed) { try await bench.read("x", 0..<5, condition: .matches(first.etag)) }
            #expect(try await bench.read("x", 0..<5).bytes == Array("other".utf8))
            try await bench.store.delete(bench.address("x"), condition: .any)
            await expectFailure(.conditionFailed) { try await bench.read("x", 0..<5, condition: .matches(first.etag)) }
        }
    }

    @Test(arguments: StorageUnderTest.available)
    func `progress only grows, and ends with the result`(storage: StorageUnderTest) async throws {
        try await Bench.run(storage) { bench in
            let count = 300_000
            let content = UploadBody(Array(repeating: 7, count: count))
            _ = try await bench.store.putBlob(bench.address("x"), content, headers: BlobHeaders(), condition: .any)
            let buffer = ReadBuffer(byteCount: count)
            let progress = Log<Int>()
            let read = BlobRead(
                blob: bench.address("x"),
                range: 0..<UInt64(count),
                condition: .any,
                verification: .none,
                destination: buffer.start,
                onProgress: { progress.append($0) }
            )
            let result = try await withCheckedContinuation { continuation in
                bench.store.read(read) { continuation.resume(returning: $0) }
            }.get()
            #expect(result.byteCount == count)
            #expect(buffer.bytes(count).allSatisfy { $0 == 7 })
            let steps = progress.items
            #expect(!steps.isEmpty)
            #expect(zip(steps, steps.dropFirst()).allSatisfy { $0 <= $1 })
            #expect(steps.allSatisfy { (1...count).contains($0) })
        }
    }

    @Test(arguments: StorageUnderTest.available)
    func `many reads at once each get their own bytes`(storage: StorageUnderTest) async throws {
        try await Bench.run(storage) { bench in
            let content = (0..<64 * 1024).map { UInt8(truncatingIfNeeded: $0 / 256) }
            _ = try await bench.store.putBlob(
                bench.address("x"),
                UploadBody(content),
                headers: BlobHeaders(),
                condition: .any
            )
            try await withThrowingTaskGroup(of: Void.self) { group in
                for block in 0..<UInt64(64) {
                    group.addTask {
                        let bytes = try await bench.read("x", block * 1024..<block * 1024 + 1024).bytes
                        #expect(bytes == Array(content[Int(block) * 1024..<Int(block) * 1024 + 1024]))
                    }
                }
                try await group.waitForAll()
            }
        }
    }

    @Test(arguments: StorageUnderTest.available)
    func `a cancelled read completes once, with cancelled or with what was faster`(storage: StorageUnderTest)
        async throws
    {
        try await Bench.run(storage) { bench in
            _ = try await bench.store.putBlob(
                bench.address("x"),
                UploadBody(Array(repeating: 1, count: 1 << 20)),
                headers: BlobHeaders(),
                condition: .any
            )
            for _ in 0..<20 {
                let buffer = ReadBuffer(byteCount: 1 << 20)
                let read = BlobRead(
                    blob: bench.address("x"),
                    range: 0..<1 << 20,
                    condition: .any,
                    verification: .none,
                    destination: buffer.start
                )
                let completions = Log<Bool>()
                // A second completion would resume the continuation twice, which traps.
                let result = await withCheckedContinuation { continuation in
                    let operation = bench.store.read(read) { result in
                        completions.append(true)
                        continuation.resume(returning: result)
                    }
                    operation.cancel()
                    operation.cancel()
                }
                switch result {
                case .success(let result): #expect(result.byteCount == 1 << 20)
                case .failure(let error): #expect(error.kind == .cancelled)
                }
                #expect(completions.items.count == 1)
                withExtendedLifetime(buffer) {}
            }
        }
    }
}

/// What callbacks reported, in order.
final class Log<Item: Sendable>: Sendable {
    private let log = Mutex<[Item]>([])

    func append(_ item: Item) { log.withLock { $0.append(item) } }
    var items: [Item] { log.withLock { $0 } }
}
