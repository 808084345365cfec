import BlobStorage
import Testing

/// What storage promises about append blobs.
@Suite(.timeLimit(.minutes(5)))
struct AppendContract {
    @Test(arguments: StorageUnderTest.available)
    func `appended bytes are there at once, in order`(storage: StorageUnderTest) async throws {
        try await Bench.run(storage) { bench in
            let log = bench.address("log")
            let created = try await bench.store.createAppendBlob(
                log,
                headers: BlobHeaders(contentType: "text/plain", metadata: ["a": "1"]),
                condition: .absent
            )
            let first = try await bench.store.append(UploadBody(Array("one\n".utf8)), to: log, at: 0)
            #expect(first.offset == 0)
            #expect(first.committedBlockCount == 1)
            #expect(first.version.etag != created.etag)
            let second = try await bench.store.append(UploadBody(Array("two\n".utf8)), to: log, at: 4)
            #expect(second.offset == 4)
            #expect(second.committedBlockCount == 2)
            let properties = try await bench.store.properties(of: log)
            #expect(properties.type == .append)
            #expect(properties.length == 8)
            #expect(properties.contentType == "text/plain")
            #expect(properties.committedBlockCount == 2)
            #expect(properties.version == second.version)
            expect(properties.metadata, contains: ["a": "1"])
            #expect(try await bench.read("log", 0..<8).bytes == Array("one\ntwo\n".utf8))
        }
    }

    @Test(arguments: StorageUnderTest.available)
    func `an append lands at its position or nowhere`(storage: StorageUnderTest) async throws {
        try await Bench.run(storage) { bench in
            let log = bench.address("log")
            _ = try await bench.store.createAppendBlob(log, headers: BlobHeaders(), condition: .absent)
            _ = try await bench.store.append(UploadBody(Array("1234".utf8)), to: log, at: 0)
            for position in [0, 3, 5] as [UInt64] {
                await expectFailure(.conditionFailed) {
                    try await bench.store.append(UploadBody(Array("five".utf8)), to: log, at: position)
                }
            }
            #expect(try await bench.text(of: "log") == "1234")
        }
    }

    @Test(arguments: StorageUnderTest.available)
    func `of many appends to one position, one lands`(storage: StorageUnderTest) async throws {
        try await Bench.run(storage) { bench in
            let log = bench.address("log")
            _ = try await bench.store.createAppendBlob(log, headers: BlobHeaders(), condition: .absent)
            let winners = await withTaskGroup(of: Int?.self) { group in
                for number in 0..<8 {
                    group.addTask {
                        do {
                            _ = try await bench.store.append(UploadBody(Array("by \(number)".utf8)), to: log, at: 0)
                            return number
                        } catch {
                            #expect((error as? StorageError)?.kind == .conditionFailed)
                            return nil
                        }
                    }
                }
                return await group.reduce(into: []) { winners, number in winners += number.map { [$0] } ?? [] }
            }
            let text = try await bench.text(of: "log")
            #expect(winners.map { "by \($0)" } == [text])
        }
    }

    @Test(arguments: StorageUnderTest.available)
    func `creating an append blob again empties it, unless it must be absent`(storage: StorageUnderTest) async throws {
        try await Bench.run(storage) { bench in
            let log = bench.address("log")
            _ = try await bench.store.createAppendBlob(log, headers: BlobHeaders(), condition: .absent)
            _ = try await bench.store.append(UploadBody(Array("1234".utf8)), to: log, at: 0)
            await expectFailure(.alreadyExists) {
                try await bench.store.createAppendBlob(log, headers: BlobHeaders(), condition: .absent)
            }
            #expect(try await bench.text(of: "log") == "1234")
            _ = try await bench.store.createAppendBlob(log, headers: BlobHeaders(), condition: .any)
            #expect(try await bench.store.properties(of: log).length == 0)
            _ = try await bench.store.append(UploadBody(Array("new".utf8)), to: log, at: 0)
            #expect(try await bench.text(of: "log") == "new")
        }
    }

    @Test(arguments: StorageUnderTest.available)
    func `a blob keeps its type until it is deleted`(storage: StorageUnderTest) async throws {
        try await Bench.run(storage) { bench in
            let (store, log, block) = (bench.store, bench.address("log"), bench.address("block"))
            _ = try await store.createAppendBlob(log, headers: BlobHeaders(), condition: .absent)
            try await bench.put("block", "text")
            await expectFailure(.conflict) { try await bench.put("log", "text") }
            await expectFailure(.conflict) { try await store.putBlock(Bench.id(0), of: log, UploadBody([1])) }
            await expectFailure(.conflict) { try await store.append(UploadBody([1]), to: block, at: 4) }
            await expectFailure(.conflict) {
                try await store.createAppendBlob(block, headers: BlobHeaders(), condition: .any)
            }
            #expect(try await bench.text(of: "block") == "text")
            try await store.delete(log, condition: .any)
            try await bench.put("log", "now a block blob")
            #expect(try await store.properties(of: log).type == .block)
        }
    }

    @Test(arguments: StorageUnderTest.available)
    func `an append has 1 byte to 4 MiB`(storage: StorageUnderTest) async throws {
        try await Bench.run(storage) { bench in
            let log = bench.address("log")
            _ = try await bench.store.createAppendBlob(log, headers: BlobHeaders(), condition: .absent)
            await expectFailure(.invalid) { try await bench.store.append(.empty, to: log, at: 0) }
            let largest = UploadBody(Array(repeating: 1, count: 4 << 20))
            #expect(try await bench.store.append(largest, to: log, at: 0).offset == 0)
            #expect(try await bench.store.properties(of: log).length == 4 << 20)
        }
    }
}
