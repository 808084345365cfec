import Logging
import Testing

@testable import OutputFSCommands

/// How people write and read times, sizes and modes.
struct ValueTests {
    @Test(arguments: [
        ("90", Duration.seconds(90)), ("0", .zero), ("250ms", .milliseconds(250)), ("30s", .seconds(30)),
        ("1.5s", .milliseconds(1500)), ("10m", .seconds(600)), ("1h", .seconds(3600)),
    ])
    func `a time has a unit or is in seconds`(_ text: String, _ expected: Duration) throws {
        #expect(try Values.duration(text) == expected)
    }

    @Test(arguments: ["", "s", "-1s", "10 m", "1d", "1e400", "nan", "inf", "10mm", "٣s"])
    func `what is no time is refused`(_ text: String) {
        #expect(throws: (any Error).self) { try Values.duration(text) }
    }

    @Test(arguments: [
        ("0", 0), ("1024", 1024), ("1k", 1024), ("256M", 256 << 20), ("256MiB", 256 << 20), ("2g", 2 << 30),
    ])
    func `a size has a unit or is in bytes`(_ text: String, _ expected: Int) throws {
        #expect(try Values.byteCount(text) == expected)
    }

    @Test(arguments: ["", "M", "-1M", "1.5G", "1X", "9999999999G", "99999999999999999999"])
    func `what is no size, or none that fits, is refused`(_ text: String) {
        #expect(throws: (any Error).self) { try Values.byteCount(text) }
    }

    @Test(arguments: [("022", UInt16(0o22)), ("0644", 0o644), ("0o755", 0o755), ("777", 0o777), ("0", 0)])
    func `permissions are octal`(_ text: String, _ expected: UInt16) throws {
        #expect(try Values.mode(text) == expected)
    }

    @Test(arguments: ["", "8", "1777", "4755", "rwx", "-1"])
    func `what is no permission, or would be a setuid bit, is refused`(_ text: String) {
        #expect(throws: (any Error).self) { try Values.mode(text) }
    }

    @Test(arguments: [
        (UInt64(0), "0 B"), (UInt64(1023), "1023 B"), (UInt64(1024), "1 KiB"), (UInt64(1536), "1.5 KiB"),
        (UInt64(268_435_456), "256 MiB"), (UInt64(1_048_575), "1 MiB"), (UInt64(1) << 40, "1 TiB"),
        (UInt64.max, "16 EiB"),
    ])
    func `sizes are read in three digits`(_ count: UInt64, _ expected: String) {
        #expect(HumanUnits.bytes(count) == expected)
    }

    @Test(arguments: [(-5, "0s"), (59, "59s"), (65, "1m 05s"), (7810, "2h 10m"), (90_000, "1d 1h")])
    func `ages are read in two units`(_ seconds: Int, _ expected: String) {
        #expect(HumanUnits.age(seconds: seconds) == expected)
    }

    @Test func `a moment is written as RFC 3339 has it`() {
        #expect(WallTime(seconds: 0, milliseconds: 7).description == "1970-01-01T00:00:00.007Z")
        #expect(WallTime(seconds: 1_709_164_800, milliseconds: 0).description == "2024-02-29T00:00:00.000Z")
    }

    @Test func `a log line is one line, whatever a name holds`() {
        let line = LogLines(label: "mount", format: .text).line(
            time: WallTime(seconds: 0, milliseconds: 0),
            level: .warning,
            message: "open a\nb\u{1B}[31m",
            metadata: ["status": "404", "code": "BlobNotFound"]
        )
        #expect(
            line == "1970-01-01T00:00:00.000Z warning mount: open a\\u{a}b\\u{1b}[31m code=BlobNotFound status=404\n"
        )
    }

    @Test func `a table is as wide as its cells and has no blanks at the end`() {
        var table = TextTable([("A", .left), ("B", .right), ("C", .left)])
        table.add(["long", "1", ""])
        table.add(["x", "100", "end"])
        #expect(table.text == "A       B  C\nlong    1\nx     100  end")
    }
}
