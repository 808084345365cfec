/// Polynomials over GF(2) modulo the CRC's, as 64-bit words whose bit 63 is the coefficient of x^0.
enum CRC64Polynomial {
    /// 1, that is x^0.
    static let one: UInt64 = 1 << 63

    /// a · x.
    static func timesX(_ a: UInt64) -> UInt64 {
        (a >> 1) ^ (a & 1 == 1 ? CRC64.polynomial : 0)
    }

    /// a · b, by shifting and adding: 64 steps, for the few products that combining needs.
    static func product(_ a: UInt64, _ b: UInt64) -> UInt64 {
        var sum: UInt64 = 0
        var shifted = b
        for bit in stride(from: UInt64(63), through: 0, by: -1) {
            if a >> bit & 1 == 1 { sum ^= shifted }
            shifted = timesX(shifted)
        }
        return sum
    }

    /// x^n, by squaring.
    static func power(_ n: UInt64) -> UInt64 {
        var result = one
        var square = timesX(one)
        var rest = n
        while rest > 0 {
            if rest & 1 == 1 { result = product(result, square) }
            square = product(square, square)
            rest >>= 1
        }
        return result
    }
}
