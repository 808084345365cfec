import RDS
import Testing

@Suite(.timeLimit(.minutes(1)))
struct ResultListTests {
    @Test(arguments: ["v2", "v3"])
    func `results are counted and named by their iterations`(_ version: String) throws {
        let result = try ResultList(Vectors.source("values-\(version)"))
        #expect(result.names == ["1", "2", "3"])
        #expect(result.failures == [])
        #expect(result.version == (version == "v2" ? 2 : 3))
        #expect(result.nativeEncoding == (version == "v2" ? nil : "UTF-8"))
    }

    @Test(arguments: ["v2", "v3"])
    func `errors are told by iteration, message and call`(_ version: String) throws {
        let result = try ResultList(Vectors.source("errors-\(version)"))
        #expect(result.names == ["4", "5", "6"])
        #expect(
            result.failures == [
                .init(position: 1, message: "x is too large: 3", call: "half(3)"),
                .init(position: 2, message: "no call"),
            ]
        )
        #expect(result.iteration(at: 1) == "5")
    }

    @Test(arguments: ["v2", "v3"])
    func `errors of other classes and of try count, and warnings do not`(_ version: String) throws {
        let result = try ResultList(Vectors.source("other-errors-\(version)"))
        #expect(result.names == ["1", "2", "3"])
        let message = #"Error in -1:1 + "a" : non-numeric argument to binary operator"#
        #expect(
            result.failures == [
                .init(position: 0, message: "café ☕", call: #"f(x, y = "a")[[1]]$b"#),
                .init(position: 1, message: message),
            ]
        )
    }

    @Test(arguments: ["v2", "v3"])
    func `names that R writes as a sequence are read`(_ version: String) throws {
        #expect(try ResultList(Vectors.source("many-\(version)")).names == (1...150).map(String.init))
    }

    @Test(arguments: ["v2", "v3"])
    func `every kind of object is passed over`(_ version: String) throws {
        let bytes = try Vectors.bytes("kinds-\(version)")
        let result = try ResultList(MemoryBytes(bytes[...]))
        #expect(result.names == (1...35).map(String.init))
        #expect(result.failures == [])
        #expect(try ResultList(DrippingBytes(bytes)) == result)
    }

    @Test func `an element without a name is told by its place`() throws {
        let file = ItemBytes.file().int(19).int(2).int(254).int(254)
        let result = try ResultList(file.source)
        #expect(result.names == ["", ""])
        #expect(result.iteration(at: 1) == "[[2]]")
    }

    @Test func `a result that is one value counts as one element`() throws {
        let result = try ResultList(Vectors.source("metadata-v3"))
        #expect(!result.isList && result.names == [""] && result.failures == [])
    }

    @Test func `messages are read as their marks or their file say`() throws {
        func message(_ version: Int32, _ native: String, _ mark: Int32, _ bytes: [UInt8]) throws -> String? {
            let file = ItemBytes()
            file.bytes = Array("X\n".utf8)
            file.int(version).int(0x30502).int(0x20300)
            if version == 3 { file.int(Int32(native.utf8.count)).text(native) }
            file.int(19).int(1).int(0x313).int(1).int(16).int(1).int(9 | mark).int(Int32(bytes.count))
            file.bytes += bytes
            file.int(0x402).symbol("names").strings(["message"])
            file.int(0x402).symbol("class").strings(["error"]).int(254)
            return try ResultList(file.source).failures.first?.message
        }
        let (latin1, utf8): ([UInt8], [UInt8]) = ([0x63, 0xE9], [0x63, 0xC3, 0xA9])
        #expect(try message(2, "", 4 << 12, latin1) == "cé")
        #expect(try message(2, "", 8 << 12, utf8) == "cé")
        #expect(try message(3, "ISO-8859-1", 0, latin1) == "cé")
        #expect(try message(3, "ISO-8859-1", 8 << 12, utf8) == "cé")
        #expect(try message(3, "UTF-8", 0, utf8) == "cé")
    }

    @Test func `uncompressed files are read`() throws {
        #expect(try ResultList(Vectors.source("uncompressed")).names == ["1"])
    }

    @Test(arguments: [("bzip2", "bzip2"), ("xz", "xz"), ("ascii", "ASCII")])
    func `other forms are refused by name`(_ file: String, _ word: String) throws {
        let error = try #require(throws: RDSError.self) { try ResultList(Vectors.source(file)) }
        #expect(error.description.contains(word))
    }

    @Test(arguments: ["", "X", "X\n", "hello, world", "B\n\u{0}\u{0}", "<?xml version=\"1.0\"?>"])
    func `what is no RDS file is refused`(_ text: String) throws {
        #expect(throws: RDSError.self) { try ResultList(MemoryBytes(Array(text.utf8)[...])) }
    }
}
