/// One version of a blob in the disk cache; attached while somebody holds it. Any thread.
package final class CleanFile: Sendable {
    package let key: CleanFileKey

    init(key: CleanFileKey) { self.key = key }

    /// Bytes. Grows for append blobs, never shrinks.
    package var length: UInt64 { 0 }

    /// Whether all cells that the range touches are there, as far as is known without waiting: what another process
    /// evicted since then, a read will miss. Never blocks: for any thread, under a lock too.
    package func holds(_ range: Range<UInt64>) -> Bool { false }

    /// Fills the buffer from `offset` on, a multiple of the cell size; every cell is checked against its CRC-64.
    ///
    /// `false`: a cell is missing or damaged (and forgotten then), or the disk failed; what the buffer holds means
    /// nothing. The buffer may end within a cell, not behind the file's end. Blocks.
    package func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) -> Bool { false }

    /// Saves whole cells from `offset` on, a multiple of the cell size; the last may be short where the file ends.
    ///
    /// A cell's part at the end of `bytes` that is not a whole cell is left out. Failing means not saved, and tells
    /// nobody but the statistics. Blocks: evicts what is in the way.
    package func save(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) {}

    /// An append blob grew: the cells stay, except a short last one, which is forgotten. Blocks.
    package func extend(to length: UInt64) {}

    /// Every cell is there, as far as is known.
    package var isComplete: Bool { false }

    /// Checks every cell that this process has neither saved nor checked yet: whether all are there and right. Blocks,
    /// for as long as reading the file takes.
    package func verify() -> Bool { false }

    /// The complete, verified file for reading, protected from eviction and growth while the lease lives; `nil` when
    /// it is not complete, or `verify` has not been there. Blocks for a moment.
    package func lease() -> CleanFileLease? { nil }
}
