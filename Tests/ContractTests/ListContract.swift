import BlobStorage
import Testing

/// What storage promises about listings of blobs.
@Suite(.timeLimit(.minutes(5)))
struct ListContract {
    private static let names = ["a", "a-b", "a/", "a/b", "a/c/d", "b", "b/x", "c//y", "é", "z.txt"]

    @Test(arguments: StorageUnderTest.flat, [nil, 1, 2, 4] as [Int?])
    func `a flat listing has every blob once`(storage: StorageUnderTest, pageSize: Int?) async throws {
        try await Bench.run(storage) { bench in
            for name in Self.names { try await bench.put(name, name) }
            #expect(Set(try await bench.names(pageSize: pageSize)) == Set(Self.names))
            #expect(try await bench.names(pageSize: pageSize).count == Self.names.count)
            #expect(Set(try await bench.names(prefix: "a/", pageSize: pageSize)) == ["a/", "a/b", "a/c/d"])
            #expect(try await bench.names(prefix: "nothing", pageSize: pageSize) == [])
        }
    }

    @Test(arguments: StorageUnderTest.flat, [nil, 1, 2, 4] as [Int?])
    func `with a delimiter, what lies deeper is shown once as a prefix`(storage: StorageUnderTest, pageSize: Int?)
        async throws
    {
        try await Bench.run(storage) { bench in
            for name in Self.names { try await bench.put(name, name) }
            let levels: [(prefix: String, blobs: Set<String>, prefixes: Set<String>)] = [
                ("", ["a", "a-b", "b", "é", "z.txt"], ["a/", "b/", "c/"]),
                ("a", ["a", "a-b"], ["a/"]),
                ("a/", ["a/", "a/b"], ["a/c/"]),
                ("c/", [], ["c//"]),
                ("c//", ["c//y"], []),
            ]
            for level in levels {
                let query = BlobQuery(
                    container: bench.container,
                    prefix: level.prefix,
                    delimiter: "/",
                    pageSize: pageSize
                )
                let items = try await bench.list(query)
                let blobs = items.filter { $0.properties != nil }.map(\.name)
                let prefixes = items.filter { $0.properties == nil }.map(\.name)
                #expect(blobs.sorted() == level.blobs.sorted(), "below \(level.prefix)")
                #expect(prefixes.sorted() == level.prefixes.sorted(), "below \(level.prefix)")
            }
        }
    }

    @Test(arguments: StorageUnderTest.available)
    func `a page is no longer than asked`(storage: StorageUnderTest) async throws {
        try await Bench.run(storage) { bench in
            for number in 0..<7 { try await bench.put("blob\(number)", "") }
            var marker: ListMarker?
            var counts: [Int] = []
            repeat {
                let query = BlobQuery(container: bench.container, pageSize: 3)
                let page = try await bench.store.listBlobs(query, after: marker)
                counts.append(page.items.count)
                marker = page.next
            } while marker != nil
            #expect(counts.allSatisfy { $0 <= 3 })
            #expect(counts.reduce(0, +) == 7)
        }
    }

    @Test(arguments: StorageUnderTest.available)
    func `a listing says what the blob itself says`(storage: StorageUnderTest) async throws {
        try await Bench.run(storage) { bench in
            let headers = BlobHeaders(contentType: "text/plain", metadata: ["hdi_isfolder": "true"])
            try await bench.put("block", "text", headers: headers)
            _ = try await bench.store.createAppendBlob(bench.address("log"), headers: headers, condition: .absent)
            for includesMetadata in [true, false] {
                let query = BlobQuery(container: bench.container, includesMetadata: includesMetadata)
                for item in try await bench.list(query) {
                    let listed = try #require(item.properties)
                    let own = try await bench.store.properties(of: bench.address(item.name))
                    #expect(listed.version == own.version)
                    #expect(listed.length == own.length)
                    #expect(listed.type == own.type)
                    #expect(listed.contentType == own.contentType)
                    #expect(listed.metadata["hdi_isfolder"] == (includesMetadata ? "true" : nil))
                }
            }
        }
    }

    @Test(arguments: StorageUnderTest.available)
    func `uncommitted blobs are listed only when asked for`(storage: StorageUnderTest) async throws {
        try await Bench.run(storage) { bench in
            try await bench.put("committed", "text")
            try await bench.stage(0, "staged", of: "uncommitted")
            #expect(try await bench.names() == ["committed"])
            let query = BlobQuery(container: bench.container, includesUncommitted: true)
            let items = try await bench.list(query)
            #expect(Set(items.map(\.name)) == ["committed", "uncommitted"])
            #expect(items.first { $0.name == "uncommitted" }?.properties?.length == 0)
        }
    }

    @Test(arguments: StorageUnderTest.available)
    func `a change is listed at once`(storage: StorageUnderTest) async throws {
        try await Bench.run(storage) { bench in
            #expect(try await bench.names() == [])
            try await bench.put("a", "")
            #expect(try await bench.names() == ["a"])
            try await bench.store.delete(bench.address("a"), condition: .any)
            #expect(try await bench.names() == [])
        }
    }

    @Test(arguments: StorageUnderTest.available)
    func `a listing survives that its last name is deleted between two pages`(storage: StorageUnderTest) async throws {
        try await Bench.run(storage) { bench in
            for number in 0..<6 { try await bench.put("blob\(number)", "") }
            var seen: [String] = []
            var marker: ListMarker?
            repeat {
                let query = BlobQuery(container: bench.container, pageSize: 2)
                let page = try await bench.store.listBlobs(query, after: marker)
                seen += page.items.map(\.name)
                if let last = page.items.last {
                    try await bench.store.delete(bench.address(last.name), condition: .any)
                }
                marker = page.next
            } while marker != nil
            #expect(seen.sorted() == (0..<6).map { "blob\($0)" })
        }
    }
}
