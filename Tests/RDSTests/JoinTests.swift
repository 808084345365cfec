import RDS
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(1)))
struct JoinTests {
    /// A list out of several files, read again.
    private func joined(_ files: [[UInt8]], dropping errors: Bool = false) throws -> (bytes: [UInt8], ResultList) {
        let lists = try files.map { try ResultList(MemoryBytes($0[...])) }
        let sink = CollectedBytes()
        var names: [String] = []
        for list in lists {
            let dropped = errors ? Set(list.failures.map(\.position)) : []
            names += list.names.indices.filter { !dropped.contains($0) }.map { list.names[$0] }
        }
        let version = lists.map(\.version).max() ?? 2
        let joiner = try ResultJoiner(to: sink, version: version, nativeEncoding: "UTF-8", count: names.count)
        for (file, list) in zip(files, lists) {
            try joiner.append(
                MemoryBytes(file[...]),
                list,
                dropping: errors ? Set(list.failures.map(\.position)) : []
            )
        }
        try joiner.finish(names: names)
        return (sink.bytes, try ResultList(MemoryBytes(sink.bytes[...])))
    }

    @Test(arguments: ["v2", "v3"])
    func `elements and names of all files follow each other`(_ version: String) throws {
        let files = try ["errors", "kinds", "many", "values", "kinds"].map { try Vectors.bytes("\($0)-\(version)") }
        let lists = try files.map { try ResultList(MemoryBytes($0[...])) }
        let (_, all) = try joined(files)
        #expect(all.names == lists.flatMap(\.names))
        #expect(all.failures.map(\.message) == lists.flatMap(\.failures).map(\.message))
        #expect(all.failures.map(\.call) == lists.flatMap(\.failures).map(\.call))
        #expect(all.version == (version == "v2" ? 2 : 3))
    }

    @Test func `version 3 if any file has it`() throws {
        #expect(try joined([Vectors.bytes("values-v2"), Vectors.bytes("values-v3")]).1.version == 3)
    }

    /// One file in itself: each byte of the elements comes out as it was.
    @Test(arguments: ["kinds-v2", "kinds-v3", "refers-to-error-v2"])
    func `a file alone keeps its bytes`(_ name: String) throws {
        let file = try Vectors.unpacked(name)
        let (bytes, _) = try joined([file])
        // Which R wrote it, and the names, are written anew.
        let headCount = name.hasSuffix("v3") ? 14 + 9 : 14
        let count = try #require(
            zip(file[headCount...], bytes[headCount...]).enumerated().first { $0.1.0 != $0.1.1 }?.0
        )
        #expect(count > file.count - 1_000)
    }

    @Test func `names may be longer than numbers`() throws {
        let names = (0..<3).map { "\($0)" + String(repeating: "x", count: 2_000) }
        let file = ItemBytes.file().int(0x213).int(3).int(254).int(254).int(254).names(names)
        #expect(try joined([file.bytes]).1.names == names)
    }

    /// By hand: two files with a symbol each, which the second mention refers to.
    @Test func `references are numbered anew`() throws {
        let one = ItemBytes.file().int(19).int(2).symbol("a").int(1 << 8 | 255)
        let other = ItemBytes.file().int(0x213).int(3).symbol("b").symbol("c").int(2 << 8 | 255).names(["3", "4", "5"])
        let (bytes, _) = try joined([one.bytes, other.bytes])
        let wanted = ItemBytes()
        wanted.bytes = Array("X\n".utf8)
        wanted.int(2).int(0x20300).int(0x20300).int(0x213).int(5).symbol("a").int(1 << 8 | 255)
        wanted.symbol("b").symbol("c").int(3 << 8 | 255).names(["", "", "3", "4", "5"])
        #expect(bytes == wanted.bytes)
    }

    @Test func `what is left out is told again where it is referred to`() throws {
        // An error that holds the symbols "f" and an environment, then elements that refer to both, and to "f" again.
        let file = ItemBytes.file().int(0x213).int(4)
        file.int(0x313).int(2).strings(["bad"]).int(6).symbol("f").int(2).int(4).int(0)
        // The environment: enclosure, a frame with the variable "v", no table, no attributes.
        file.int(242).int(0x402).symbol("v").int(253).int(254).int(254).int(254).int(254)
        // Attributes of the error.
        file.int(0x402).symbol("names").strings(["message", "call"])
        file.int(0x402).symbol("class").strings(["simpleError", "error", "condition"]).int(254)
        file.int(2 << 8 | 255).int(3 << 8 | 255).int(1 << 8 | 255)
        file.int(0x402).int(4 << 8 | 255).strings(["1", "2", "3", "4"]).int(254)
        let (bytes, list) = try joined([file.bytes], dropping: true)
        let wanted = ItemBytes()
        wanted.bytes = Array("X\n".utf8)
        wanted.int(2).int(0x20300).int(0x20300).int(0x213).int(3)
        wanted.int(4).int(0).int(242).int(0x402).symbol("v").int(253).int(254).int(254).int(254)
        wanted.int(2 << 8 | 255).symbol("f").names(["2", "3", "4"])
        #expect(bytes == wanted.bytes)
        #expect(list.names == ["2", "3", "4"])
    }

    /// The variable of an environment that was left out comes first, then the environment around it.
    @Test func `what stands already is referred to, where it was told again inside`() throws {
        let file = ItemBytes.file().int(0x213).int(3)
        file.int(0x313).int(1).int(4).int(0)
        file.int(242).int(0x402).symbol("v").int(253).int(254).int(254).int(254)
        file.int(0x402).symbol("class").strings(["error"]).int(254)
        file.int(2 << 8 | 255).int(1 << 8 | 255).names(["1", "2", "3"])
        let (bytes, _) = try joined([file.bytes], dropping: true)
        let wanted = ItemBytes()
        wanted.bytes = Array("X\n".utf8)
        wanted.int(2).int(0x20300).int(0x20300).int(0x213).int(2).symbol("v")
        wanted.int(4).int(0).int(242).int(0x402).int(1 << 8 | 255).int(253).int(254).int(254).int(254)
        wanted.names(["2", "3"])
        #expect(bytes == wanted.bytes)
    }

    @Test(arguments: ["v2", "v3"])
    func `R's own file of that kind comes out without its error`(_ version: String) throws {
        let (_, list) = try joined([Vectors.bytes("refers-to-error-\(version)")], dropping: true)
        #expect(list.names == ["2", "3"])
        #expect(list.failures == [])
    }

    /// What a task leaves with setReduce.
    @Test func `a file of one value is an element`() throws {
        let file = ItemBytes.file().int(14).int(1).int(0x3FF0_0000).int(0)
        let (bytes, list) = try joined([file.bytes, Vectors.unpacked("values-v2")])
        #expect(list.names == ["", "1", "2", "3"])
        #expect(bytes[22..<38].elementsEqual(file.bytes[14...]))
    }

    @Test func `compressed bytes are what was written`() throws {
        var random = SeededRandom(seed: testSeed())
        let bytes = (0..<300_000).map { _ in UInt8.random(in: 0...3, using: &random) }
        let packed = CollectedBytes()
        let writer = GzipWriter(packed)
        for start in stride(from: 0, to: bytes.count, by: 70_001) {
            try bytes[start..<min(start + 70_001, bytes.count)].withUnsafeBytes { try writer.write($0) }
        }
        try writer.finish()
        let source = try UnpackedBytes(MemoryBytes(packed.bytes[...]))
        var back = [UInt8](repeating: 0, count: bytes.count + 1)
        var count = 0
        while case let more = try back.withUnsafeMutableBytes({ try source.read(into: .init(rebasing: $0[count...])) }),
            more > 0
        { count += more }
        #expect(back[..<count].elementsEqual(bytes))
    }
}
