/// A random GUID in its usual spelling, `7f6c1b54-0000-4000-8000-000000000001`.
func randomGUID() -> String {
    var generator = SystemRandomNumberGenerator()
    return guid(high: generator.next(), low: generator.next())
}

func guid(high: UInt64, low: UInt64) -> String {
    var text: [UInt8] = []
    text.reserveCapacity(36)
    for index in 0..<32 {
        if index == 8 || index == 12 || index == 16 || index == 20 { text.append(UInt8(ascii: "-")) }
        let word = index < 16 ? high >> UInt64(60 - 4 * index) : low >> UInt64(60 - 4 * (index - 16))
        let digit = UInt8(word & 15)
        text.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
    }
    return String(decoding: text, as: UTF8.self)
}

/// The bare, lower-case form of a GUID; nil if `text` is none. Braces and missing dashes are accepted, as .NET does.
func normalizedGUID(_ text: String) -> String? {
    var digits = Array(text.utf8)
    if digits.first == UInt8(ascii: "{"), digits.last == UInt8(ascii: "}") {
        digits = Array(digits.dropFirst().dropLast())
    }
    if digits.count == 36 {
        for index in [8, 13, 18, 23] where digits[index] != UInt8(ascii: "-") { return nil }
        digits.removeAll { $0 == UInt8(ascii: "-") }
    }
    guard digits.count == 32 else { return nil }
    var words: (UInt64, UInt64) = (0, 0)
    for (index, digit) in digits.enumerated() {
        guard let value = hexadecimalValue(digit) else { return nil }
        if index < 16 { words.0 = words.0 << 4 | UInt64(value) } else { words.1 = words.1 << 4 | UInt64(value) }
    }
    return guid(high: words.0, low: words.1)
}
