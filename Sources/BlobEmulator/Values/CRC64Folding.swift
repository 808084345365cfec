internal import CCarryless

/// Shortens a message to 16 bytes with the same remainder, four lanes of 16 bytes at a time.
///
/// A lane is (low, high), in this bit order low · x^64 + high. Moved by d bits it is low · x^(d+64) + high · x^d; the
/// instruction's product lies one bit lower than the polynomials', so that each factor is one power of x smaller.
struct CRC64Folding: Sendable {
    /// Bytes per step; the message's length is a multiple of it.
    static let stride = 64

    /// nil where the processor has no such instruction.
    static let onThisMachine = ccarryless_is_here() != 0 ? CRC64Folding() : nil

    private let step: (low: UInt64, high: UInt64)
    private let lane: (low: UInt64, high: UInt64)

    private init() {
        step = (Self.power(8 * Self.stride + 63), Self.power(8 * Self.stride - 1))
        lane = (Self.power(128 + 63), Self.power(128 - 1))
    }

    /// The 16 bytes that stand for `bytes` behind a register.
    func remainder(of bytes: UnsafeRawBufferPointer, after register: UInt64) -> (UInt64, UInt64) {
        var remainder: (UInt64, UInt64) = (0, 0)
        withUnsafeMutableBytes(of: &remainder) { remainder in
            ccarryless_shorten(
                bytes.assumingMemoryBound(to: UInt8.self).baseAddress,
                bytes.count,
                register,
                step.low,
                step.high,
                lane.low,
                lane.high,
                remainder.assumingMemoryBound(to: UInt64.self).baseAddress
            )
        }
        return remainder
    }

    /// x^n modulo the polynomial.
    private static func power(_ n: Int) -> UInt64 {
        (0..<n).reduce(1 << 63) { power, _ in CRC64.timesX(power) }
    }
}
