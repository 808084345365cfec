import Testing

@testable import BlobEmulator

struct ValueTests {
    @Test
    func `CRC-64 gives the known answers`() throws {
        let file = try Vectors.load("crc64_vectors", as: Vectors.ChecksumFile.self)
        #expect(file.vectors.count == 8)
        for vector in file.vectors {
            let data: [UInt8] =
                if let hex = vector.hex_data {
                    bytes(hex)
                } else if vector.length == 4096 {
                    (0..<4096).map { UInt8(truncatingIfNeeded: $0) }
                } else {
                    (0..<vector.length).map { UInt8(truncatingIfNeeded: $0 * 31 + 7) }
                }
            let crc = CRC64.of(data)
            #expect(crc == UInt64(vector.crc_hex.dropFirst(2), radix: 16), "\(vector.name)")
            #expect(CRC64.headerValue(of: crc) == vector.header_value, "\(vector.name)")
        }
    }

    @Test(arguments: [0, 1, 127, 128, 129, 255, 256, 1024, 4099])
    func `CRC-64 is the same with and without carry-less multiplication`(_ length: Int) {
        let data = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 167 &+ $0 >> 5) }
        var byTables = CRC64()
        data.withUnsafeBytes { byTables.updateByTables($0) }
        #expect(CRC64.of(data) == byTables.value)
    }

    @Test
    func `CRC-64 does not depend on how the data is cut`() {
        let data = (0..<1000).map { UInt8(truncatingIfNeeded: $0 * $0) }
        for cut in [0, 1, 15, 16, 17, 500, 999, 1000] {
            var crc = CRC64()
            data[..<cut].withUnsafeBytes { crc.update($0) }
            data[cut...].withUnsafeBytes { crc.update($0) }
            #expect(crc.value == CRC64.of(data))
        }
    }

    private func bytes(_ hex: String) -> [UInt8] {
        let digits = hex.utf8.compactMap(hexadecimalValue)
        return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }

    @Test(arguments: [
        ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("foobar", "Zm9vYmFy"),
    ])
    func `base64 goes both ways`(plain: String, coded: String) {
        #expect(Base64.encode(plain.utf8) == coded)
        #expect(Base64.decode(coded) == Array(plain.utf8))
    }

    @Test(arguments: ["Z", "Zg", "Zg=", "Zg=a", "====", "Zm9v!"])
    func `broken base64 is refused`(text: String) {
        #expect(Base64.decode(text) == nil)
    }

    @Test(arguments: [
        (0, "Thu, 01 Jan 1970 00:00:00 GMT"), (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
        (1_794_389_400, "Wed, 11 Nov 2026 09:30:00 GMT"), (4_107_542_399, "Sun, 28 Feb 2100 23:59:59 GMT"),
        (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
    ])
    func `dates go both ways`(seconds: Int64, text: String) {
        #expect(Timestamp(seconds: seconds).httpDate == text)
        #expect(Timestamp(httpDate: text) == Timestamp(seconds: seconds))
    }

    @Test
    func `every day of four centuries comes back`() {
        for day in stride(from: Int64(-20_000), through: 126_000, by: 1) {
            let time = Timestamp(seconds: day * 86_400 + 3661)
            #expect(CalendarTime(time).timestamp == time)
            #expect(CalendarTime(time).hour == 1)
        }
    }

    @Test(arguments: [
        ("2026-11-11", 1_794_355_200, 0), ("2026-11-11T09:30Z", 1_794_389_400, 0),
        ("2026-11-11T09:30:01Z", 1_794_389_401, 0), ("2026-11-11T09:30:01.1234567Z", 1_794_389_401, 1_234_567),
        ("2026-11-11T09:30:01.5Z", 1_794_389_401, 5_000_000),
    ])
    func `the forms of ISO 8601 are read`(text: String, seconds: Int64, fraction: Int64) {
        #expect(Timestamp(iso8601: text) == Timestamp(ticks: seconds * Timestamp.ticksPerSecond + fraction))
    }

    @Test(arguments: ["", "2026", "2026-13-01", "2026-11-11T25:00Z", "2026-11-11T09:30:01", "2026-11-11T09:30:01.Z"])
    func `what is no ISO 8601 is refused`(text: String) {
        #expect(Timestamp(iso8601: text) == nil)
    }

    @Test
    func `versions are dates within the range`() {
        #expect(ServiceVersion("2016-05-30") == nil)
        #expect(ServiceVersion("2023-11-03") != nil)
        #expect(ServiceVersion("2099-01-01") == nil)
        #expect(ServiceVersion("2023-11-3") == nil)
        #expect(ServiceVersion("2022-11-02")?.appendBlockLimit == 100 << 20)
        #expect(ServiceVersion("2021-12-02")?.appendBlockLimit == 4 << 20)
        #expect(ServiceVersion("2019-12-12")?.putBlockLimit == 4000 << 20)
        #expect(ServiceVersion("2019-02-02")?.putBlobLimit == 256 << 20)
    }

    @Test
    func `names compare by their bytes`() {
        #expect(Name("e\u{301}") != Name("\u{e9}"))
        #expect(Name("Z") < Name("a"))
        #expect(Name("a") < Name("a-b"))
        #expect(Name("a-b") < Name("a/b"))
        #expect(Name("日本/x").hasPrefix(Name("日本/")))
        #expect(Name("abXYcdXY").end(of: Array("XY".utf8), from: 3) == 8)
    }

    @Test
    func `GUIDs are normalised`() {
        let plain = "7f6c1b54-0000-4000-8000-00000000000a"
        #expect(normalizedGUID(plain.uppercased()) == plain)
        #expect(normalizedGUID("{\(plain)}") == plain)
        #expect(normalizedGUID(plain.filter { $0 != "-" }) == plain)
        #expect(normalizedGUID("nonsense") == nil)
    }

    @Test
    func `blob names are changed as the service changes them`() throws {
        func name(_ path: String) throws(Failure) -> String { try BlobNaming.name(decoding: path.utf8).text }
        #expect(try name("a./b..") == "a/b")
        #expect(try name("a%5Cb") == "a/b")
        #expect(try name("a%2Fb") == "a/b")
        #expect(try name("a+b%20c") == "a+b c")
        #expect(try name("a//b/") == "a//b/")
        #expect(throws: Failure.self) { try name("a/../b") }
        #expect(throws: Failure.self) { try name("%01") }
        #expect(throws: Failure.self) { try name("%FF") }
        #expect(throws: Failure.self) { try name("%zz") }
        #expect(throws: Failure.self) { try name(String(repeating: "x", count: 1025)) }
        #expect(throws: Failure.self) { try name(String(repeating: "x/", count: 254) + "x") }
    }
}
