internal import Synchronization

/// The memory behind `RangeBuffer`: what is given back is used again.
///
/// A fresh page costs a fault and a clearing: of 1 GiB through fresh 4 MiB buffers those were 265,000, and a third of all
/// processor time.
enum RangeMemory {
    /// What is kept without use: 32 requests of the longest range.
    private static let spareByteCountMax = 128 << 20
    /// Below it malloc(3) itself uses memory again.
    private static let pieceByteCountMin = 128 << 10

    private struct Spare: @unchecked Sendable {
        /// By size.
        var pieces: [Int: [UnsafeMutableRawBufferPointer]] = [:]
        var byteCount = 0
    }

    private static let spare = Mutex(Spare())

    /// Memory for at least as many bytes, with anything in it.
    static func allocate(_ byteCount: Int) -> UnsafeMutableRawBufferPointer {
        let size = pieceSize(for: byteCount)
        let used = spare.withLock { spare in
            let piece = spare.pieces[size]?.popLast()
            if piece != nil { spare.byteCount -= size }
            return Piece(bytes: piece)
        }
        return used.bytes ?? .allocate(byteCount: size, alignment: 4096)
    }

    static func free(_ bytes: UnsafeMutableRawBufferPointer) {
        let piece = Piece(bytes: bytes)
        let isKept = spare.withLock { spare in
            guard bytes.count >= pieceByteCountMin, spare.byteCount + bytes.count <= spareByteCountMax else {
                return false
            }
            if let bytes = piece.bytes { spare.pieces[bytes.count, default: []].append(bytes) }
            spare.byteCount += bytes.count
            return true
        }
        if !isKept { bytes.deallocate() }
    }

    private struct Piece: @unchecked Sendable { let bytes: UnsafeMutableRawBufferPointer? }

    /// Powers of two, so that few sizes come again and again; what is never touched takes no room.
    static func pieceSize(for byteCount: Int) -> Int {
        guard byteCount >= pieceByteCountMin else { return max(1, byteCount) }
        return 1 << (Int.bitWidth - (byteCount - 1).leadingZeroBitCount)
    }
}
