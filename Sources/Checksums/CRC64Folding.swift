internal import CChecksums

/// CRC-64 by carry-less multiplication: on x86-64, 512 bytes a step where there are registers of 64 bytes, else 128.
///
/// A load of 16 bytes is a polynomial of 128 coefficients, first byte highest: low word · x^64 + high word. To move it
/// D bits forward is to multiply it by x^D, and modulo P that is low · (x^(D+64) mod P) + high · (x^D mod P), again
/// 128 bits wide. The product of two words in this bit order comes out one place too low, that is multiplied by x;
/// hence the exponents D + 63 and D − 1.
enum CRC64Folding {
    /// Bytes per step of either kind.
    static let stride = 128
    static let wideStride = 512

    // Asked once: CPUID leaves a virtual machine, which takes microseconds.
    private static let width = cchecksums_carryless_width()
    static let isAvailable = width > 0
    static let isWide = width == 64

    /// The two factors for a distance in bits.
    static func factors(forDistance bits: UInt64) -> (low: UInt64, high: UInt64) {
        (CRC64Polynomial.power(bits + 63), CRC64Polynomial.power(bits - 1))
    }

    private static let wide = factors(forDistance: UInt64(wideStride) * 8)
    private static let far = factors(forDistance: UInt64(stride) * 8)
    private static let near = factors(forDistance: 128)

    /// Takes the register over as many of the bytes as are whole steps; gives those that are left, fewer than a step.
    static func advance(_ register: inout UInt64, over bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        guard isAvailable else { return bytes }
        var rest = bytes
        if isWide {
            rest = fold(&register, rest, step: wideStride, by: wide) {
                cchecksums_crc64_fold_wide($0, $1, $2, $3, $4, $5)
            }
        }
        return fold(&register, rest, step: stride, by: far) { cchecksums_crc64_fold($0, $1, $2, $3, $4, $5) }
    }

    /// The folds of `CChecksums`: bytes, their number, the register, the factors of a step and of 16 bytes, the result.
    private typealias Fold = (
        UnsafeRawPointer?, Int, UInt64, UnsafePointer<UInt64>?, UnsafePointer<UInt64>?, UnsafeMutablePointer<UInt8>?
    ) -> Void

    private static func fold(
        _ register: inout UInt64,
        _ bytes: UnsafeRawBufferPointer,
        step: Int,
        by factors: (low: UInt64, high: UInt64),
        _ fold: Fold
    ) -> UnsafeRawBufferPointer {
        let count = bytes.count & ~(step - 1)
        guard count > 0 else { return bytes }
        var remainder: (UInt64, UInt64) = (0, 0)
        withUnsafeMutableBytes(of: &remainder) { remainder in
            withUnsafeBytes(of: factors) { factors in
                withUnsafeBytes(of: near) { near in
                    fold(
                        bytes.baseAddress,
                        count,
                        register,
                        factors.assumingMemoryBound(to: UInt64.self).baseAddress,
                        near.assumingMemoryBound(to: UInt64.self).baseAddress,
                        remainder.assumingMemoryBound(to: UInt8.self).baseAddress
                    )
                }
            }
        }
        // What is left is a message of 16 bytes, with the register already in it.
        register = withUnsafeBytes(of: remainder) { CRC64Tables.register(0, over: $0) }
        return UnsafeRawBufferPointer(rebasing: bytes[count...])
    }
}
