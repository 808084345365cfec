/// Which cell holds which piece of which version of a blob.
struct BlockIndex: Sendable {
    private struct Block: Sendable {
        var key: UInt64 = 0
        /// Pieces that have a cell.
        var count: Int32 = 0
    }

    private let piecesPerBlock: Int
    /// Version and block number in one word: 54 ns a lookup. A block number fits into 32 bits: the largest blob has
    /// 190.7 TiB, which is 50 million blocks of 4 MiB.
    private var numbers: [UInt64: Int32] = [:]
    private var blocks: [Block] = []
    /// `piecesPerBlock` numbers for each block; -1 where a piece has no cell.
    private var cells: [Int32] = []
    private var freeBlocks: [Int32] = []

    init(piecesPerBlock: Int) { self.piecesPerBlock = piecesPerBlock }

    private static func key(_ version: Int32, _ number: UInt64) -> UInt64 {
        UInt64(UInt32(bitPattern: version)) << 32 | UInt64(UInt32(truncatingIfNeeded: number))
    }

    /// The entry of a block, or -1.
    func block(_ version: Int32, _ number: UInt64) -> Int32 { numbers[Self.key(version, number)] ?? -1 }

    /// The cell of a piece, or -1.
    func cell(_ block: Int32, _ slot: Int) -> Int32 {
        block < 0 ? -1 : cells[Int(block) * piecesPerBlock + slot]
    }

    /// Says that `cell` holds the piece. `isNew` when the block had none before.
    mutating func insert(_ cell: Int32, _ version: Int32, _ number: UInt64, _ slot: Int) -> (block: Int32, isNew: Bool)
    {
        let key = Self.key(version, number)
        var block = numbers[key] ?? -1
        let isNew = block < 0
        if isNew {
            if let reused = freeBlocks.popLast() {
                block = reused
            } else {
                block = Int32(blocks.count)
                blocks.append(Block())
                cells.append(contentsOf: repeatElement(-1, count: piecesPerBlock))
            }
            blocks[Int(block)] = Block(key: key, count: 0)
            numbers[key] = block
        }
        cells[Int(block) * piecesPerBlock + slot] = cell
        blocks[Int(block)].count += 1
        return (block, isNew)
    }

    /// Forgets a piece. Gives the version when that was its block's last one, and the block is gone.
    mutating func remove(_ block: Int32, _ slot: Int) -> Int32? {
        cells[Int(block) * piecesPerBlock + slot] = -1
        blocks[Int(block)].count -= 1
        guard blocks[Int(block)].count == 0 else { return nil }
        numbers[blocks[Int(block)].key] = nil
        freeBlocks.append(block)
        return version(of: block)
    }

    /// The block of the blob that an entry is of.
    func number(of block: Int32) -> UInt64 { blocks[Int(block)].key & 0xFFFF_FFFF }

    /// The version that an entry belongs to.
    func version(of block: Int32) -> Int32 { Int32(bitPattern: UInt32(blocks[Int(block)].key >> 32)) }

    var isEmpty: Bool { numbers.isEmpty }
}
