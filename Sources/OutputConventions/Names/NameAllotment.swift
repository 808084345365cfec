/// Names for the entries of a gathered directory, where what comes from different places may be named alike.
///
///     text                what comes first, where that can be a file name
///     %=text              where it cannot: percent-encoded
///     %=text%@label       what comes later; the label says where it is from
///
/// No name of a blob's segment looks so: in those a `%` stands before two digits, `file` or `more`.
package struct NameAllotment {
    private var taken: Set<[UInt8]> = []

    package init() {}

    /// The name of the next entry.
    ///
    /// - Parameter labels: the first that makes the name its own is taken.
    package mutating func take(_ text: String, labels: [String]) -> String {
        take(text, plain: PlainName.isFileName(text) && !PlainName.isReserved(text) ? text : nil, labels: labels)
    }

    /// - Parameters:
    ///   - shown: the name that it has among those from its own place.
    ///   - text: what it is called behind a `%=`.
    package mutating func take(shown: String, text: String, labels: [String]) -> String {
        take(text, plain: shown, labels: labels)
    }

    private mutating func take(_ text: String, plain: String?, labels: [String]) -> String {
        let encoded = PlainName.reservedPrefix + Self.encoded(text)
        for name in [plain ?? encoded] + labels.map({ "\(encoded)%@\($0)" }) {
            if name.utf8.count <= PlainName.byteCountMax, taken.insert(Array(name.utf8)).inserted { return name }
        }
        // Too long, or one of several that say the same of themselves.
        var number: UInt64 = 0
        while true {
            let ending = "%@\(Self.hash(labels + [text, String(number)]))"
            let name = Self.prefix(of: encoded, byteCount: PlainName.byteCountMax - ending.utf8.count) + ending
            if taken.insert(Array(name.utf8)).inserted { return name }
            number += 1
        }
    }

    private static func encoded(_ text: String) -> String {
        let isDots = text.utf8.elementsEqual(".".utf8) || text.utf8.elementsEqual("..".utf8)
        let bytes = text.utf8.flatMap { byte -> [UInt8] in
            let isEncoded =
                isDots || byte < 0x20 || byte == 0x7F || byte == UInt8(ascii: "%") || byte == UInt8(ascii: "/")
            return isEncoded ? PlainName.escape(byte) : [byte]
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func prefix(of text: String, byteCount: Int) -> String {
        var scalars = Substring(text).unicodeScalars
        while Substring(scalars).utf8.count > byteCount { scalars.removeLast() }
        return String(scalars)
    }

    /// FNV-1a, 16 hexadecimal digits: the same in each mount.
    private static func hash(_ texts: [String]) -> String {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in texts.joined(separator: "\0").utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 16 - digits.utf8.count) + digits
    }
}
