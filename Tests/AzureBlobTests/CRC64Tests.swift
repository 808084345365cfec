import Testing

@testable import Checksums

struct CRC64Tests {
    private struct File: Decodable {
        struct Vector: Decodable {
            let name: String
            let length: Int
            let hex_data: String?
            let crc_hex: String
        }
        struct Concatenation: Decodable {
            let lenA: Int
            let crcA: String
            let lenB: UInt64
            let crcB: String
            let crcAB: String
        }
        let table_first_8: [String]
        let vectors: [Vector]
        let concat: [Concatenation]
    }

    private static func number(_ text: String) throws -> UInt64 {
        try #require(UInt64(text.dropFirst(2), radix: 16))
    }

    private static func data(_ vector: File.Vector) throws -> [UInt8] {
        if let hex = vector.hex_data {
            let digits = Array(hex)
            return try stride(from: 0, to: digits.count, by: 2).map {
                try #require(UInt8(String(digits[$0...$0 + 1]), radix: 16))
            }
        }
        return vector.length == 4096
            ? (0..<4096).map { UInt8($0 & 255) } : (0..<vector.length).map { UInt8(($0 * 31 + 7) & 255) }
    }

    /// The definition itself: one bit at a time.
    private static func bitwise(_ bytes: some Sequence<UInt8>) -> UInt64 {
        var crc = ~UInt64(0)
        for byte in bytes {
            crc ^= UInt64(byte)
            for _ in 0..<8 { crc = crc & 1 == 1 ? (crc >> 1) ^ 0x9A6C_9329_AC4B_C9B5 : crc >> 1 }
        }
        return ~crc
    }

    @Test func `gives the known answers`() throws {
        for vector in try Vectors.load("crc64_vectors", as: File.self).vectors {
            let bytes = try Self.data(vector)
            #expect(bytes.count == vector.length, "\(vector.name)")
            #expect(bytes.withUnsafeBytes { CRC64.checksum($0) } == (try Self.number(vector.crc_hex)), "\(vector.name)")
        }
    }

    @Test func `begins its first table as published`() throws {
        let published = try Vectors.load("crc64_vectors", as: File.self).table_first_8.map(Self.number)
        #expect(Array(CRC64Tables.firstTable.prefix(8)) == published)
    }

    @Test func `combines two checksums into that of both`() throws {
        for vector in try Vectors.load("crc64_vectors", as: File.self).concat {
            let (a, b) = (try Self.number(vector.crcA), try Self.number(vector.crcB))
            #expect(CRC64.combine(a, b, lengthOfSecond: vector.lenB) == (try Self.number(vector.crcAB)))
        }
        let bytes = pattern(1000)
        let whole = bytes.withUnsafeBytes { CRC64.checksum($0) }
        for cut in [0, 1, 7, 128, 999, 1000] {
            let first = bytes[..<cut].withUnsafeBytes { CRC64.checksum($0) }
            let second = bytes[cut...].withUnsafeBytes { CRC64.checksum($0) }
            #expect(CRC64.combine(first, second, lengthOfSecond: UInt64(1000 - cut)) == whole, "cut at \(cut)")
        }
    }

    @Test func `agrees with the bitwise definition at every length around a step and at odd addresses`() {
        let bytes = pattern(1_700)
        for length in Array(0...600) + Array(1_000...1_200) + Array(1_530...1_680) {
            for offset in [0, 1, 3, 8, 15] {
                let part = bytes[offset..<offset + length]
                let expected = Self.bitwise(part)
                #expect(part.withUnsafeBytes { CRC64.checksum($0) } == expected, "length \(length) at \(offset)")
                #expect(part.withUnsafeBytes { ~CRC64Tables.register(~0, over: $0) } == expected, "tables, \(length)")
            }
        }
    }

    @Test func `goes on from where it stopped`() {
        let bytes = pattern(5000)
        let whole = bytes.withUnsafeBytes { CRC64.checksum($0) }
        var running = CRC64()
        for cut in stride(from: 0, to: 5000, by: 617) {
            bytes[cut..<min(cut + 617, 5000)].withUnsafeBytes { running.update($0) }
        }
        #expect(running.value == whole)
    }

    /// Powers of x modulo P by doing nothing but multiplying by x, in the ordinary bit order.
    @Test func `derives the folding constants from the polynomial`() throws {
        func reflected(_ value: UInt64) -> UInt64 {
            (0..<64).reduce(0) { $0 | (value >> UInt64($1) & 1) << UInt64(63 - $1) }
        }
        func power(_ n: Int) -> UInt64 {
            (0..<n).reduce(UInt64(1)) { value, _ in (value << 1) ^ (value >> 63 == 1 ? 0xAD93_D235_94C9_3659 : 0) }
        }
        #expect(reflected(0xAD93_D235_94C9_3659) == CRC64.polynomial)
        for distance in [128, 1024, 4096] {
            let factors = CRC64Folding.factors(forDistance: UInt64(distance))
            #expect(factors.low == reflected(power(distance + 63)))
            #expect(factors.high == reflected(power(distance - 1)))
        }
        #expect(CRC64Folding.stride * 8 == 1024)
        #expect(CRC64Folding.wideStride * 8 == 4096)
    }
}

struct DigestTests {
    @Test(arguments: [
        ("", "d41d8cd98f00b204e9800998ecf8427e"),
        ("abc", "900150983cd24fb0d6963f7d28e17f72"),
        ("message digest", "f96b697d7cb7938d525a2f31aaf161d0"),
    ])
    func `MD5 gives the answers of RFC 1321`(text: String, digest: String) {
        var hasher = MD5Hasher()
        for byte in text.utf8 { withUnsafeBytes(of: byte) { hasher.update($0) } }
        let hex = hasher.finish().map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        #expect(hex == digest)
    }

    @Test(arguments: [
        ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
        ("foobar", "Zm9vYmFy"),
    ])
    func `base64 gives the answers of RFC 4648`(text: String, encoded: String) {
        #expect(Base64.encode(Array(text.utf8)) == encoded)
        #expect(Base64.decode(encoded) == Array(text.utf8))
    }

    @Test(arguments: ["Zg", "Zg=", "Zh==", "Z===", "Zg==Zg==", "Zm9v ", "Zm 9", "Zm9v\n", "Zm8é"])
    func `base64 refuses what it would not have written`(text: String) {
        #expect(Base64.decode(text) == nil)
    }
}
