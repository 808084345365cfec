/// The order in which the service sorts `x-ms-*` headers before signing: not ASCII's, but that of .NET's en-US culture.
///
/// First round: punctuation before digits before letters, `-` and `'` passed over; a name that another begins with
/// goes first. Where that finds no difference, second round: the name in which a `-` or `'` comes later, or not at all,
/// goes first. It matters for metadata names: `a_b` before `a1` before `aa`.
enum HeaderOrder {
    /// Weights in the first round, by byte; 0 is passed over.
    private static let weights: [UInt16] = {
        var weights = [UInt16](repeating: 0, count: 256)
        let punctuation: [(Character, UInt16)] = [
            ("!", 0x71C), ("#", 0x71F), ("$", 0x721), ("%", 0x723), ("&", 0x725), ("*", 0x72D), (".", 0x733),
            ("^", 0x743), ("_", 0x744), ("`", 0x748), ("|", 0x74C), ("~", 0x750), ("+", 0x803),
        ]
        for (character, weight) in punctuation {
            for byte in character.utf8 { weights[Int(byte)] = weight }
        }
        let digits: [UInt16] = [0xD03, 0xD1A, 0xD1C, 0xD1E, 0xD20, 0xD22, 0xD24, 0xD26, 0xD28, 0xD2A]
        for (index, weight) in digits.enumerated() { weights[0x30 + index] = weight }
        let letters: [UInt16] = [
            0xE02, 0xE09, 0xE0A, 0xE1A, 0xE21, 0xE23, 0xE25, 0xE2C, 0xE32, 0xE35, 0xE36, 0xE48, 0xE51, 0xE70, 0xE7C,
            0xE7E, 0xE89, 0xE8A, 0xE91, 0xE99, 0xE9F, 0xEA2, 0xEA4, 0xEA6, 0xEA7, 0xEA9,
        ]
        for (index, weight) in letters.enumerated() {
            weights[0x61 + index] = weight
            weights[0x41 + index] = weight
        }
        return weights
    }()

    /// Weights in the second round.
    private static func tieWeight(_ byte: UInt8) -> UInt16 {
        switch byte {
        case UInt8(ascii: "'"): 0x8012
        case UInt8(ascii: "-"): 0x8212
        default: 0
        }
    }

    static func isBefore(_ one: String, _ other: String) -> Bool {
        let first = one.utf8.lazy.map { weights[Int($0)] }.filter { $0 != 0 }
        let second = other.utf8.lazy.map { weights[Int($0)] }.filter { $0 != 0 }
        if !first.elementsEqual(second) { return first.lexicographicallyPrecedes(second) }
        return one.utf8.lazy.map(tieWeight).lexicographicallyPrecedes(other.utf8.lazy.map(tieWeight))
    }
}
