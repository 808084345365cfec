internal import CChecksums

/// CRC-64 by carry-less multiplication: 128 bytes a step on x86-64.
///
/// A load of 16 bytes is a polynomial of 128 coefficients, first byte highest: low word · x^64 + high word. To move it
/// D bits forward is to multiply it by x^D, and modulo P that is low · (x^(D+64) mod P) + high · (x^D mod P), again
/// 128 bits wide. The product of two words in this bit order comes out one place too low, that is multiplied by x;
/// hence the exponents D + 63 and D − 1.
enum CRC64Folding {
    /// Bytes per step: the input's length must be a multiple of it.
    static let stride = 128

    static let isAvailable = cchecksums_has_carryless() != 0

    /// The two factors for a distance in bits.
    static func factors(forDistance bits: UInt64) -> (low: UInt64, high: UInt64) {
        (CRC64Polynomial.power(bits + 63), CRC64Polynomial.power(bits - 1))
    }

    private static let far = factors(forDistance: UInt64(stride) * 8)
    private static let near = factors(forDistance: 128)

    /// The CRC register after `bytes`, whose number is a positive multiple of `stride`.
    static func register(_ register: UInt64, over bytes: UnsafeRawBufferPointer) -> UInt64 {
        var remainder: (UInt64, UInt64) = (0, 0)
        withUnsafeMutableBytes(of: &remainder) { remainder in
            withUnsafeBytes(of: far) { far in
                withUnsafeBytes(of: near) { near in
                    cchecksums_crc64_fold(
                        bytes.baseAddress,
                        bytes.count,
                        register,
                        far.assumingMemoryBound(to: UInt64.self).baseAddress,
                        near.assumingMemoryBound(to: UInt64.self).baseAddress,
                        remainder.assumingMemoryBound(to: UInt8.self).baseAddress
                    )
                }
            }
        }
        // What is left is a message of 16 bytes, with the register already in it.
        return withUnsafeBytes(of: remainder) { CRC64Tables.register(0, over: $0) }
    }
}
