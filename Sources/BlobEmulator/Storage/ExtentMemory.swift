internal import Glibc
internal import Synchronization

/// The memory behind extents: pieces of 4 MiB that are kept for reuse, and exact allocations for what is smaller.
///
/// A fresh page costs a fault and a clearing, and in a virtual machine often a trip to the host (0.4 GiB/s instead
/// of 5); a server whose blobs come and go would measure that instead of itself.
enum ExtentMemory {
    /// The largest extent; a larger body becomes several.
    static let pieceSize = 4 << 20
    /// Pieces kept without use: a sixteenth of the machine's memory, and 256 MiB at least.
    private static let spareLimit = max(
        64,
        sysconf(Int32(_SC_PHYS_PAGES)) / 16 * sysconf(Int32(_SC_PAGESIZE)) / pieceSize
    )
    private static let spare = Mutex<[SparePiece]>([])

    private struct SparePiece: @unchecked Sendable {
        let bytes: UnsafeMutableRawBufferPointer
    }

    /// Room for `length` bytes, at most `pieceSize`; nil when there is no memory.
    static func allocate(_ length: Int) -> UnsafeMutableRawBufferPointer? {
        guard length > pieceSize / 2 else {
            guard let memory = malloc(max(length, 1)) else { return nil }
            return UnsafeMutableRawBufferPointer(start: memory, count: length)
        }
        if let piece = spare.withLock({ $0.popLast() }) { return piece.bytes }
        var memory: UnsafeMutableRawPointer?
        // Aligned to a huge page, which makes first touch three to five times faster.
        guard posix_memalign(&memory, 2 << 20, pieceSize) == 0, let memory else { return nil }
        madvise(memory, pieceSize, 14 /* MADV_HUGEPAGE */)
        return UnsafeMutableRawBufferPointer(start: memory, count: pieceSize)
    }

    /// A copy of `bytes`; empty when there is no memory.
    static func copy(of bytes: [UInt8]) -> UnsafeMutableRawBufferPointer {
        guard let memory = malloc(max(bytes.count, 1)) else {
            return UnsafeMutableRawBufferPointer(start: nil, count: 0)
        }
        let copy = UnsafeMutableRawBufferPointer(start: memory, count: bytes.count)
        copy.copyBytes(from: bytes)
        return copy
    }

    static func free(_ bytes: UnsafeMutableRawBufferPointer) {
        let piece = SparePiece(bytes: bytes)
        let isKept =
            bytes.count == pieceSize
            && spare.withLock { spare in
                guard spare.count < spareLimit else { return false }
                spare.append(piece)
                return true
            }
        if !isKept { Glibc.free(bytes.baseAddress) }
    }
}
