import BlobStorage
import Testing

/// What storage promises about the names of blobs.
@Suite(.timeLimit(.minutes(5)))
struct NameContract {
    private static let odd = [
        "with space", "$JobOutput/a", "t1/$TaskLog/stdout.txt", "100%", "%2F", "a%20b", "a+b", "q?x=1&y=2", "#hash",
        "a;b=c",
        "\"quoted\"", "it's", "<xml>&amp;</xml>", "[brackets]{}|^`~", "*:,!@()", "ümlaut", "日本語", "😀", "\u{600}/a",
        "//double",
        "trailing/", ".hidden", "..two", "a..b", "name.with.dots", "x\u{301}", " leading", "UPPER",
    ]

    @Test(arguments: StorageUnderTest.flat)
    func `a name comes back as it was given`(storage: StorageUnderTest) async throws {
        try await Bench.run(storage) { bench in
            for name in Self.odd { try await bench.put(name, name) }
            let listed = try await bench.names()
            #expect(Set(listed.map { Array($0.utf8) }) == Set(Self.odd.map { Array($0.utf8) }))
            for name in Self.odd {
                #expect(try await bench.text(of: name) == name)
                #expect(try await bench.names(prefix: name).contains { $0.utf8.elementsEqual(name.utf8) }, "\(name)")
            }
            for name in Self.odd { try await bench.store.delete(bench.address(name), condition: .any) }
            #expect(try await bench.names() == [])
        }
    }

    @Test(arguments: StorageUnderTest.available)
    func `a blob with an odd name can be staged, appended to and copied`(storage: StorageUnderTest) async throws {
        try await Bench.run(storage) { bench in
            let name = "dir %25/ü+ß&?#/x"
            try await bench.stage(0, "staged", of: name)
            try await bench.commit([.latest(Bench.id(0))], of: name)
            #expect(try await bench.text(of: name) == "staged")
            let log = bench.address(name + ".log")
            _ = try await bench.store.createAppendBlob(log, headers: BlobHeaders(), condition: .absent)
            _ = try await bench.store.append(UploadBody([0x61]), to: log, at: 0)
            #expect(try await bench.text(of: log.name) == "a")
            _ = try await bench.store.copy(
                bench.address(name),
                sourceCondition: .any,
                to: bench.address(name + " copy"),
                metadata: nil,
                condition: .absent
            )
            #expect(try await bench.text(of: name + " copy") == "staged")
        }
    }

    @Test(arguments: StorageUnderTest.flat)
    func `names that differ in bytes are different blobs`(storage: StorageUnderTest) async throws {
        try await Bench.run(storage) { bench in
            let names = ["\u{e9}", "e\u{301}", "a", "A", "a/b", "a/B", "%41", "\u{212B}", "\u{c5}"]
            for (index, name) in names.enumerated() { try await bench.put(name, "\(index)") }
            for (index, name) in names.enumerated() { #expect(try await bench.text(of: name) == "\(index)") }
            #expect(try await bench.names().count == names.count)
        }
    }

    @Test(arguments: StorageUnderTest.available)
    func `a name has 1 to 1,024 characters`(storage: StorageUnderTest) async throws {
        try await Bench.run(storage) { bench in
            let longest = String(repeating: "x", count: 1024)
            try await bench.put(longest, "long")
            #expect(try await bench.names() == [longest])
            await expectFailure(.invalid) { try await bench.put(longest + "x", "too long") }
            await expectFailure(.invalid) { try await bench.put("", "no name") }
        }
    }

    /// The service would drop, change or fail to list them; storage refuses them before they are sent.
    @Test(
        arguments: StorageUnderTest.available,
        ["dot.", "dir./a", "back\\slash", "tab\t", "new\nline", "\u{7F}", ".", "a/../b"]
    )
    func `a name that storage would not keep is refused`(storage: StorageUnderTest, name: String) async throws {
        try await Bench.run(storage) { bench in
            await expectFailure(.invalid) { try await bench.put(name, "text") }
            await expectFailure(.invalid) { try await bench.stage(0, "text", of: name) }
            let names = try await bench.names()
            #expect(names == [])
        }
    }
}
