import BlobStorage
import Testing

@testable import BlobReading

/// What the bookkeeping says about bytes on their way to the disk, without a disk.
struct SavingTests {
    /// A state with one version that has a file, and what happens in it.
    private struct Bench {
        var state: CacheState
        var effects = CacheEffects()
        let key: VersionKey
        var version: SlotID

        init(slabs: Int, type: BlobType = .block) {
            let configuration = BlockCacheConfiguration(memoryBudget: slabs * 1_024, blockSize: 1_024, pieceSize: 64)
            state = CacheState(configuration, slabCount: slabs)
            var properties = BlobProperties(
                version: BlobVersion(etag: ETag("\"1\""), lastModified: 0),
                length: 1 << 20
            )
            properties.type = type
            properties.creationTime = 7
            key = VersionKey(BlobAddress(container: "c", name: "b"), properties)
            version = state.versions.open(key, length: properties.length)
            _ = state.versions.attach(AttachedFile(key), to: version)
        }

        /// Reads a block, and the store answers.
        mutating func fetch(block: UInt64) { fetch(block * blockSize..<(block + 1) * blockSize) }

        mutating func fetch(_ range: Range<UInt64>) {
            _ = state.read(version, range, { _ in }, &effects)
            answer()
        }

        mutating func answer() {
            while let start = effects.starts.popLast() {
                var result = BlobReadResult(
                    byteCount: start.range.count,
                    blobLength: 1 << 20,
                    version: BlobVersion(etag: ETag("\"1\""), lastModified: 0)
                )
                result.creationTime = 7
                state.complete(start.fetch, .success(result), &effects)
            }
            for ready in effects.ready { state.unpin(ready.cells, &effects) }
            effects.ready = []
        }

        /// The disk takes the first that is on its way there; `nil` when nothing is.
        @discardableResult
        mutating func saveOne(isOnDisk: Bool = true) -> Range<UInt64>? {
            guard !effects.saves.isEmpty else { return nil }
            let (id, save) = effects.saves.removeFirst()
            state.saved(id, isOnDisk: isOnDisk, &effects)
            return save.range
        }

        mutating func saveAll() { while saveOne() != nil {} }

        mutating func close() { state.close(version, &effects) }

        func isPresent(block: UInt64) -> Bool { state.cell(version.index, piece: block * 16) >= 0 }
    }

    /// Two mounts of two accounts, one of which has the other's container as a datastore.
    @Test func `a blob has one clean file, whichever mount shows it`() {
        let properties = BlobProperties(version: BlobVersion(etag: ETag("1"), lastModified: 0), length: 1)
        let lab = "https://lab.blob.core.windows.net"
        let own = VersionKey(BlobAddress(container: "models", name: "b"), properties)
        let foreign = VersionKey(BlobAddress(container: "\(lab)/models", name: "b"), properties)
        let farm = "https://farm.blob.core.windows.net"
        #expect(foreign.cleanFileKey(account: farm) == own.cleanFileKey(account: lab))
        #expect(foreign.cleanFileKey(account: farm) != own.cleanFileKey(account: farm))
    }

    @Test func `a disk that takes nothing holds four blocks, and memory gives up what it needs`() {
        var bench = Bench(slabs: 32)
        for block in 0..<200 as Range<UInt64> {
            bench.fetch(block: block)
            #expect(bench.state.savingCount <= 4 * 16)
        }
        #expect(bench.effects.saves.count == 4)
        #expect(bench.state.statistics.misses == 200)
        #expect(bench.state.line.isEmpty)
        #expect(bench.state.violations() == [])
        // When it goes on, it gets all that memory still has.
        bench.saveAll()
        let statistics = bench.state.statistics
        #expect(statistics.bytesSaved + statistics.bytesNotSaved == 200 * blockSize)
        #expect(statistics.bytesSaved >= 24 * blockSize)
        #expect(bench.state.slabs.backlog.cellCount == 0)
        #expect(bench.state.violations() == [])
    }

    @Test func `a disk half as fast as the store gets all of a file that is not much larger than memory`() {
        var bench = Bench(slabs: 32)
        for block in 0..<48 as Range<UInt64> {
            bench.fetch(block: block)
            if block % 2 == 0 { bench.saveOne() }
        }
        bench.saveAll()
        #expect(bench.state.statistics.bytesSaved == 48 * blockSize)
        #expect(bench.state.statistics.bytesNotSaved == 0)
        #expect(bench.state.violations() == [])
    }

    @Test func `what is on the disk is given up before what is not`() {
        var bench = Bench(slabs: 32)
        for block in 0..<16 as Range<UInt64> {
            bench.fetch(block: block)
            bench.saveAll()
        }
        for block in 16..<40 as Range<UInt64> { bench.fetch(block: block) }
        #expect((16..<40).allSatisfy { bench.isPresent(block: $0) })
        #expect(bench.state.statistics.bytesNotSaved == 0)
        #expect(bench.state.violations() == [])
    }

    @Test func `beyond three quarters of the pool the oldest goes, on the disk or not`() {
        var bench = Bench(slabs: 32)
        for block in 0..<4 as Range<UInt64> {
            bench.fetch(block: block)
            bench.saveAll()
        }
        // Asked for again from far away: worth keeping.
        for block in 0..<4 as Range<UInt64> { bench.fetch(block: block) }
        for block in 4..<100 as Range<UInt64> { bench.fetch(block: block) }
        #expect(bench.state.slabs.backlog.cellCount <= 28 * 16)
        #expect(bench.state.statistics.bytesNotSaved >= 64 * blockSize)
        #expect(bench.isPresent(block: 99))
        #expect(bench.state.violations() == [])
    }

    @Test func `bytes on their way to the disk are neither evicted nor counted twice`() {
        var bench = Bench(slabs: 4)
        bench.fetch(block: 0)
        let (id, save) = bench.effects.saves[0]
        for block in 1..<20 as Range<UInt64> { bench.fetch(block: block) }
        let isHeld = bench.state.cell(bench.version.index, piece: 0) == save.firstCell
        #expect(isHeld)
        #expect(save.range == 0..<blockSize)
        bench.state.saved(id, isOnDisk: true, &bench.effects)
        bench.state.saved(id, isOnDisk: true, &bench.effects)
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
        bench.saveOne()
        #expect(bench.state.line.isEmpty)
        bench.answer()
        #expect(bench.state.violations() == [])
    }

    @Test func `what waits goes in the order of its coming, and neighbours go together`() {
        var bench = Bench(slabs: 32)
        for block in 0..<4 as Range<UInt64> { bench.fetch(block: block) }
        // Behind those: pieces 64, 65, 66, and 70 of one block, asked for one by one.
        for piece in [64, 65, 66, 70] as [UInt64] { bench.fetch(piece * 64..<piece * 64 + 1) }
        var ranges: [Range<UInt64>] = []
        while let range = bench.saveOne() { ranges.append(range) }
        #expect(ranges == [0..<1024, 1024..<2048, 2048..<3072, 3072..<4096, 4096..<4288, 4480..<4544])
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
        bench.close()
        #expect(bench.state.released.count == 1)
        #expect(bench.state.violations() == [])
    }

    @Test func `a closed version keeps its file until the last save, and an open in between has it`() throws {
        var bench = Bench(slabs: 32)
        for block in 0..<6 as Range<UInt64> { bench.fetch(block: block) }
        let file = try #require(bench.state.versions.file(of: bench.version))
        bench.close()
        #expect(bench.state.released.isEmpty)
        bench.saveOne()
        bench.version = bench.state.versions.open(bench.key, length: 1 << 20)
        let isNew = bench.state.versions.attach(AttachedFile(bench.key), to: bench.version)
        #expect(!isNew)
        #expect(bench.state.versions.file(of: bench.version) === file)
        bench.close()
        bench.saveAll()
        #expect(bench.state.released.count == 1 && bench.state.released[0] === file)
        #expect(bench.state.statistics.bytesSaved == 6 * blockSize)
        #expect(bench.state.violations() == [])
    }

    @Test func `a closed version whose last unsaved bytes memory gave up lets go of its file`() {
        var bench = Bench(slabs: 4)
        bench.fetch(block: 0)
        bench.fetch(block: 1)
        bench.close()
        let other = BlobProperties(version: BlobVersion(etag: ETag("\"2\""), lastModified: 0), length: 1 << 20)
        let key = VersionKey(BlobAddress(container: "c", name: "other"), other)
        bench.version = bench.state.versions.open(key, length: 1 << 20)
        _ = bench.state.versions.attach(AttachedFile(key), to: bench.version)
        // The first block is on its way and stays, the second is the oldest of what may go.
        for block in 0..<3 as Range<UInt64> { bench.fetch(block: block) }
        #expect(bench.state.statistics.bytesNotSaved == blockSize)
        #expect(bench.state.released.isEmpty)
        bench.saveAll()
        #expect(bench.state.released.count == 1)
        #expect(bench.state.violations() == [])
    }

    @Test func `a version is late when more than an eighth of the pool waits, and stays so; no other one is`() {
        var bench = Bench(slabs: 32)
        func isLate() -> Bool { bench.state.versions[bench.version.index]?.isLate == true }
        // Four are under way, and four wait.
        for block in 0..<8 as Range<UInt64> { bench.fetch(block: block) }
        #expect(!isLate())
        bench.fetch(block: 8)
        #expect(isLate())
        bench.saveAll()
        #expect(isLate())
        let other = BlobProperties(version: BlobVersion(etag: ETag("\"2\""), lastModified: 0), length: 1 << 20)
        let key = VersionKey(BlobAddress(container: "c", name: "other"), other)
        bench.version = bench.state.versions.open(key, length: 1 << 20)
        _ = bench.state.versions.attach(AttachedFile(key), to: bench.version)
        bench.fetch(block: 0)
        #expect(!isLate())
    }

    @Test func `what the disk refused is counted, and not tried again`() {
        var bench = Bench(slabs: 8)
        bench.fetch(block: 0)
        bench.saveOne(isOnDisk: false)
        #expect(bench.effects.saves.isEmpty)
        #expect(bench.state.statistics.bytesNotSaved == blockSize)
        #expect(bench.state.statistics.bytesSaved == 0)
        #expect(bench.state.violations() == [])
    }

    @Test func `nothing more of a blob that began anew goes into the file`() {
        var bench = Bench(slabs: 32, type: .append)
        for block in 0..<6 as Range<UInt64> { bench.fetch(block: block) }
        #expect(bench.effects.saves.count == 4)
        _ = bench.state.versions.open(bench.key, length: 10)
        bench.saveAll()
        #expect(bench.state.statistics.bytesSaved == 4 * blockSize)
        #expect(bench.state.statistics.bytesNotSaved == 2 * blockSize)
        #expect(bench.state.violations() == [])
    }

    @Test func `nothing is begun after the end`() {
        var bench = Bench(slabs: 32)
        for block in 0..<8 as Range<UInt64> { bench.fetch(block: block) }
        bench.state.shutDown(&bench.effects)
        bench.saveAll()
        #expect(bench.state.statistics.bytesSaved == 4 * blockSize)
        #expect(bench.state.violations() == [])
    }
}

private let blockSize: UInt64 = 1_024
