import BlobStorage
import Testing

/// What storage promises about what a blob carries beside its bytes.
@Suite(.timeLimit(.minutes(5)))
struct HeaderContract {
    @Test(arguments: StorageUnderTest.available)
    func `a put replaces content, headers and metadata as a whole`(storage: StorageUnderTest) async throws {
        try await Bench.run(storage) { bench in
            var headers = BlobHeaders(contentType: "text/plain", metadata: ["a": "1"])
            headers.cacheControl = "no-store"
            headers.contentEncoding = "gzip"
            headers.contentLanguage = "de"
            headers.contentDisposition = "inline"
            let first = try await bench.put("x", "one", headers: headers)
            let before = try await bench.store.properties(of: bench.address("x"))
            #expect(before.contentType == "text/plain")
            #expect(before.cacheControl == "no-store")
            #expect(before.contentEncoding == "gzip")
            #expect(before.contentLanguage == "de")
            #expect(before.contentDisposition == "inline")
            expect(before.metadata, contains: ["a": "1"])
            let second = try await bench.put("x", "two!", headers: BlobHeaders(metadata: ["b": "2"]))
            #expect(first.etag != second.etag)
            let after = try await bench.store.properties(of: bench.address("x"))
            #expect(after.contentType == "application/octet-stream")
            #expect(after.cacheControl ?? "" == "")
            #expect(after.contentEncoding ?? "" == "")
            #expect(after.metadata["a"] == nil)
            expect(after.metadata, contains: ["b": "2"])
            #expect(try await bench.text(of: "x") == "two!")
        }
    }

    @Test(arguments: StorageUnderTest.available)
    func `the MD5 that a writer gives is kept`(storage: StorageUnderTest) async throws {
        try await Bench.run(storage) { bench in
            let md5 = "XUFAKrxLKna5cZ2REBfFkg=="  // of "hello"
            try await bench.put("x", "hello", headers: BlobHeaders(contentMD5: md5))
            #expect(try await bench.store.properties(of: bench.address("x")).contentMD5 == md5)
        }
    }

    @Test(arguments: StorageUnderTest.available)
    func `metadata can be replaced alone, which makes a new version`(storage: StorageUnderTest) async throws {
        try await Bench.run(storage) { bench in
            let headers = BlobHeaders(contentType: "text/plain", metadata: ["a": "1"])
            let first = try await bench.put("x", "text", headers: headers)
            let blob = bench.address("x")
            let second = try await bench.store.setMetadata(["B_2": "2"], of: blob, condition: .matches(first.etag))
            #expect(second.etag != first.etag)
            let properties = try await bench.store.properties(of: blob)
            #expect(properties.version == second)
            #expect(properties.contentType == "text/plain")
            #expect(properties.metadata["a"] == nil)
            #expect(properties.metadata["b_2"] == "2")
            #expect(try await bench.text(of: "x") == "text")
            await expectFailure(.conditionFailed) {
                try await bench.store.setMetadata([:], of: blob, condition: .matches(first.etag))
            }
        }
    }

    @Test(arguments: StorageUnderTest.available)
    func `properties can be replaced alone, and metadata stay`(storage: StorageUnderTest) async throws {
        try await Bench.run(storage) { bench in
            var headers = BlobHeaders(contentType: "text/plain", metadata: ["a": "1"])
            headers.cacheControl = "no-store"
            let first = try await bench.put("x", "text", headers: headers)
            let blob = bench.address("x")
            let changed = BlobHeaders(contentType: "image/png", metadata: ["ignored": "yes"])
            let second = try await bench.store.setProperties(changed, of: blob, condition: .matches(first.etag))
            let properties = try await bench.store.properties(of: blob)
            #expect(properties.version == second)
            #expect(properties.contentType == "image/png")
            #expect(properties.cacheControl ?? "" == "")
            #expect(properties.metadata["ignored"] == nil)
            expect(properties.metadata, contains: ["a": "1"])
            await expectFailure(.conditionFailed) {
                try await bench.store.setProperties(changed, of: blob, condition: .matches(first.etag))
            }
        }
    }

    @Test(arguments: StorageUnderTest.available)
    func `metadata that cannot be are refused`(storage: StorageUnderTest) async throws {
        try await Bench.run(storage) { bench in
            try await bench.put("x", "text")
            let blob = bench.address("x")
            let large: BlobMetadata = ["big": String(repeating: "v", count: 9 << 10)]
            await expectFailure(.tooLarge) { try await bench.store.setMetadata(large, of: blob, condition: .any) }
            for bad: BlobMetadata in [["not-a-name": "v"], ["1st": "v"], ["name": "h\u{e9}"], ["name": "a\nb"]] {
                await expectFailure(.invalid) { try await bench.store.setMetadata(bad, of: blob, condition: .any) }
            }
        }
    }
}
