internal import Glibc

/// A blob's name: its UTF-8 bytes. Equality and order are those of the bytes, never those of Unicode.
struct Name: Hashable, Comparable, Sendable {
    let bytes: [UInt8]

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    init(_ text: String) {
        bytes = Array(text.utf8)
    }

    var text: String {
        String(decoding: bytes, as: UTF8.self)
    }

    static func == (left: Name, right: Name) -> Bool {
        left.bytes.count == right.bytes.count && memcmp(left.bytes, right.bytes, left.bytes.count) == 0
    }

    static func < (left: Name, right: Name) -> Bool {
        let order = memcmp(left.bytes, right.bytes, min(left.bytes.count, right.bytes.count))
        return order != 0 ? order < 0 : left.bytes.count < right.bytes.count
    }

    func hasPrefix(_ prefix: Name) -> Bool {
        prefix.bytes.count <= bytes.count && memcmp(bytes, prefix.bytes, prefix.bytes.count) == 0
    }

    /// The smallest byte string after everything that begins with this name: 0xFF is in no UTF-8 text.
    var afterPrefix: Name {
        Name(bytes + [0xFF])
    }

    /// The position after the first occurrence of `delimiter` at or after `start`.
    func end(of delimiter: [UInt8], from start: Int) -> Int? {
        guard !delimiter.isEmpty, start + delimiter.count <= bytes.count else { return nil }
        for position in start...bytes.count - delimiter.count
        where bytes[position] == delimiter[0] && bytes[position..<position + delimiter.count].elementsEqual(delimiter) {
            return position + delimiter.count
        }
        return nil
    }
}
