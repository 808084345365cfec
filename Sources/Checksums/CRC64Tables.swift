/// CRC-64 by tables, 16 bytes a step: for tails, and for machines without carry-less multiplication.
enum CRC64Tables {
    /// 16 tables of 256: `tables[256 · k + b]` is byte b moved k bytes forward.
    private static let tables: [UInt64] = {
        var tables = [UInt64](repeating: 0, count: 16 * 256)
        for byte in 0..<256 {
            var remainder = UInt64(byte)
            for _ in 0..<8 { remainder = CRC64Polynomial.timesX(remainder) }
            tables[byte] = remainder
        }
        for index in 256..<tables.count {
            let before = tables[index - 256]
            tables[index] = tables[Int(before & 0xFF)] ^ (before >> 8)
        }
        return tables
    }()

    /// The first table alone, as the textbook loop has it.
    static var firstTable: ArraySlice<UInt64> { tables[..<256] }

    /// The CRC register after `bytes`.
    static func register(_ register: UInt64, over bytes: UnsafeRawBufferPointer) -> UInt64 {
        tables.withUnsafeBufferPointer { table in
            var crc = register
            var at = 0
            while at + 16 <= bytes.count {
                var first = bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self).littleEndian ^ crc
                var second = bytes.loadUnaligned(fromByteOffset: at + 8, as: UInt64.self).littleEndian
                crc = 0
                for byte in 0..<8 {
                    crc ^= table[(15 - byte) << 8 | Int(first & 0xFF)] ^ table[(7 - byte) << 8 | Int(second & 0xFF)]
                    first >>= 8
                    second >>= 8
                }
                at += 16
            }
            while at < bytes.count {
                crc = table[Int((crc ^ UInt64(bytes[at])) & 0xFF)] ^ (crc >> 8)
                at += 1
            }
            return crc
        }
    }
}
