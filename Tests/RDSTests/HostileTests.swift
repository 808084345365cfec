import RDS
import TestSupport
import Testing

/// Files that were broken by accident or made to do harm.
@Suite(.timeLimit(.minutes(1)))
struct HostileTests {
    @Test(arguments: ["values-v2", "errors-v3", "kinds-v2", "kinds-v3"])
    func `a file that was cut off is refused, wherever that was`(_ name: String) throws {
        let bytes = try Vectors.unpacked(name)
        for count in stride(from: 0, to: bytes.count, by: max(1, bytes.count / 500)) {
            let error = #expect(throws: RDSError.self, "after \(count) bytes") {
                try ResultList(MemoryBytes(bytes[..<count]))
            }
            #expect((error?.offset ?? 0) <= UInt64(count))
        }
    }

    @Test func `compressed bytes that were cut off, or are wrong, are refused`() throws {
        let bytes = try Vectors.bytes("values-v3")
        for count in 0..<bytes.count {
            #expect(throws: RDSError.self) { try ResultList(MemoryBytes(bytes[..<count])) }
        }
        var wrong = bytes
        // The checksum: all that is read is right, and still not what was written.
        wrong[wrong.count - 6] ^= 1
        #expect(throws: RDSError.self) { try ResultList(MemoryBytes(wrong[...])) }
    }

    @Test func `random damage ends in an answer or an error`() throws {
        var random = SeededRandom(seed: testSeed())
        for name in ["kinds-v2", "kinds-v3", "errors-v3", "refers-to-error-v2"] {
            let bytes = try Vectors.unpacked(name)
            for _ in 0..<300 {
                var broken = bytes
                for _ in 0..<Int.random(in: 1...4, using: &random) {
                    broken[Int.random(in: 0..<broken.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
                }
                let sink = CollectedBytes()
                do {
                    let result = try ResultList(MemoryBytes(broken[...]))
                    let joiner = try ResultJoiner(
                        to: sink,
                        version: 3,
                        nativeEncoding: "UTF-8",
                        count: result.names.count
                    )
                    try joiner.append(MemoryBytes(broken[...]), result)
                    try joiner.finish(names: result.names)
                } catch is RDSError {}
            }
        }
    }

    /// The claim alone would be 16 TiB.
    @Test(arguments: [10, 13, 14, 15, 16, 19, 20, 24] as [Int32])
    func `a length that is not there is found out without taking memory`(_ type: Int32) {
        let file = ItemBytes.file().int(19).int(1).int(type).int(-1).int(0xFFFF).int(0)
        #expect(throws: RDSError.self) { try ResultList(file.source) }
    }

    @Test func `lists that claim billions of elements are refused`() {
        let file = ItemBytes.file().int(19).int(-1).int(1).int(0)
        #expect(throws: RDSError.self) { try ResultList(file.source) }
    }

    @Test(arguments: [-2, -1_000] as [Int32])
    func `negative lengths are refused`(_ count: Int32) {
        for type in [9, 10, 16, 19, 24] as [Int32] {
            let file = ItemBytes.file().int(19).int(1).int(type).int(count).int(0).int(0).int(0)
            #expect(throws: RDSError.self) { try ResultList(file.source) }
        }
    }

    @Test func `lists in each other without end are refused, and do not end the program`() {
        let file = ItemBytes.file().int(19).int(1)
        for _ in 0..<100_000 { file.int(19).int(2) }
        let error = #expect(throws: RDSError.self) { try ResultList(file.source) }
        #expect(error?.reason.contains("nests deeper") ?? false)
    }

    @Test func `attributes in each other are refused, and do not end the program`() {
        for type in [0x209, 0x20A, 0x202, 0x213, 0x210, 0x219] as [Int32] {
            let file = ItemBytes.file().int(19).int(1)
            for _ in 0..<50_000 {
                switch type & 0xFF {
                case 0x09: file.int(type).int(0)
                case 0x0A, 0x13, 0x10: file.int(type).int(0)
                default: file.int(type)
                }
            }
            #expect(throws: RDSError.self) { try ResultList(file.source) }
        }
    }

    @Test func `an error whose fields nest without end is refused, and does not end the program`() {
        let file = ItemBytes.file().int(19).int(1).int(0x313).int(1)
        for _ in 0..<50_000 { file.int(6).int(6) }
        #expect(throws: RDSError.self) { try ResultList(file.source) }
    }

    @Test func `a long pairlist does not nest`() throws {
        let file = ItemBytes.file().int(19).int(1)
        for _ in 0..<100_000 { file.int(2).int(254) }
        #expect(try ResultList(file.int(254).source).names == [""])
    }

    @Test(arguments: [1, 5, -3] as [Int32])
    func `references to nothing are refused`(_ number: Int32) {
        for file in [
            ItemBytes.file().int(19).int(1).int(number << 8 | 255),
            ItemBytes.file().int(19).int(1).int(255).int(number),
        ] {
            let error = #expect(throws: RDSError.self) { try ResultList(file.source) }
            #expect(error?.offset == 22)
        }
    }

    @Test func `unknown types and versions are refused with their place`() {
        let item = #expect(throws: RDSError.self) { try ResultList(ItemBytes.file().int(19).int(1).int(99).source) }
        #expect(item?.offset == 22)
        let version = #expect(throws: RDSError.self) { try ResultList(ItemBytes.file(version: 4).source) }
        #expect(version?.description.contains("4") ?? false)
    }

    /// 1 GiB of zeros is a MiB here: a list of which nothing is kept.
    @Test func `what unpacks to very much takes no memory`() throws {
        let packed = CollectedBytes()
        let writer = GzipWriter(packed)
        let head = ItemBytes.file().int(19).int(1).int(24).int(1 << 28)
        try head.bytes.withUnsafeBytes { try writer.write($0) }
        let zeros = [UInt8](repeating: 0, count: 1 << 20)
        for _ in 0..<1 << 8 { try zeros.withUnsafeBytes { try writer.write($0) } }
        try writer.finish()
        #expect(try ResultList(MemoryBytes(packed.bytes[...])).names == [""])
        #expect(packed.bytes.count < 1 << 19)
    }
}
