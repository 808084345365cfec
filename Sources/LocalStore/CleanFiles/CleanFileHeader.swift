internal import Checksums

/// The head of an index file: whose cells these are. Behind it, from `entriesOffset` on, 8 bytes a cell (little endian):
/// its CRC-64, or 0 where none is.
///
///     0  8  magic "ofsclean"        24  4  where the entries begin
///     8  4  format                  28  4  bytes of the key
///     12 4  cell size               32  8  CRC-64 of the head, taken with zeros here
///     16 8  length of the blob      40  …  the key: four parts, each with its length (4 bytes) before it
struct CleanFileHeader: Sendable, Equatable {
    static let format: UInt32 = 1
    private static let magic: UInt64 = 0x6E61_656C_6373_666F
    private static let fixedSize = 40
    static let lengthOffset: UInt64 = 16
    /// A key is at most about 5 KiB (1,024 characters of 4 bytes, and hosts); more is nobody's.
    static let sizeMax = 16_384

    let key: CleanFileKey
    let cellSize: Int
    var length: UInt64

    var keySize: Int { [key.account, key.container, key.blob, key.version].reduce(0) { $0 + 4 + $1.utf8.count } }
    /// The header's bytes.
    var size: Int { Self.fixedSize + keySize }
    /// Short headers leave room for the entries of 28 MiB in the file's first page.
    var entriesOffset: Int { (size + 511) / 512 * 512 }
    var cellCount: Int { Int((length + UInt64(cellSize) - 1) / UInt64(cellSize)) }
    /// The index file's size.
    var fileSize: UInt64 { UInt64(entriesOffset) + UInt64(cellCount) * 8 }

    func entryOffset(_ cell: Int) -> UInt64 { UInt64(entriesOffset) + UInt64(cell) * 8 }

    /// Where a cell's bytes lie in the data file.
    func bytes(of cell: Int) -> Range<UInt64> {
        let start = UInt64(cell) * UInt64(cellSize)
        return start..<max(start, min(start + UInt64(cellSize), length))
    }

    /// The cells that a range of bytes touches.
    func cells(of range: Range<UInt64>) -> Range<Int> {
        let size = UInt64(cellSize)
        return Int(
            range.lowerBound / size
        )..<Int(range.isEmpty ? range.lowerBound / size : (range.upperBound - 1) / size + 1)
    }

    /// The cells all of whose bytes are in a range that begins with a cell.
    func wholeCells(of range: Range<UInt64>) -> Range<Int> {
        let first = Int(range.lowerBound / UInt64(cellSize))
        if range.upperBound >= length { return first..<max(first, cellCount) }
        return first..<max(first, Int(range.upperBound / UInt64(cellSize)))
    }

    /// What a cell is charged for: its pages.
    func charge(of cell: Int) -> UInt64 { Self.pages(UInt64(bytes(of: cell).count)) }

    static func pages(_ bytes: UInt64) -> UInt64 { (bytes + 4_095) / 4_096 * 4_096 }

    func encoded() -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(size)
        Self.append(Self.magic, to: &bytes)
        Self.append(Self.format, to: &bytes)
        Self.append(UInt32(cellSize), to: &bytes)
        Self.append(length, to: &bytes)
        Self.append(UInt32(entriesOffset), to: &bytes)
        Self.append(UInt32(keySize), to: &bytes)
        Self.append(UInt64(0), to: &bytes)
        for part in [key.account, key.container, key.blob, key.version] {
            Self.append(UInt32(part.utf8.count), to: &bytes)
            bytes += part.utf8
        }
        var checksum: [UInt8] = []
        Self.append(bytes.withUnsafeBytes { CRC64.checksum($0) }, to: &checksum)
        bytes.replaceSubrange(32..<40, with: checksum)
        return bytes
    }

    /// What `bytes` begin with; `nil` when it is no whole and undamaged header of this format.
    init?(_ bytes: UnsafeRawBufferPointer) {
        func number<Number: FixedWidthInteger>(_ offset: Int, _: Number.Type) -> Number {
            Number(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: Number.self))
        }
        guard bytes.count >= Self.fixedSize, number(0, UInt64.self) == Self.magic,
            number(8, UInt32.self) == Self.format
        else { return nil }
        let size = Self.fixedSize + Int(number(28, UInt32.self))
        guard size <= bytes.count else { return nil }
        var copy = [UInt8](bytes[..<size])
        copy.replaceSubrange(32..<40, with: repeatElement(0, count: 8))
        guard copy.withUnsafeBytes({ CRC64.checksum($0) }) == number(32, UInt64.self) else { return nil }
        var parts: [String] = []
        var at = Self.fixedSize
        while parts.count < 4 {
            guard at + 4 <= size else { return nil }
            let count = Int(number(at, UInt32.self))
            guard at + 4 + count <= size else { return nil }
            parts.append(String(decoding: bytes[(at + 4)..<(at + 4 + count)], as: UTF8.self))
            at += 4 + count
        }
        key = CleanFileKey(account: parts[0], container: parts[1], blob: parts[2], version: parts[3])
        cellSize = Int(number(12, UInt32.self))
        length = number(16, UInt64.self)
        guard cellSize > 0, number(24, UInt32.self) == UInt32(entriesOffset) else { return nil }
    }

    init(key: CleanFileKey, cellSize: Int, length: UInt64) {
        self.key = key
        self.cellSize = cellSize
        self.length = length
    }

    /// How many bytes the header has that begins with these, of which there are at least 40; nonsense for nonsense.
    static func size(beginningOf bytes: UnsafeRawBufferPointer) -> Int {
        fixedSize + Int(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 28, as: UInt32.self)))
    }

    private static func append<Number: FixedWidthInteger>(_ number: Number, to bytes: inout [UInt8]) {
        withUnsafeBytes(of: number.littleEndian) { bytes += $0 }
    }
}

extension CleanFileKey {
    /// The file's name: the CRC-64 of the key. Two keys may share it; then the header decides, and the second is not
    /// kept.
    var fileName: UInt64 {
        CleanFileHeader(key: self, cellSize: 1, length: 0).encoded().withUnsafeBytes {
            CRC64.checksum(UnsafeRawBufferPointer(rebasing: $0[40...]))
        }
    }
}
