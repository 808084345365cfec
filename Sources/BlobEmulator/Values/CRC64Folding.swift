internal import CChecksums

/// Shortens a message to 16 bytes with the same remainder, eight lanes of 16 bytes at a time. Only the multiplication,
/// which Swift has no name for, is shared with the client; the factors are this server's own.
///
/// A lane is (low, high), in this bit order low · x^64 + high. Moved by d bits it is low · x^(d+64) + high · x^d; the
/// instruction's product lies one bit lower than the polynomials', so that each factor is one power of x smaller.
struct CRC64Folding: Sendable {
    /// Bytes per step; the message's length is a multiple of it.
    static let stride = 128

    /// nil where the processor has no such instruction.
    static let onThisMachine = cchecksums_has_carryless() != 0 ? CRC64Folding() : nil

    private let byStride: (low: UInt64, high: UInt64)
    private let byLane: (low: UInt64, high: UInt64)

    private init() {
        byStride = (Self.power(8 * Self.stride + 63), Self.power(8 * Self.stride - 1))
        byLane = (Self.power(128 + 63), Self.power(128 - 1))
    }

    /// The 16 bytes that stand for `bytes` behind a register.
    func remainder(of bytes: UnsafeRawBufferPointer, after register: UInt64) -> (UInt64, UInt64) {
        var remainder: (UInt64, UInt64) = (0, 0)
        withUnsafeMutableBytes(of: &remainder) { remainder in
            withUnsafeBytes(of: byStride) { byStride in
                withUnsafeBytes(of: byLane) { byLane in
                    cchecksums_crc64_fold(
                        bytes.baseAddress,
                        bytes.count,
                        register,
                        byStride.assumingMemoryBound(to: UInt64.self).baseAddress,
                        byLane.assumingMemoryBound(to: UInt64.self).baseAddress,
                        remainder.assumingMemoryBound(to: UInt8.self).baseAddress
                    )
                }
            }
        }
        return remainder
    }

    /// x^n modulo the polynomial.
    private static func power(_ n: Int) -> UInt64 {
        (0..<n).reduce(1 << 63) { power, _ in CRC64.timesX(power) }
    }
}
