/// The order in which the service sorts `x-ms-` headers before signing: .NET's for en-US, not that of ASCII.
///
/// First by weight, in which `-` and `'` do not count; where that leaves two names equal, by those two alone.
enum HeaderOrder {
    /// Both names in lower case.
    static func precedes(_ left: String, _ right: String) -> Bool {
        let (leftName, rightName) = (Array(left.utf8), Array(right.utf8))
        let (leftWeights, rightWeights) = (leftName.compactMap(weight), rightName.compactMap(weight))
        if leftWeights != rightWeights { return leftWeights.lexicographicallyPrecedes(rightWeights) }
        return secondLevel(leftName).lexicographicallyPrecedes(secondLevel(rightName))
    }

    /// Nil for a character that is skipped at the first level.
    private static func weight(_ byte: UInt8) -> UInt16? {
        switch byte {
        case UInt8(ascii: "-"), UInt8(ascii: "'"): nil
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digits[Int(byte - UInt8(ascii: "0"))]
        case UInt8(ascii: "a")...UInt8(ascii: "z"): letters[Int(byte - UInt8(ascii: "a"))]
        default: punctuation[byte] ?? 0
        }
    }

    /// Only `'` and `-` weigh here: a name in which one comes later goes first.
    private static func secondLevel(_ name: [UInt8]) -> [UInt16] {
        name.map { byte in
            switch byte {
            case UInt8(ascii: "'"): 0x8012
            case UInt8(ascii: "-"): 0x8212
            default: 0
            }
        }
    }

    private static let punctuation: [UInt8: UInt16] = [
        UInt8(ascii: "!"): 0x71c, UInt8(ascii: "#"): 0x71f, UInt8(ascii: "$"): 0x721, UInt8(ascii: "%"): 0x723,
        UInt8(ascii: "&"): 0x725, UInt8(ascii: "*"): 0x72d, UInt8(ascii: "."): 0x733, UInt8(ascii: "^"): 0x743,
        UInt8(ascii: "_"): 0x744, UInt8(ascii: "`"): 0x748, UInt8(ascii: "|"): 0x74c, UInt8(ascii: "~"): 0x750,
        UInt8(ascii: "+"): 0x803,
    ]

    private static let digits: [UInt16] = [0xd03, 0xd1a, 0xd1c, 0xd1e, 0xd20, 0xd22, 0xd24, 0xd26, 0xd28, 0xd2a]

    private static let letters: [UInt16] = [
        0xe02, 0xe09, 0xe0a, 0xe1a, 0xe21, 0xe23, 0xe25, 0xe2c, 0xe32, 0xe35, 0xe36, 0xe48, 0xe51, 0xe70, 0xe7c, 0xe7e,
        0xe89, 0xe8a, 0xe91, 0xe99, 0xe9f, 0xea2, 0xea4, 0xea6, 0xea7, 0xea9,
    ]
}
