/// The service's ETags and MD5s as numbers. A text is taken only if it can be given back byte by byte: it goes into
/// conditions.
enum PackedText {
    /// The number in `"0x8DE0123456789AB"`: with its quotes, upper-case digits and no zero in front, as the service
    /// writes it; `nil` for every other text.
    static func number(ofETag text: String) -> UInt64? {
        let bytes = text.utf8
        guard (5...20).contains(bytes.count) else { return nil }
        var number: UInt64 = 0
        for (position, byte) in bytes.enumerated() {
            switch (position, byte) {
            case (0, UInt8(ascii: "\"")), (1, UInt8(ascii: "0")), (2, UInt8(ascii: "x")): continue
            case (0, _), (1, _), (2, _): return nil
            case (bytes.count - 1, UInt8(ascii: "\"")): continue
            case (3, UInt8(ascii: "0")) where bytes.count > 5: return nil
            case (_, UInt8(ascii: "0")...UInt8(ascii: "9")): number = number << 4 | UInt64(byte - 0x30)
            case (_, UInt8(ascii: "A")...UInt8(ascii: "F")): number = number << 4 | UInt64(byte - 0x37)
            default: return nil
            }
        }
        return bytes.last == UInt8(ascii: "\"") ? number : nil
    }

    static func etag(of number: UInt64) -> String { "\"0x\(String(number, radix: 16, uppercase: true))\"" }

    /// The 16 bytes, big-endian, whose base64 the text is (24 characters); `nil` for every other text.
    static func bytes(ofBase64 text: String) -> (UInt64, UInt64)? {
        guard text.utf8.count == 24 else { return nil }
        var (high, low): (UInt64, UInt64) = (0, 0)
        for (position, byte) in text.utf8.enumerated() {
            if position >= 22 {
                guard byte == UInt8(ascii: "=") else { return nil }
                continue
            }
            guard let digit = digit(of: byte) else { return nil }
            if position < 21 {
                high = high << 6 | low >> 58
                low = low << 6 | digit
            } else {
                // Of the last character only two bits count: the others must be zero, or the text is not the one that
                // comes back.
                guard digit & 15 == 0 else { return nil }
                high = high << 2 | low >> 62
                low = low << 2 | digit >> 4
            }
        }
        return (high, low)
    }

    static func base64(of bytes: (UInt64, UInt64)) -> String {
        String(unsafeUninitializedCapacity: 24) { text in
            var (high, low) = bytes
            for position in 0..<24 {
                guard position < 22 else {
                    text[position] = UInt8(ascii: "=")
                    continue
                }
                // Behind the last two bits come zeros by themselves.
                text[position] = character(of: UInt8(high >> 58))
                high = high << 6 | low >> 58
                low <<= 6
            }
            return 24
        }
    }

    private static func digit(of character: UInt8) -> UInt64? {
        switch character {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt64(character - UInt8(ascii: "A"))
        case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt64(character - UInt8(ascii: "a") + 26)
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt64(character - UInt8(ascii: "0") + 52)
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }

    private static func character(of digit: UInt8) -> UInt8 {
        switch digit {
        case 0..<26: UInt8(ascii: "A") + digit
        case 26..<52: UInt8(ascii: "a") + digit - 26
        case 52..<62: UInt8(ascii: "0") + digit - 52
        case 62: UInt8(ascii: "+")
        default: UInt8(ascii: "/")
        }
    }
}
