package import BlobStorage

/// How much memory reading may take, and how it is cut.
package struct BlockCacheConfiguration: Sendable {
    /// Bytes of the one slab pool, which holds everything: cached, read ahead and in flight. A hard bound.
    package let memoryBudget: Int
    /// Bytes of a block, the most that one GET brings.
    package let blockSize: Int
    /// Bytes of a piece, the least that one GET brings: a random 4 KiB read costs this much.
    package let pieceSize: Int
    /// Which checksum each GET is held against.
    package let verification: RangeVerification
    /// How far one stream may run ahead of its reader, in blocks. With 20 ms to the first byte and 100 MiB/s per
    /// connection, 8 blocks in flight gave 0.7, 16 gave 1.3 and 32 gave 2.0 GiB/s.
    package let readAheadBlocksMax: Int

    /// Takes what is asked as near as the rules allow: a block has 1 to 64 pieces and, where ranges are verified, no
    /// more bytes than the service computes a checksum for; the pool has at least four blocks, so that the longest
    /// read fits while another one is under way.
    package init(
        memoryBudget: Int = 256 << 20,
        blockSize: Int = 4 << 20,
        pieceSize: Int = 64 << 10,
        verification: RangeVerification = .crc64,
        readAheadBlocksMax: Int = 32
    ) {
        let blockSizeMax = verification == .none ? Int.max : RangeVerification.lengthMax
        let pieceSize = min(max(pieceSize, 1), blockSizeMax)
        let piecesPerBlock = min(max(min(blockSize, blockSizeMax) / pieceSize, 1), SlabAllocator.cellsPerSlabMax)
        self.pieceSize = pieceSize
        self.blockSize = piecesPerBlock * pieceSize
        self.memoryBudget = max(memoryBudget / self.blockSize, Self.slabCountMin) * self.blockSize
        self.verification = verification
        self.readAheadBlocksMax = max(readAheadBlocksMax, 0)
    }

    /// See `init`.
    static let slabCountMin = 4

    var slabCount: Int { memoryBudget / blockSize }
    /// The longest read that is answered in one go, in bytes: twice as much fits into the pool.
    var readCountMax: Int { memoryBudget / 2 }
    var geometry: CacheGeometry { CacheGeometry(blockSize: blockSize, pieceSize: pieceSize) }
}

/// How a blob's bytes are numbered: blocks, and pieces within them.
///
/// A *piece* of a blob lies in a *cell* of memory; a *block* of a blob has as many pieces as a *slab* has cells.
struct CacheGeometry: Sendable {
    let blockSize: Int
    let pieceSize: Int
    let piecesPerBlock: Int

    init(blockSize: Int, pieceSize: Int) {
        self.blockSize = blockSize
        self.pieceSize = pieceSize
        piecesPerBlock = blockSize / pieceSize
    }

    /// A blob of no more pieces comes whole, whatever is read of it: 256 KiB take 2.5 ms at 100 MiB/s per connection, a
    /// round trip to a store 20.
    var smallBlobPieces: Int { min(4, piecesPerBlock) }

    /// What a first small read at a blob's start brings, in pieces. The length is not 0.
    func firstPieces(ofLength length: UInt64) -> Int {
        let count = pieces(of: 0..<length).count
        return count <= smallBlobPieces ? count : 1
    }

    /// The numbers of the pieces that hold these bytes. The range is not empty.
    func pieces(of range: Range<UInt64>) -> Range<UInt64> {
        let size = UInt64(pieceSize)
        return range.lowerBound / size..<(range.upperBound - 1) / size + 1
    }

    func blockNumber(ofPiece piece: UInt64) -> UInt64 { piece / UInt64(piecesPerBlock) }

    func slot(ofPiece piece: UInt64) -> Int { Int(piece % UInt64(piecesPerBlock)) }

    func start(ofPiece piece: UInt64) -> UInt64 { piece * UInt64(pieceSize) }

    /// How many bytes of the piece, from its start, are needed to answer a read up to `end`.
    func need(ofPiece piece: UInt64, upTo end: UInt64) -> Int {
        Int(min(end - start(ofPiece: piece), UInt64(pieceSize)))
    }
}
