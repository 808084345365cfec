import BlobStorage
import Testing

/// What storage promises about blocks and the lists that make blobs of them.
@Suite(.timeLimit(.minutes(5)))
struct BlockContract {
    @Test(arguments: StorageUnderTest.available)
    func `staged blocks show nothing until they are committed`(storage: StorageUnderTest) async throws {
        try await Bench.run(storage) { bench in
            try await bench.stage(0, "one ", of: "x")
            try await bench.stage(1, "two", of: "x")
            await expectFailure(.notFound) { try await bench.store.properties(of: bench.address("x")) }
            #expect(try await bench.names() == [])
            let list = try await bench.store.blockList(of: bench.address("x"))
            #expect(list.committed == [])
            #expect(
                Set(list.uncommitted) == [Block(id: Bench.id(0), byteCount: 4), Block(id: Bench.id(1), byteCount: 3)]
            )
            #expect(list.version == nil)
            let version = try await bench.commit([.latest(Bench.id(0)), .latest(Bench.id(1))], of: "x")
            #expect(try await bench.text(of: "x") == "one two")
            #expect(try await bench.store.properties(of: bench.address("x")).version == version)
        }
    }

    @Test(arguments: StorageUnderTest.available)
    func `the list is the blob: order counts, and blocks may repeat`(storage: StorageUnderTest) async throws {
        try await Bench.run(storage) { bench in
            try await bench.stage(0, "a", of: "x")
            try await bench.stage(1, "b", of: "x")
            let list = [1, 0, 1, 1].map { BlockReference.uncommitted(Bench.id($0)) }
            // The service takes repeated `Latest`; what repeats must not be `Uncommitted`.
            try await bench.commit(list.map { .latest($0.id) }, of: "x")
            #expect(try await bench.text(of: "x") == "babb")
            let blocks = try await bench.store.blockList(of: bench.address("x"))
            #expect(blocks.committed.map(\.id) == list.map(\.id))
            #expect(blocks.uncommitted == [])
        }
    }

    @Test(arguments: StorageUnderTest.available)
    func `committed blocks can be kept beside new ones`(storage: StorageUnderTest) async throws {
        try await Bench.run(storage) { bench in
            for (number, text) in ["old0 ", "old1 ", "old2"].enumerated() {
                try await bench.stage(number, text, of: "x")
            }
            let first = try await bench.commit((0..<3).map { .latest(Bench.id($0)) }, of: "x")
            try await bench.stage(9, "NEW ", of: "x")
            let list: [BlockReference] = [.committed(Bench.id(0)), .uncommitted(Bench.id(9)), .committed(Bench.id(2))]
            let second = try await bench.commit(list, of: "x", condition: .matches(first.etag))
            #expect(first.etag != second.etag)
            #expect(try await bench.text(of: "x") == "old0 NEW old2")
            // What was not listed is gone.
            await expectFailure(.conflict) { try await bench.commit([.committed(Bench.id(1))], of: "x") }
        }
    }

    @Test(arguments: StorageUnderTest.available)
    func `latest prefers the block that is not committed yet`(storage: StorageUnderTest) async throws {
        try await Bench.run(storage) { bench in
            try await bench.stage(0, "old", of: "x")
            try await bench.commit([.latest(Bench.id(0))], of: "x")
            try await bench.stage(0, "newer", of: "x")
            try await bench.stage(0, "newest", of: "x")
            try await bench.commit([.committed(Bench.id(0)), .latest(Bench.id(0))], of: "x")
            #expect(try await bench.text(of: "x") == "oldnewest")
        }
    }

    @Test(arguments: StorageUnderTest.available)
    func `a list that names an unknown block changes nothing`(storage: StorageUnderTest) async throws {
        try await Bench.run(storage) { bench in
            try await bench.put("x", "before")
            try await bench.stage(0, "after", of: "x")
            await expectFailure(.conflict) {
                try await bench.commit([.latest(Bench.id(0)), .latest(Bench.id(5))], of: "x")
            }
            #expect(try await bench.text(of: "x") == "before")
        }
    }

    @Test(arguments: StorageUnderTest.available)
    func `an empty list makes an empty blob`(storage: StorageUnderTest) async throws {
        try await Bench.run(storage) { bench in
            try await bench.commit([], of: "x", headers: BlobHeaders(contentType: "text/plain"))
            let properties = try await bench.store.properties(of: bench.address("x"))
            #expect(properties.length == 0)
            #expect(properties.contentType == "text/plain")
        }
    }

    @Test(arguments: StorageUnderTest.available)
    func `all ids of a blob have one length`(storage: StorageUnderTest) async throws {
        try await Bench.run(storage) { bench in
            try await bench.stage(0, "a", of: "x")
            let longer = BlockID(base64: "AAAAAAAA")
            await expectFailure(.conflict) {
                try await bench.store.putBlock(longer, of: bench.address("x"), UploadBody([1]))
            }
        }
    }

    @Test(arguments: StorageUnderTest.available)
    func `a commit replaces headers, and drops what was staged beside it`(storage: StorageUnderTest) async throws {
        try await Bench.run(storage) { bench in
            let headers = BlobHeaders(
                contentType: "text/plain",
                contentMD5: "XUFAKrxLKna5cZ2REBfFkg==",
                metadata: ["a": "1"]
            )
            try await bench.stage(0, "hello", of: "x")
            try await bench.stage(1, "unused", of: "x")
            try await bench.commit([.latest(Bench.id(0))], of: "x", headers: headers)
            var properties = try await bench.store.properties(of: bench.address("x"))
            #expect(properties.contentType == "text/plain")
            #expect(properties.contentMD5 == "XUFAKrxLKna5cZ2REBfFkg==")
            expect(properties.metadata, contains: ["a": "1"])
            await expectFailure(.conflict) { try await bench.commit([.latest(Bench.id(1))], of: "x") }
            try await bench.commit([.committed(Bench.id(0))], of: "x")
            properties = try await bench.store.properties(of: bench.address("x"))
            #expect(properties.contentType ?? "application/octet-stream" == "application/octet-stream")
            #expect(properties.contentMD5 == nil)
            #expect(properties.metadata["a"] == nil)
        }
    }

    @Test(arguments: StorageUnderTest.available)
    func `a put in one go shows no blocks and drops the staged ones`(storage: StorageUnderTest) async throws {
        try await Bench.run(storage) { bench in
            try await bench.stage(0, "staged", of: "x")
            let version = try await bench.put("x", "whole")
            let list = try await bench.store.blockList(of: bench.address("x"))
            #expect(list.committed == [])
            #expect(list.uncommitted == [])
            #expect(list.version?.etag == version.etag)
        }
    }

    @Test(arguments: StorageUnderTest.available)
    func `a list may have 50,000 entries and no more`(storage: StorageUnderTest) async throws {
        try await Bench.run(storage) { bench in
            try await bench.stage(0, "x", of: "x")
            let entry = BlockReference.latest(Bench.id(0))
            await expectFailure(.tooLarge) { try await bench.commit(Array(repeating: entry, count: 50_001), of: "x") }
            try await bench.commit(Array(repeating: entry, count: 50_000), of: "x")
            #expect(try await bench.store.properties(of: bench.address("x")).length == 50_000)
            #expect(try await bench.store.blockList(of: bench.address("x")).committed.count == 50_000)
        }
    }

    @Test(arguments: StorageUnderTest.available)
    func `a block can be taken from another blob`(storage: StorageUnderTest) async throws {
        try await Bench.run(storage) { bench in
            let version = try await bench.put("source", "0123456789")
            let (source, blob) = (bench.address("source"), bench.address("x"))
            let condition = VersionCondition.matches(version.etag)
            try await bench.store.putBlock(
                Bench.id(0),
                of: blob,
                from: source,
                range: 2..<5,
                sourceCondition: condition
            )
            try await bench.commit([.latest(Bench.id(0))], of: "x")
            #expect(try await bench.text(of: "x") == "234")
            try await bench.put("source", "abcdefghij")
            await expectFailure(.conditionFailed) {
                try await bench.store.putBlock(
                    Bench.id(1),
                    of: blob,
                    from: source,
                    range: 2..<5,
                    sourceCondition: condition
                )
            }
            await expectFailure(.notFound) {
                let missing = bench.address("missing")
                try await bench.store.putBlock(
                    Bench.id(1),
                    of: blob,
                    from: missing,
                    range: 2..<5,
                    sourceCondition: .any
                )
            }
        }
    }

    @Test(arguments: StorageUnderTest.available)
    func `a commit names what it replaces`(storage: StorageUnderTest) async throws {
        try await Bench.run(storage) { bench in
            try await bench.stage(0, "first", of: "x")
            let first = try await bench.commit([.latest(Bench.id(0))], of: "x", condition: .absent)
            try await bench.stage(1, "second", of: "x")
            await expectFailure(.alreadyExists) {
                try await bench.commit([.latest(Bench.id(1))], of: "x", condition: .absent)
            }
            try await bench.put("x", "foreign")
            try await bench.stage(1, "second", of: "x")
            await expectFailure(.conditionFailed) {
                try await bench.commit([.latest(Bench.id(1))], of: "x", condition: .matches(first.etag))
            }
            #expect(try await bench.text(of: "x") == "foreign")
        }
    }

    @Test(arguments: StorageUnderTest.available)
    func `of two commits over one version, one wins as a whole`(storage: StorageUnderTest) async throws {
        try await Bench.run(storage) { bench in
            for round in 0..<5 {
                let name = "x\(round)"
                let before = try await bench.put(name, "before")
                for number in 0..<2 { try await bench.stage(number, "by \(number)", of: name) }
                let winners = await withTaskGroup(of: Int?.self) { group in
                    for number in 0..<2 {
                        group.addTask {
                            let list = [BlockReference.latest(Bench.id(number))]
                            do {
                                try await bench.commit(list, of: name, condition: .matches(before.etag))
                                return number
                            } catch {
                                // The winner's commit also drops the loser's block: either may be told.
                                let kind = (error as? StorageError)?.kind
                                #expect(kind == .conditionFailed || kind == .conflict)
                                return nil
                            }
                        }
                    }
                    return await group.reduce(into: []) { winners, number in winners += number.map { [$0] } ?? [] }
                }
                let text = try await bench.text(of: name)
                #expect(winners.map { "by \($0)" } == [text])
            }
        }
    }
}

extension BlockReference {
    fileprivate var id: BlockID {
        switch self {
        case .latest(let id), .committed(let id), .uncommitted(let id): id
        }
    }
}
