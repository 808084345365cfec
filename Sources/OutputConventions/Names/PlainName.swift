/// Unix file name ⇄ segment of a blob name, for all names that storage can hold, perhaps with an escape.
///
/// What storage would refuse, drop or change is stored percent-encoded: control characters, the backslash, a final dot,
/// and the code points that the service documents as unsupported. A `%` stays a `%`, unless text behind it makes it look
/// like one of these escapes: then it is stored as `%25`. So `100%`, `%41` and `a%20b` are stored as they are, `a.` as
/// `a%2E`, and `a%2E` as `a%252E`.
enum PlainName {
    /// NAME_MAX, in bytes.
    static let byteCountMax = 255
    /// What names begin with that show a segment literally; no such name can be made.
    static let reservedPrefix = "%="

    static func isReserved(_ name: String) -> Bool { name.utf8.starts(with: reservedPrefix.utf8) }

    /// Whether the kernel could ask for this name.
    static func isFileName(_ name: String) -> Bool {
        var count = 0
        var isDots = true
        for byte in name.utf8 {
            guard byte != 0, byte != UInt8(ascii: "/") else { return false }
            isDots = isDots && byte == UInt8(ascii: ".")
            count += 1
        }
        return count > 0 && count <= byteCountMax && !(isDots && count <= 2)
    }

    /// How a file of this name is stored. The name is one for which `isFileName` holds, and not reserved.
    static func segment(forFile name: String) -> String {
        let bytes = Array(name.utf8)
        guard needsLook(bytes) else { return name }
        var stored: [UInt8] = []
        var index = 0
        while index < bytes.count {
            if bytes[index] == percent {
                stored.append(percent)
                if looksLikeEscape(bytes[index...]) { stored += [two, five] }
                index += 1
                continue
            }
            let length = scalarLength(bytes[index])
            let scalar = bytes[index..<index + length]
            let isLast = index + length == bytes.count
            if isUnsupported(scalar) || isLast && bytes[index] == dot {
                for byte in scalar { stored += escape(byte) }
            } else {
                stored += scalar
            }
            index += length
        }
        return String(decoding: stored, as: UTF8.self)
    }

    /// The file that is stored so; `nil` when no file name is.
    static func file(forSegment segment: String) -> String? {
        let bytes = Array(segment.utf8)
        guard needsLook(bytes) else { return isFileName(segment) ? segment : nil }
        var name: [UInt8] = []
        var index = 0
        while index < bytes.count {
            let rest = bytes[index...]
            if let (scalar, length) = leadingEscape(rest) {
                name += scalar
                index += length
            } else if isStuffed(rest) {
                name.append(percent)
                index += 3
            } else {
                name.append(bytes[index])
                index += 1
            }
        }
        let file = String(decoding: name, as: UTF8.self)
        // Reading is laxer than writing (a raw backslash reads as one): only what would be written so counts.
        guard isFileName(file), !isReserved(file), self.segment(forFile: file).utf8.elementsEqual(bytes) else {
            return nil
        }
        return file
    }

    // MARK: Escapes

    private static let percent = UInt8(ascii: "%")
    private static let dot = UInt8(ascii: ".")
    private static let two = UInt8(ascii: "2")
    private static let five = UInt8(ascii: "5")

    /// Most names have nothing that could be or need an escape: they are passed on untouched.
    private static func needsLook(_ bytes: [UInt8]) -> Bool {
        bytes.last == dot
            || bytes.contains { $0 == percent || $0 == UInt8(ascii: "\\") || $0 < 0x20 || $0 >= 0x7F }
    }

    static func escape(_ byte: UInt8) -> [UInt8] { [percent, hexDigit(byte >> 4), hexDigit(byte & 0xF)] }

    private static func hexDigit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "A") + value - 10
    }

    /// The byte of `%XX` with capital digits at the beginning of `bytes`.
    static func escapedByte(_ bytes: ArraySlice<UInt8>) -> UInt8? {
        guard bytes.count >= 3, bytes[bytes.startIndex] == percent else { return nil }
        var value: UInt8 = 0
        for byte in bytes[bytes.startIndex + 1..<bytes.startIndex + 3] {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = value << 4 | (byte - UInt8(ascii: "0"))
            case UInt8(ascii: "A")...UInt8(ascii: "F"): value = value << 4 | (byte - UInt8(ascii: "A") + 10)
            default: return nil
            }
        }
        return value
    }

    /// The character whose escape `bytes` begin with, and the escape's length.
    private static func leadingEscape(_ bytes: ArraySlice<UInt8>) -> (scalar: [UInt8], length: Int)? {
        guard let first = escapedByte(bytes) else { return nil }
        if first == dot { return bytes.count == 3 ? ([dot], 3) : nil }
        var scalar = [first]
        for _ in 1..<max(1, scalarLength(first)) {
            guard let next = escapedByte(bytes.dropFirst(scalar.count * 3)), next & 0xC0 == 0x80 else { return nil }
            scalar.append(next)
        }
        return isUnsupported(scalar[...]) ? (scalar, scalar.count * 3) : nil
    }

    /// Whether a `%` at the beginning of `bytes` must be stored as `%25`, to be told from an escape.
    private static func looksLikeEscape(_ bytes: ArraySlice<UInt8>) -> Bool {
        leadingEscape(bytes) != nil || isStuffed(bytes)
    }

    /// Whether `bytes` begin with `%25` that stands for a `%`, because without it there would be an escape.
    private static func isStuffed(_ bytes: ArraySlice<UInt8>) -> Bool {
        // A loop, not a recursion: `%252525…` may be a thousand characters long.
        var rest = bytes
        var isStuffed = false
        while escapedByte(rest) == percent {
            rest = [percent] + rest.dropFirst(3)
            isStuffed = true
        }
        return isStuffed && leadingEscape(rest) != nil
    }

    /// The length of a UTF-8 sequence by its first byte; 1 for what is none.
    static func scalarLength(_ first: UInt8) -> Int {
        switch first {
        case 0xC2...0xDF: 2
        case 0xE0...0xEF: 3
        case 0xF0...0xF4: 4
        default: 1
        }
    }

    /// Whether storage refuses or changes this character (one UTF-8 sequence): C0 and C1 controls and DEL, the
    /// backslash (which the service or a client on the way may turn into a slash), the private use area, and the
    /// specials and noncharacters that the service's naming rules exclude.
    private static func isUnsupported(_ scalar: ArraySlice<UInt8>) -> Bool {
        guard let value = codePoint(scalar) else { return false }
        switch value {
        case 0x00...0x1F, 0x5C, 0x7F...0x9F, 0xE000...0xF8FF, 0xFDD0...0xFDEF, 0xFFF0...0xFFFF: return true
        default: return value & 0xFFFE == 0xFFFE
        }
    }

    private static func codePoint(_ scalar: ArraySlice<UInt8>) -> UInt32? {
        String(validating: scalar, as: UTF8.self)?.unicodeScalars.first?.value
    }
}
