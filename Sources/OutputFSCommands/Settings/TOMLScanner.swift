/// Reads one line of `TOMLText` from left to right.
struct TOMLScanner {
    private var rest: Substring.UTF8View
    private let line: Int

    init(_ text: Substring.UTF8View, line: Int) {
        // A line may end with CR LF.
        rest = text.last == UInt8(ascii: "\r") ? text.dropLast() : text
        self.line = line
    }

    /// Nothing but a comment is left.
    var isAtEnd: Bool { rest.isEmpty || rest.first == UInt8(ascii: "#") }

    func malformed(_ reason: String) -> TOMLText.Malformed { TOMLText.Malformed(line: line, reason: reason) }

    mutating func skipBlanks() {
        rest = rest.drop { $0 == 0x20 || $0 == 0x09 }
    }

    /// Skips blanks, too, in front of the letter.
    mutating func take(_ letter: Unicode.Scalar) -> Bool {
        skipBlanks()
        guard let first = rest.first, UInt32(first) == letter.value else { return false }
        rest = rest.dropFirst()
        return true
    }

    /// `a`, `a.b`, `mount."/mnt/outputs"`.
    mutating func keyPath() throws(TOMLText.Malformed) -> [String] {
        var names: [String] = []
        repeat {
            skipBlanks()
            switch rest.first {
            case UInt8(ascii: "\""), UInt8(ascii: "'"): names.append(try string())
            default:
                let bare = rest.prefix { Self.isBare($0) }
                guard !bare.isEmpty else { throw malformed("a key is of letters, digits, - and _, or in quotes") }
                rest = rest.dropFirst(bare.count)
                names.append(String(decoding: bare, as: UTF8.self))
            }
            skipBlanks()
        } while take(".")
        return names
    }

    mutating func value() throws(TOMLText.Malformed) -> TOMLText.Value {
        switch rest.first {
        case UInt8(ascii: "\""), UInt8(ascii: "'"): return .string(try string())
        case UInt8(ascii: "["): return .strings(try strings())
        case UInt8(ascii: "{"): throw malformed("tables in braces have no use here")
        default: break
        }
        let word = rest.prefix {
            Self.isBare($0) || [UInt8(ascii: "."), UInt8(ascii: "+"), UInt8(ascii: ":")].contains($0)
        }
        rest = rest.dropFirst(word.count)
        let text = String(decoding: word, as: UTF8.self)
        if text == "true" || text == "false" { return .boolean(text == "true") }
        guard Self.isInteger(text) else {
            throw malformed(text.isEmpty ? "there is no value" : "\(text) is no value: put quotes around it")
        }
        return .integer(text.replacing("_", with: ""))
    }

    /// On one line; a comma behind the last is no fault.
    private mutating func strings() throws(TOMLText.Malformed) -> [String] {
        _ = take("[")
        var strings: [String] = []
        while !take("]") {
            guard rest.first == UInt8(ascii: "\"") || rest.first == UInt8(ascii: "'") else {
                throw malformed("an array is of strings, and on one line")
            }
            strings.append(try string())
            guard take(",") else {
                guard take("]") else { throw malformed("an array ends with ], on the same line") }
                break
            }
        }
        return strings
    }

    private mutating func string() throws(TOMLText.Malformed) -> String {
        guard let quote = rest.first else { throw malformed("there is no string") }
        rest = rest.dropFirst()
        if rest.starts(with: [quote, quote]) { throw malformed("strings over several lines have no use here") }
        var bytes: [UInt8] = []
        while let byte = rest.first {
            rest = rest.dropFirst()
            if byte == quote { return String(decoding: bytes, as: UTF8.self) }
            guard byte >= 0x20 || byte == 0x09, byte != 0x7F else { throw malformed("a control character in a string") }
            if byte == UInt8(ascii: "\\"), quote == UInt8(ascii: "\"") {
                bytes += try escape()
            } else {
                bytes.append(byte)
            }
        }
        throw malformed("a string ends with the quote that began it, on the same line")
    }

    /// What stands behind a backslash.
    private mutating func escape() throws(TOMLText.Malformed) -> [UInt8] {
        guard let letter = rest.first else { throw malformed("a string ends with a backslash") }
        rest = rest.dropFirst()
        switch letter {
        case UInt8(ascii: "\\"), UInt8(ascii: "\""): return [letter]
        case UInt8(ascii: "b"): return [0x08]
        case UInt8(ascii: "t"): return [0x09]
        case UInt8(ascii: "n"): return [0x0A]
        case UInt8(ascii: "f"): return [0x0C]
        case UInt8(ascii: "r"): return [0x0D]
        case UInt8(ascii: "u"), UInt8(ascii: "U"):
            let digits = rest.prefix(letter == UInt8(ascii: "u") ? 4 : 8)
            guard digits.count == (letter == UInt8(ascii: "u") ? 4 : 8), digits.allSatisfy({ Self.isHexadecimal($0) }),
                let value = UInt32(String(decoding: digits, as: UTF8.self), radix: 16),
                let scalar = Unicode.Scalar(value)
            else { throw malformed("\\u wants the four digits of a character, \\U eight") }
            rest = rest.dropFirst(digits.count)
            return Array(String(scalar).utf8)
        default:
            throw malformed("\\\(Character(Unicode.Scalar(letter))) means nothing in a string; '…' takes it as it is")
        }
    }

    private static func isBare(_ byte: UInt8) -> Bool {
        isDecimal(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) || byte == UInt8(ascii: "-")
            || byte == UInt8(ascii: "_")
    }

    private static func isDecimal(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

    private static func isHexadecimal(_ byte: UInt8) -> Bool {
        isDecimal(byte) || (0x41...0x46).contains(byte) || (0x61...0x66).contains(byte)
    }

    /// `42`, `1_000`, `0o644`; not `007`, which TOML does not know either.
    private static func isInteger(_ text: String) -> Bool {
        if text.hasPrefix("0o") {
            return text.utf8.count > 2 && text.utf8.dropFirst(2).allSatisfy { (0x30...0x37).contains($0) }
        }
        let digits = text.utf8.split(separator: UInt8(ascii: "_"), omittingEmptySubsequences: false)
        guard digits.allSatisfy({ !$0.isEmpty && $0.allSatisfy(isDecimal) }) else { return false }
        return text == "0" || !text.hasPrefix("0")
    }
}
