/// File names that show a segment of a blob name literally: `%=` and the segment, percent-encoded where it must be.
///
/// For the segments that are no file's (`.`, `..`, the empty one, those with NUL, with characters that only another tool
/// could have stored raw, or too long), and for the file that hides behind a directory of its name:
///
///     %=text           the segment
///     %=text%file      the segment, of the blob beside the directory of this name
///     %=text%more      its first 245 to 248 bytes; it goes on in this directory
///
/// In the text `%` is always encoded, so that the endings cannot be mistaken. A piece ends at the first character
/// boundary at or past 245 bytes: whether a piece is a right one can be told without knowing what follows.
struct LiteralName: Sendable {
    enum Ending {
        case whole
        case file
        case more

        var text: String {
            switch self {
            case .whole: ""
            case .file: "%file"
            case .more: "%more"
            }
        }
    }

    /// The part of the segment that this name shows.
    var piece: String
    var ending: Ending

    /// One more character (4 bytes at most) still leaves room for `%=` and `%more` within 255.
    private static let pieceByteCountMin = 245

    /// The names that show a segment, one after the other; all but the last end with `%more`.
    ///
    /// `isFile` asks for the file beside the directory of that name.
    static func names(of segment: String, isFile: Bool) -> [LiteralName] {
        var rest = units(of: segment)[...]
        let ending: Ending = isFile ? .file : .whole
        let roomCount = PlainName.byteCountMax - PlainName.reservedPrefix.utf8.count - ending.text.utf8.count
        var names: [LiteralName] = []
        // A piece has 248 bytes at most and the smallest room is 248: something is always left for the last name.
        while rest.reduce(0, { $0 + $1.encoded.count }) > roomCount {
            var piece: [UInt8] = []
            var encodedCount = 0
            while encodedCount < pieceByteCountMin, let unit = rest.popFirst() {
                piece += unit.raw
                encodedCount += unit.encoded.count
            }
            names.append(LiteralName(piece: String(decoding: piece, as: UTF8.self), ending: .more))
        }
        names.append(LiteralName(piece: String(decoding: rest.flatMap(\.raw), as: UTF8.self), ending: ending))
        return names
    }

    /// The file name.
    var text: String {
        let encoded = Self.units(of: piece).flatMap(\.encoded)
        return PlainName.reservedPrefix + String(decoding: encoded, as: UTF8.self) + ending.text
    }

    init(piece: String, ending: Ending) {
        self.piece = piece
        self.ending = ending
    }

    /// Reads a file name; `nil` when it is not one that `text` gives.
    init?(_ name: String) {
        guard PlainName.isReserved(name) else { return nil }
        var bytes = Array(name.utf8)[...].dropFirst(PlainName.reservedPrefix.utf8.count)
        let ending = [Ending.file, .more].first { ending in
            bytes.count >= ending.text.utf8.count
                && bytes.suffix(ending.text.utf8.count).elementsEqual(ending.text.utf8)
        }
        if let ending { bytes.removeLast(ending.text.utf8.count) }
        var piece: [UInt8] = []
        while let first = bytes.first {
            if let byte = PlainName.escapedByte(bytes) {
                piece.append(byte)
                bytes.removeFirst(3)
            } else {
                piece.append(first)
                bytes.removeFirst()
            }
        }
        guard let piece = String(validating: piece, as: UTF8.self) else { return nil }
        self.init(piece: piece, ending: ending ?? .whole)
        guard text.utf8.elementsEqual(name.utf8), !piece.utf8.contains(UInt8(ascii: "/")) else { return nil }
        if self.ending == .more, !isRightPiece { return nil }
    }

    /// Whether a piece of a longer segment ends where it has to.
    private var isRightPiece: Bool {
        let counts = Self.units(of: piece).map(\.encoded.count)
        guard let last = counts.last else { return false }
        let count = counts.reduce(0, +)
        return count >= Self.pieceByteCountMin && count - last < Self.pieceByteCountMin
    }

    /// The characters of a text, as they are and as they are shown.
    private static func units(of text: String) -> [(raw: [UInt8], encoded: [UInt8])] {
        let bytes = Array(text.utf8)
        let isDots = bytes.elementsEqual(".".utf8) || bytes.elementsEqual("..".utf8)
        var units: [(raw: [UInt8], encoded: [UInt8])] = []
        var index = 0
        while index < bytes.count {
            let length = PlainName.scalarLength(bytes[index])
            let raw = Array(bytes[index..<index + length])
            let isEncoded = isDots || raw[0] < 0x20 || raw[0] == 0x7F || raw[0] == UInt8(ascii: "%")
            units.append((raw, isEncoded ? PlainName.escape(raw[0]) : raw))
            index += length
        }
        return units
    }
}
