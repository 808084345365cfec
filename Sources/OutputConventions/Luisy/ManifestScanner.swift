/// Why bytes are no manifest.
package struct BrokenManifest: Error, Sendable, Hashable, CustomStringConvertible {
    package let reason: String

    package init(reason: String) { self.reason = reason }

    package var description: String { reason }
}

/// Reads JSON as Python's json does: NaN and Infinity are values, and halves of surrogate pairs may stand alone.
struct ManifestScanner {
    /// A JSON value: strings decoded, everything else but `null` as it stands there.
    enum Value {
        case string(String)
        case null
        case other(json: String)
    }

    private let bytes: [UInt8]
    private var position = 0

    /// Deeper than Python would go (its recursion limit is 1,000 calls).
    private static let depthMax = 500

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// The members of the one object that there is, in order; `rawKey` is as it stands there, with its quotes.
    mutating func object() throws(BrokenManifest) -> [(rawKey: String, key: String, value: Value)] {
        skipBlanks()
        guard position < bytes.count else { throw BrokenManifest(reason: "it is empty") }
        guard bytes[position] == UInt8(ascii: "{") else {
            _ = try value(depth: 0)
            try end()
            throw BrokenManifest(reason: "it is JSON, but no object")
        }
        let members = try members(depth: 0)
        try end()
        return members
    }

    private mutating func end() throws(BrokenManifest) {
        skipBlanks()
        guard position == bytes.count else { throw malformed("something behind its end") }
    }

    private mutating func members(depth: Int) throws(BrokenManifest) -> [(rawKey: String, key: String, value: Value)] {
        var members: [(rawKey: String, key: String, value: Value)] = []
        position += 1
        skipBlanks()
        if take(UInt8(ascii: "}")) { return members }
        while true {
            skipBlanks()
            let start = position
            let key = try string()
            let rawKey = text(from: start)
            skipBlanks()
            guard take(UInt8(ascii: ":")) else { throw malformed("no colon") }
            members.append((rawKey, key, try value(depth: depth)))
            skipBlanks()
            if take(UInt8(ascii: "}")) { return members }
            guard take(UInt8(ascii: ",")) else { throw malformed("no comma") }
        }
    }

    private mutating func value(depth: Int) throws(BrokenManifest) -> Value {
        guard depth < Self.depthMax else { throw malformed("too many brackets") }
        skipBlanks()
        guard position < bytes.count else { throw malformed("the end") }
        let start = position
        switch bytes[position] {
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "{"): _ = try members(depth: depth + 1)
        case UInt8(ascii: "["): try array(depth: depth + 1)
        default:
            if take(word: "null") { return .null }
            let words = ["true", "false", "NaN", "Infinity", "-Infinity"]
            var isWord = false
            for word in words where !isWord { isWord = take(word: word) }
            if !isWord { try number() }
        }
        return .other(json: text(from: start))
    }

    private mutating func array(depth: Int) throws(BrokenManifest) {
        position += 1
        skipBlanks()
        if take(UInt8(ascii: "]")) { return }
        while true {
            _ = try value(depth: depth)
            skipBlanks()
            if take(UInt8(ascii: "]")) { return }
            guard take(UInt8(ascii: ",")) else { throw malformed("no comma") }
        }
    }

    private mutating func number() throws(BrokenManifest) {
        _ = take(UInt8(ascii: "-"))
        if !take(UInt8(ascii: "0")) { try digits() }
        if take(UInt8(ascii: ".")) { try digits() }
        if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
            if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
            try digits()
        }
    }

    private mutating func digits() throws(BrokenManifest) {
        let start = position
        while position < bytes.count, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[position]) {
            position += 1
        }
        guard position > start else { throw malformed("no value") }
    }

    // MARK: Strings

    private mutating func string() throws(BrokenManifest) -> String {
        guard take(UInt8(ascii: "\"")) else { throw malformed("no string in quotes") }
        var text = String.UnicodeScalarView()
        while true {
            let start = position
            while position < bytes.count, bytes[position] != UInt8(ascii: "\""), bytes[position] != UInt8(ascii: "\\") {
                guard bytes[position] >= 0x20 else { throw malformed("a control character in a string") }
                position += 1
            }
            guard position < bytes.count else { throw malformed("the end, within a string") }
            text.append(contentsOf: String(decoding: bytes[start..<position], as: UTF8.self).unicodeScalars)
            if take(UInt8(ascii: "\"")) { return String(text) }
            position += 1
            text.append(try escaped())
        }
    }

    private mutating func escaped() throws(BrokenManifest) -> Unicode.Scalar {
        guard position < bytes.count else { throw malformed("the end, within a string") }
        defer { position += 1 }
        switch bytes[position] {
        case UInt8(ascii: "\""): return "\""
        case UInt8(ascii: "\\"): return "\\"
        case UInt8(ascii: "/"): return "/"
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{C}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"):
            guard let unit = unit(at: position + 1) else { throw malformed("an escape that is none") }
            position += 4
            if let scalar = Unicode.Scalar(unit) { return scalar }
            if unit < 0xDC00, position + 2 < bytes.count, bytes[position + 1] == UInt8(ascii: "\\"),
                bytes[position + 2] == UInt8(ascii: "u"), let low = self.unit(at: position + 3),
                (0xDC00...0xDFFF).contains(low),
                let scalar = Unicode.Scalar(0x10000 + (unit - 0xD800) << 10 + (low - 0xDC00))
            {
                position += 6
                return scalar
            }
            return "\u{FFFD}"
        default: throw malformed("an escape that is none")
        }
    }

    /// Four hexadecimal digits.
    private func unit(at start: Int) -> UInt32? {
        guard start + 4 <= bytes.count else { return nil }
        let digits = bytes[start..<start + 4]
        guard digits.allSatisfy({ Unicode.Scalar($0).properties.isASCIIHexDigit }) else { return nil }
        return UInt32(String(decoding: digits, as: UTF8.self), radix: 16)
    }

    // MARK: Bytes

    private mutating func skipBlanks() {
        while position < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[position]) { position += 1 }
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard position < bytes.count, bytes[position] == byte else { return false }
        position += 1
        return true
    }

    private mutating func take(word: String) -> Bool {
        guard bytes[position...].starts(with: word.utf8) else { return false }
        position += word.utf8.count
        return true
    }

    private func text(from start: Int) -> String { String(decoding: bytes[start..<position], as: UTF8.self) }

    private func malformed(_ found: String) -> BrokenManifest {
        BrokenManifest(reason: "it is no JSON: \(found) at byte \(position)")
    }
}
