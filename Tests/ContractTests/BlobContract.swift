import BlobStorage
import TestSupport
import Testing

/// What storage promises about blobs that are put in one go, and about their end.
@Suite(.timeLimit(.minutes(5)))
struct BlobContract {
    @Test(arguments: StorageUnderTest.available)
    func `a blob reads back as it was put`(storage: StorageUnderTest) async throws {
        try await Bench.run(storage) { bench in
            let version = try await bench.put("a/b.txt", "hello")
            let properties = try await bench.store.properties(of: bench.address("a/b.txt"))
            #expect(properties.version == version)
            #expect(properties.length == 5)
            #expect(properties.type == .block)
            #expect(properties.version.lastModified > 0)
            #expect(properties.version.etag.text.hasPrefix("\"") && properties.version.etag.text.hasSuffix("\""))
            #expect(try await bench.text(of: "a/b.txt") == "hello")
        }
    }

    @Test(arguments: StorageUnderTest.available)
    func `a blob may have no bytes`(storage: StorageUnderTest) async throws {
        try await Bench.run(storage) { bench in
            try await bench.put("empty", "")
            #expect(try await bench.store.properties(of: bench.address("empty")).length == 0)
        }
    }

    @Test(arguments: StorageUnderTest.available)
    func `absent and vacant put a blob only where none is`(storage: StorageUnderTest) async throws {
        try await Bench.run(storage) { bench in
            for (name, condition) in [("x", VersionCondition.absent), ("y", .vacant)] {
                try await bench.put(name, "first", condition: condition)
                await expectFailure(.alreadyExists) { try await bench.put(name, "second", condition: condition) }
                #expect(try await bench.text(of: name) == "first")
            }
        }
    }

    @Test(arguments: StorageUnderTest.available)
    func `matches puts a blob only over that version`(storage: StorageUnderTest) async throws {
        try await Bench.run(storage) { bench in
            let first = try await bench.put("x", "first")
            let second = try await bench.put("x", "second", condition: .matches(first.etag))
            await expectFailure(.conditionFailed) { try await bench.put("x", "third", condition: .matches(first.etag)) }
            #expect(try await bench.text(of: "x") == "second")
            try await bench.store.delete(bench.address("x"), condition: .any)
            await expectFailure(.conditionFailed) {
                try await bench.put("x", "third", condition: .matches(second.etag))
            }
            await expectFailure(.notFound) { try await bench.store.properties(of: bench.address("x")) }
        }
    }

    @Test(arguments: StorageUnderTest.available)
    func `of many that put an absent blob at once, one does`(storage: StorageUnderTest) async throws {
        try await Bench.run(storage) { bench in
            let winners = await withTaskGroup(of: Int?.self) { group in
                for number in 0..<8 {
                    group.addTask {
                        do {
                            try await bench.put("x", "by \(number)", condition: .absent)
                            return number
                        } catch {
                            #expect((error as? StorageError)?.kind == .alreadyExists)
                            return nil
                        }
                    }
                }
                return await group.reduce(into: []) { winners, number in winners += number.map { [$0] } ?? [] }
            }
            let text = try await bench.text(of: "x")
            #expect(winners.map { "by \($0)" } == [text])
        }
    }

    @Test(arguments: StorageUnderTest.available)
    func `what is not there is not found`(storage: StorageUnderTest) async throws {
        try await Bench.run(storage) { bench in
            let (store, blob) = (bench.store, bench.address("nothing"))
            await expectFailure(.notFound) { try await store.properties(of: blob) }
            await expectFailure(.notFound) { try await store.blockList(of: blob) }
            await expectFailure(.notFound) { try await store.setMetadata([:], of: blob, condition: .any) }
            await expectFailure(.notFound) { try await store.setProperties(BlobHeaders(), of: blob, condition: .any) }
            await expectFailure(.notFound) { try await store.delete(blob, condition: .any) }
            await expectFailure(.notFound) { try await bench.read("nothing", 0..<1) }
            await expectFailure(.notFound) { try await store.append(UploadBody([1]), to: blob, at: 0) }
        }
    }

    @Test(arguments: StorageUnderTest.available)
    func `a delete names its version`(storage: StorageUnderTest) async throws {
        try await Bench.run(storage) { bench in
            let first = try await bench.put("x", "first")
            let second = try await bench.put("x", "second")
            let blob = bench.address("x")
            await expectFailure(.conditionFailed) {
                try await bench.store.delete(blob, condition: .matches(first.etag))
            }
            #expect(try await bench.text(of: "x") == "second")
            try await bench.store.delete(blob, condition: .matches(second.etag))
            await expectFailure(.notFound) { try await bench.store.properties(of: blob) }
        }
    }

    @Test(arguments: StorageUnderTest.available)
    func `bytes that changed on the way are refused and not stored`(storage: StorageUnderTest) async throws {
        try await Bench.run(storage) { bench in
            let bytes = Array("hello".utf8)
            let blob = bench.address("x")
            for checksum: BodyChecksum in [.md5(md5(bytes + [0])), .crc64(CRC64Reference.of(bytes) ^ 1)] {
                let body = UploadBody(bytes, checksum: checksum)
                await expectFailure(.corrupted) {
                    try await bench.store.putBlob(blob, body, headers: BlobHeaders(), condition: .any)
                }
                await expectFailure(.corrupted) { try await bench.store.putBlock(Bench.id(0), of: blob, body) }
            }
            await expectFailure(.notFound) { try await bench.store.properties(of: blob) }
            for checksum: BodyChecksum in [.md5(md5(bytes)), .crc64(CRC64Reference.of(bytes))] {
                let body = UploadBody(bytes, checksum: checksum)
                _ = try await bench.store.putBlob(blob, body, headers: BlobHeaders(), condition: .any)
                #expect(try await bench.text(of: "x") == "hello")
            }
        }
    }

    @Test(arguments: StorageUnderTest.available)
    func `a body that comes in crumbs arrives whole`(storage: StorageUnderTest) async throws {
        try await Bench.run(storage) { bench in
            let bytes = (0..<10_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
            let body = UploadBody(byteCount: bytes.count, checksum: .crc64(CRC64Reference.of(bytes))) {
                offset,
                buffer in
                let count = min(buffer.count, bytes.count - offset, 777)
                bytes.withUnsafeBytes {
                    buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[offset..<offset + count]))
                }
                return count
            }
            _ = try await bench.store.putBlob(bench.address("x"), body, headers: BlobHeaders(), condition: .any)
            #expect(try await bench.read("x", 0..<10_000).bytes == bytes)
        }
    }

    @Test(arguments: StorageUnderTest.available)
    func `a body that cannot be read stores nothing`(storage: StorageUnderTest) async throws {
        try await Bench.run(storage) { bench in
            let body = UploadBody(byteCount: 100, checksum: .none) { _, _ in nil }
            await expectFailure(.localInput) {
                try await bench.store.putBlob(bench.address("x"), body, headers: BlobHeaders(), condition: .any)
            }
            await expectFailure(.notFound) { try await bench.store.properties(of: bench.address("x")) }
        }
    }
}
