import BlobStorage
import Testing

/// What storage promises about server-side copies.
@Suite(.timeLimit(.minutes(5)))
struct CopyContract {
    @Test(arguments: StorageUnderTest.available)
    func `a copy has the bytes, headers and metadata of its source`(storage: StorageUnderTest) async throws {
        try await Bench.run(storage) { bench in
            var headers = BlobHeaders(contentType: "text/plain", metadata: ["a": "1", "modtime": "17"])
            headers.cacheControl = "no-store"
            try await bench.put("source", "content", headers: headers)
            let copied = try await copy("source", to: "target", in: bench)
            let properties = try await bench.store.properties(of: bench.address("target"))
            #expect(copied.version == properties.version)
            #expect(copied.contentType == "text/plain")
            #expect(copied.cacheControl == "no-store")
            #expect((copied.length, copied.type) == (properties.length, properties.type))
            #expect(copied.contentMD5 == properties.contentMD5)
            expect(copied.metadata, contains: ["a": "1", "modtime": "17"])
            #expect(properties.contentType == "text/plain")
            #expect(properties.cacheControl == "no-store")
            expect(properties.metadata, contains: ["a": "1", "modtime": "17"])
            #expect(try await bench.text(of: "target") == "content")
            #expect(try await bench.text(of: "source") == "content")
        }
    }

    @Test(arguments: StorageUnderTest.available)
    func `metadata given to a copy replace the source's`(storage: StorageUnderTest) async throws {
        try await Bench.run(storage) { bench in
            try await bench.put("source", "content", headers: BlobHeaders(metadata: ["a": "1"]))
            _ = try await copy("source", to: "target", in: bench, metadata: ["b": "2"])
            let metadata = try await bench.store.properties(of: bench.address("target")).metadata
            #expect(metadata["a"] == nil)
            expect(metadata, contains: ["b": "2"])
        }
    }

    @Test(arguments: StorageUnderTest.available)
    func `an empty blob can be copied`(storage: StorageUnderTest) async throws {
        try await Bench.run(storage) { bench in
            try await bench.put("source", "", headers: BlobHeaders(metadata: ["hdi_isfolder": "true"]))
            _ = try await copy("source", to: "target", in: bench)
            let properties = try await bench.store.properties(of: bench.address("target"))
            #expect(properties.length == 0)
            expect(properties.metadata, contains: ["hdi_isfolder": "true"])
        }
    }

    @Test(arguments: StorageUnderTest.ofOneAccount)
    func `a copy reaches another container`(storage: StorageUnderTest) async throws {
        try await Bench.run(storage) { bench in
            let other = Bench.freshName()
            _ = try await bench.store.createContainer(other, metadata: [:])
            try await bench.put("dir/with space/ü%.txt", "content")
            let target = BlobAddress(container: other, name: "target")
            _ = try await bench.store.copy(
                bench.address("dir/with space/ü%.txt"),
                sourceCondition: .any,
                to: target,
                metadata: nil,
                condition: .any
            )
            #expect(try await bench.store.properties(of: target).length == 7)
            try await bench.store.deleteContainer(other)
        }
    }

    @Test(arguments: StorageUnderTest.available)
    func `a copy names the versions of both sides`(storage: StorageUnderTest) async throws {
        try await Bench.run(storage) { bench in
            let source = try await bench.put("source", "new")
            let target = try await bench.put("target", "old")
            await expectFailure(.alreadyExists) {
                try await copy("source", to: "target", in: bench, condition: .absent)
            }
            await expectFailure(.conditionFailed) {
                try await copy("source", to: "target", in: bench, condition: .matches(source.etag))
            }
            await expectFailure(.conditionFailed) {
                try await copy("source", to: "target", in: bench, sourceCondition: .matches(target.etag))
            }
            #expect(try await bench.text(of: "target") == "old")
            _ = try await copy(
                "source",
                to: "target",
                in: bench,
                sourceCondition: .matches(source.etag),
                condition: .matches(target.etag)
            )
            #expect(try await bench.text(of: "target") == "new")
        }
    }

    @Test(arguments: StorageUnderTest.available)
    func `a copy of a version that is known is of that version or none`(storage: StorageUnderTest) async throws {
        for old in ["old", ""] { try await copyKnown(old, in: storage) }
    }

    private func copyKnown(_ old: String, in storage: StorageUnderTest) async throws {
        try await Bench.run(storage) { bench in
            try await bench.put("source", old, headers: BlobHeaders(contentType: "text/plain"))
            let known = try await bench.store.properties(of: bench.address("source"))
            func copy() async throws -> BlobProperties {
                try await bench.store.copy(
                    bench.address("source"),
                    sourceCondition: .any,
                    known: known,
                    to: bench.address("target"),
                    metadata: nil,
                    condition: .any
                )
            }
            #expect(try await copy().contentType == "text/plain")
            #expect(try await bench.text(of: "target") == old)
            try await bench.put("source", "new")
            await expectFailure(.conditionFailed) { try await copy() }
            #expect(try await bench.text(of: "target") == old)
        }
    }

    @Test(arguments: StorageUnderTest.available)
    func `what is not there cannot be copied`(storage: StorageUnderTest) async throws {
        try await Bench.run(storage) { bench in
            await expectFailure(.notFound) { try await copy("missing", to: "target", in: bench) }
            await expectFailure(.notFound) { try await bench.store.properties(of: bench.address("target")) }
        }
    }

    /// Only a block blob can be put together unseen.
    @Test(arguments: StorageUnderTest.available)
    func `a copy of an append blob is a block blob`(storage: StorageUnderTest) async throws {
        try await Bench.run(storage) { bench in
            let log = bench.address("log")
            let headers = BlobHeaders(contentType: "text/plain", metadata: ["a": "1"])
            _ = try await bench.store.createAppendBlob(log, headers: headers, condition: .absent)
            _ = try await copy("log", to: "empty", in: bench)
            #expect(try await bench.store.properties(of: bench.address("empty")).length == 0)
            _ = try await bench.store.append(UploadBody(Array("line\n".utf8)), to: log, at: 0)
            _ = try await copy("log", to: "target", in: bench)
            let properties = try await bench.store.properties(of: bench.address("target"))
            #expect(properties.type == .block)
            #expect(properties.contentType == "text/plain")
            expect(properties.metadata, contains: ["a": "1"])
            #expect(try await bench.text(of: "target") == "line\n")
        }
    }

    @Test(arguments: StorageUnderTest.available)
    func `a copy does not replace an append blob`(storage: StorageUnderTest) async throws {
        try await Bench.run(storage) { bench in
            let log = bench.address("log")
            _ = try await bench.store.createAppendBlob(log, headers: BlobHeaders(), condition: .absent)
            _ = try await bench.store.append(UploadBody(Array("line\n".utf8)), to: log, at: 0)
            try await bench.put("source", "text")
            await expectFailure(.conflict) { try await copy("source", to: "log", in: bench) }
            #expect(try await bench.text(of: "log") == "line\n")
        }
    }

    @discardableResult
    private func copy(
        _ source: String,
        to target: String,
        in bench: Bench,
        sourceCondition: VersionCondition = .any,
        metadata: BlobMetadata? = nil,
        condition: VersionCondition = .any
    ) async throws -> BlobProperties {
        try await bench.store.copy(
            bench.address(source),
            sourceCondition: sourceCondition,
            to: bench.address(target),
            metadata: metadata,
            condition: condition
        )
    }
}
