/// Base64 as HTTP headers carry it: the standard alphabet with padding (RFC 4648, section 4).
package enum Base64 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    private static let padding = UInt8(ascii: "=")

    /// The value of each character; 255 where there is none.
    private static let values: [UInt8] = {
        var values = [UInt8](repeating: 255, count: 256)
        for (value, character) in alphabet.enumerated() { values[Int(character)] = UInt8(value) }
        return values
    }()

    package static func encode(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count + 2) / 3 * 4)
        var at = 0
        while at < bytes.count {
            let have = min(3, bytes.count - at)
            var group: UInt32 = 0
            for index in 0..<3 { group = group << 8 | (index < have ? UInt32(bytes[at + index]) : 0) }
            for index in 0..<4 {
                text.append(index <= have ? alphabet[Int(group >> UInt32(18 - 6 * index) & 63)] : padding)
            }
            at += 3
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// `nil` unless the text is exactly what `encode` could have made: no blanks, no missing padding, no stray bits.
    package static func decode(_ text: String) -> [UInt8]? {
        let characters = Array(text.utf8)
        guard characters.count % 4 == 0 else { return nil }
        let padded = characters.reversed().prefix { $0 == padding }.count
        guard padded <= 2 else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(characters.count / 4 * 3)
        var (bits, bitCount) = (UInt32(0), 0)
        for character in characters.dropLast(padded) {
            let value = values[Int(character)]
            guard value != 255 else { return nil }
            bits = (bits << 6 | UInt32(value)) & 0xFFFF
            bitCount += 6
            if bitCount >= 8 {
                bitCount -= 8
                bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(bitCount)))
            }
        }
        guard bits & (1 << UInt32(bitCount) - 1) == 0, bitCount == padded * 2 else { return nil }
        return bytes
    }
}
