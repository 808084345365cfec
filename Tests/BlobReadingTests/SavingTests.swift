import BlobStorage
import Testing

@testable import BlobReading

/// What the bookkeeping says about bytes on their way to the disk, without a disk.
struct SavingTests {
    /// A state with one version that has a file, and what happens in it.
    private struct Bench {
        var state: CacheState
        var effects = CacheEffects()
        let version: SlotID

        init(slabs: Int) {
            let configuration = BlockCacheConfiguration(memoryBudget: slabs * 1_024, blockSize: 1_024, pieceSize: 64)
            state = CacheState(configuration, slabCount: slabs)
            let properties = BlobProperties(
                version: BlobVersion(etag: ETag("\"1\""), lastModified: 0),
                length: 1 << 20
            )
            let key = VersionKey(BlobAddress(container: "c", name: "b"), properties)
            version = state.versions.open(key, length: properties.length)
            _ = state.versions.attach(AttachedFile(), to: version)
        }

        /// Reads a block, and the store answers.
        mutating func fetch(block: UInt64) {
            let range = block * blockSize..<(block + 1) * blockSize
            _ = state.read(version, range, { _ in }, &effects)
            answer()
        }

        mutating func answer() {
            while let start = effects.starts.popLast() {
                let result = BlobReadResult(
                    byteCount: start.range.count,
                    blobLength: 1 << 20,
                    version: BlobVersion(etag: ETag("\"1\""), lastModified: 0)
                )
                state.complete(start.fetch, .success(result), &effects)
            }
            for ready in effects.ready { state.unpin(ready.cells, &effects) }
            effects.ready = []
        }
    }

    @Test func `an eighth of the pool waits for a disk that is too slow, and the rest is not saved`() {
        var bench = Bench(slabs: 32)
        for block in 0..<200 as Range<UInt64> { bench.fetch(block: block) }
        #expect(bench.effects.saves.count == 4)
        #expect(bench.state.statistics.bytesNotSaved == 196 * blockSize)
        #expect(bench.state.statistics.misses == 200)
        #expect(bench.state.violations() == [])
        for (id, _) in bench.effects.saves { bench.state.saved(id, isOnDisk: true, &bench.effects) }
        bench.effects.saves = []
        #expect(bench.state.violations() == [])
        bench.fetch(block: 200)
        #expect(bench.effects.saves.count == 1)
    }

    @Test func `bytes that wait for the disk are neither evicted nor counted twice`() {
        var bench = Bench(slabs: 4)
        bench.fetch(block: 0)
        let save = bench.effects.saves[0].save
        for block in 1..<20 as Range<UInt64> { bench.fetch(block: block) }
        let isHeld = bench.state.cell(bench.version.index, piece: 0) == save.firstCell
        #expect(isHeld)
        #expect(save.range == 0..<blockSize)
        bench.state.saved(bench.effects.saves[0].id, isOnDisk: true, &bench.effects)
        bench.state.saved(bench.effects.saves[0].id, isOnDisk: true, &bench.effects)
        #expect(bench.state.statistics.bytesSaved == blockSize)
        #expect(bench.state.violations() == [])
    }

    @Test func `a read that waits for memory goes on when the disk has taken its bytes`() {
        var bench = Bench(slabs: 4)
        bench.fetch(block: 0)
        // Three of four slabs are free of pins: a read of two finds room, and another one waits in line.
        _ = bench.state.read(bench.version, 4_096..<6_144, { _ in }, &bench.effects)
        _ = bench.state.read(bench.version, 8_192..<10_240, { _ in }, &bench.effects)
        #expect(bench.state.line.count == 1)
        let (id, _) = bench.effects.saves[0]
        bench.state.saved(id, isOnDisk: true, &bench.effects)
        #expect(bench.state.line.isEmpty)
        bench.answer()
        #expect(bench.state.violations() == [])
    }

    @Test func `what came from the disk is not saved again, and a closed version lets go of its file`() {
        var bench = Bench(slabs: 8)
        _ = bench.state.read(bench.version, 0..<blockSize, { _ in }, &bench.effects)
        let start = bench.effects.starts.removeLast()
        #expect(start.file != nil)
        bench.state.filledFromDisk(start.fetch, &bench.effects)
        #expect(bench.effects.saves.isEmpty && bench.effects.ready.count == 1)
        #expect(bench.state.statistics.bytesFromDisk == blockSize)
        #expect(bench.state.statistics.bytesFromStore == 0)
        bench.answer()
        bench.state.close(bench.version, &bench.effects)
        #expect(bench.effects.released.count == 1)
        #expect(bench.state.violations() == [])
    }
}

private let blockSize: UInt64 = 1_024
