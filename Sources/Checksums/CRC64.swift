/// Azure's CRC-64 (`x-ms-content-crc64`), in catalogues CRC-64/NVME: polynomial 0xAD93D23594C93659, used reflected, with
/// the register all ones before and inverted after.
///
/// 4 MiB, one core of an AMD EPYC (Zen 5): 62 GiB/s by carry-less multiplication of 64 bytes at a time, 15 of 16, 2.8 by
/// tables.
package struct CRC64: Sendable, Hashable {
    /// Bit 63 is the coefficient of x^0: the order in which the register shifts right.
    static let polynomial: UInt64 = 0x9A6C_9329_AC4B_C9B5

    /// The checksum of what has been added so far.
    package private(set) var value: UInt64

    /// The checksum of no bytes is 0.
    package init() { value = 0 }

    package mutating func update(_ bytes: UnsafeRawBufferPointer) {
        value = Self.checksum(bytes, continuing: value)
    }

    /// The checksum of `bytes`, or of everything before, whose checksum is `continuing`, and `bytes` behind it.
    package static func checksum(_ bytes: UnsafeRawBufferPointer, continuing: UInt64 = 0) -> UInt64 {
        var register = ~continuing
        let rest = CRC64Folding.advance(&register, over: bytes)
        return ~CRC64Tables.register(register, over: rest)
    }

    /// The checksum of A followed by B from theirs: A's is multiplied by x to the number of B's bits.
    package static func combine(_ a: UInt64, _ b: UInt64, lengthOfSecond: UInt64) -> UInt64 {
        // 8 · length may pass 64 bits: the power of x is squared three times instead.
        var factor = CRC64Polynomial.power(lengthOfSecond)
        for _ in 0..<3 { factor = CRC64Polynomial.product(factor, factor) }
        return CRC64Polynomial.product(a, factor) ^ b
    }
}
