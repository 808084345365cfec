/// User attributes in blob metadata.
///
/// A metadata name must be a C# identifier, an attribute's name is any text: it is stored as `ofs_xattr_` and the
/// attribute's name (without `user.`) in lower-case hexadecimal, its value in base64 without padding. The service
/// allows 8 KiB of metadata per blob, names and values together.
enum ExtendedAttributeNames {
    static let prefix = "ofs_xattr_"
    /// The service's limit for all metadata of a blob, in bytes.
    static let metadataSizeMax = 8192

    /// The metadata key of `user.<name>`; `nil` for other name spaces.
    static func key(of attribute: String) -> String? {
        guard attribute.hasPrefix("user."), attribute.utf8.count > 5, !attribute.hasPrefix(readOnlyPrefix) else {
            return nil
        }
        return prefix + hexadecimal(attribute.utf8.dropFirst(5))
    }

    static func attribute(ofKey key: String) -> String? {
        guard key.hasPrefix(prefix), let bytes = bytes(ofHexadecimal: key.utf8.dropFirst(prefix.utf8.count)),
            let name = String(validating: bytes, as: UTF8.self)
        else { return nil }
        return "user." + name
    }

    /// Attributes that show a blob's properties; they cannot be set.
    static let readOnlyPrefix = "user.blob."
    /// Those of them that only a HEAD tells.
    static let tierNames = [readOnlyPrefix + "access_tier", readOnlyPrefix + "archive_status"]

    private static func hexadecimal(_ bytes: Substring.UTF8View) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    private static func bytes(ofHexadecimal text: Substring.UTF8View) -> [UInt8]? {
        guard text.count.isMultiple(of: 2) else { return nil }
        var bytes: [UInt8] = []
        var high: UInt8?
        for digit in text {
            let value: UInt8
            switch digit {
            case 0x30...0x39: value = digit - 0x30
            case 0x61...0x66: value = digit - 0x61 + 10
            default: return nil
            }
            if let first = high {
                bytes.append(first << 4 | value)
                high = nil
            } else {
                high = value
            }
        }
        return bytes
    }

    // MARK: Base64

    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    static func encode(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count * 4 + 2) / 3)
        var (bits, count) = (UInt32(0), 0)
        for byte in bytes {
            bits = bits << 8 | UInt32(byte)
            count += 8
            while count >= 6 {
                count -= 6
                text.append(alphabet[Int(bits >> UInt32(count) & 63)])
            }
        }
        if count > 0 { text.append(alphabet[Int(bits << UInt32(6 - count) & 63)]) }
        return String(decoding: text, as: UTF8.self)
    }

    static func decode(_ text: String) -> [UInt8]? {
        var bytes: [UInt8] = []
        var (bits, count) = (UInt32(0), 0)
        for digit in text.utf8 where digit != UInt8(ascii: "=") {
            guard let value = alphabet.firstIndex(of: digit) else { return nil }
            bits = bits << 6 | UInt32(value)
            count += 6
            guard count >= 8 else { continue }
            count -= 8
            bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
        }
        return bytes
    }
}
