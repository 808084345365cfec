/// Reads what R's `saveRDS` wrote (serialization versions 2 and 3 in XDR form), item by item, from front to back.
///
/// It trusts nothing: lengths, references and types are checked, nesting is bounded, and what nobody asked for takes no memory.
package final class RDSReader {
    /// 2 before R 3.6, then 3.
    package let version: Int32
    /// Version 3: what strings without a mark are encoded in.
    package let nativeEncoding: String?
    var input: RDSInput
    /// Items so far that references can name.
    private(set) var referableCount = 0
    private var symbolNames: [Int: String] = [:]
    /// What becomes of what is passed over: nothing, or it is copied.
    var copying: Copying?

    /// 64 MiB for the numbers of a copy; a result has a few hundred.
    static let referableCountMax = 16 << 20
    /// R's own limit on nested expressions is 5,000, and its stack ends before 100,000.
    static let nestingMax = 10_000
    private static let symbolNamesMax = 100_000
    private static let symbolNameByteCountMax = 10_000

    package init(_ source: any ByteSource) throws {
        let input = RDSInput(try UnpackedBytes(source))
        self.input = input
        try Self.requireXDR(input)
        version = try input.int32()
        guard version == 2 || version == 3 else {
            throw RDSError(2, "is of serialization version \(version); 2 and 3 can be read")
        }
        // By which version of R it was written, and which one can read it.
        try input.skip(8)
        guard version == 3 else {
            nativeEncoding = nil
            return
        }
        let count = try input.int32()
        // R_CODESET_MAX of serialize.c.
        guard (0...63).contains(count) else { throw RDSError(input.offset - 4, "names an encoding of \(count) bytes") }
        nativeEncoding = String(decoding: try input.bytes(Int(count)), as: UTF8.self)
    }

    private static func requireXDR(_ input: RDSInput) throws {
        switch String(decoding: try input.beginning(2), as: UTF8.self) {
        case "X\n": break
        case "A\n":
            throw RDSError(0, "is in R's ASCII form, which cannot be read; saveRDS(readRDS(…), …) makes a binary one")
        case "B\n":
            throw RDSError(
                0,
                "is in R's native binary form, which cannot be read; saveRDS(readRDS(…), …) makes a portable one"
            )
        default: throw RDSError(0, "is no RDS file")
        }
    }

    /// To be called behind the last item: what is compressed ends with a checksum.
    package func finish() throws { try input.finish() }

    // MARK: Items

    /// Takes the first number of an item, and what a reference consists of.
    func begin() throws -> ItemHeader {
        let offset = input.offset
        var header = ItemHeader(try input.int32Alone())
        if header.type == ItemType.reference {
            let number = header.packedReference == 0 ? Int(try input.int32Alone()) : header.packedReference
            guard (1...max(1, referableCount)).contains(number), referableCount > 0 else {
                throw RDSError(offset, "refers to item \(number) of \(referableCount)")
            }
            header.target = number - 1
            try copyReference(header)
            return header
        }
        guard ItemType.isReferable(header.type) else {
            try copyBits(header.bits)
            return header
        }
        guard referableCount < Self.referableCountMax else {
            throw RDSError(offset, "has more than \(Self.referableCountMax) symbols and environments")
        }
        let number = referableCount
        referableCount += 1
        return try copyDefinition(header, number)
    }

    /// The name of a symbol that is read next, or that was begun, or that is referred to.
    func symbolName(_ header: ItemHeader) throws -> String? {
        switch header.type {
        case ItemType.reference: return symbolNames[header.target]
        case ItemType.symbol: return try symbol()
        default:
            throw RDSError(input.offset - 4, "has \(ItemType.name(header.type)) where a symbol belongs")
        }
    }

    /// What follows a symbol's header.
    func symbol() throws -> String? {
        let number = referableCount - 1
        let header = try begin()
        guard header.type == ItemType.characters else {
            throw RDSError(input.offset - 4, "has a symbol whose name is \(ItemType.name(header.type))")
        }
        let name = try characters(header, keeping: Self.symbolNameByteCountMax)
        if let name, symbolNames.count < Self.symbolNamesMax { symbolNames[number] = name }
        return name
    }

    /// What follows the header of one string; `nil` for NA. What is longer than asked for is cut off.
    func characters(_ header: ItemHeader, keeping countMax: Int) throws -> String? {
        let offset = input.offset
        let count = try input.int32()
        guard count >= -1 else { throw RDSError(offset, "has a string of \(count) bytes") }
        var text: String?
        if count >= 0 {
            let bytes = try input.bytes(min(Int(count), max(0, countMax)))
            try input.skip(UInt64(count) - UInt64(bytes.count))
            text = isLatin1(header) ? Self.latin1(bytes) : String(decoding: bytes, as: UTF8.self)
        }
        // R writes none since 2.7, where strings became shared.
        guard !header.hasAttributes else { throw RDSError(offset, "has a string with attributes") }
        return text
    }

    /// By the string's own mark, else by what the file says of strings without one.
    private func isLatin1(_ header: ItemHeader) -> Bool {
        if header.bits & ItemHeader.latin1 != 0 { return true }
        guard header.bits & (ItemHeader.utf8 | ItemHeader.ascii) == 0, let nativeEncoding else { return false }
        return ["iso-8859-1", "iso8859-1", "latin1", "cp1252"].contains(nativeEncoding.lowercased())
    }

    private static func latin1(_ bytes: [UInt8]) -> String {
        var text = ""
        for byte in bytes { text.unicodeScalars.append(Unicode.Scalar(byte)) }
        return text
    }

    /// How many elements a vector has: 31 bits, or behind −1 two numbers.
    func length() throws -> UInt64 {
        let offset = input.offset
        let short = try input.int32()
        if short >= 0 { return UInt64(short) }
        guard short == -1 else { throw RDSError(offset, "has a vector of \(short) elements") }
        let (high, low) = (try input.int32(), UInt32(bitPattern: try input.int32()))
        // R_XLEN_T_MAX is 2⁵².
        guard (0...0xF_FFFF).contains(high) else { throw RDSError(offset, "has a vector of impossible length") }
        return UInt64(high) << 32 | UInt64(low)
    }

    /// Reads a stretch of other bytes as if it stood here.
    func read(_ bytes: ArraySlice<UInt8>, from number: Int, _ body: () throws -> Void) throws {
        let (here, count) = (input, referableCount)
        input = RDSInput(MemoryBytes(bytes), bufferByteCount: 4 << 10)
        input.copy = here.copy
        referableCount = number
        defer { (input, referableCount) = (here, count) }
        try body()
    }
}
