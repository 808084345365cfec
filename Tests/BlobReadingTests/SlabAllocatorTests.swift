import Testing

@testable import BlobReading

@Suite struct SlabAllocatorTests {
    @Test(arguments: [
        (mask: UInt64(0b0111_0110), count: 1, start: 1), (mask: 0b0111_0110, count: 2, start: 1),
        (mask: 0b0111_0110, count: 3, start: 4), (mask: 0b0111_0110, count: 4, start: nil),
        (mask: .max, count: 64, start: 0), (mask: .max << 1, count: 64, start: nil),
        (mask: .max << 1, count: 63, start: 1),
        (mask: 0, count: 1, start: nil),
    ])
    func `A run of ones is found`(mask: UInt64, count: Int, start: Int?) {
        #expect(SlabAllocator.firstRun(of: count, in: mask) == start)
    }

    @Test func `A slab that became free last is used first`() {
        var slabs = SlabAllocator(slabCount: 4, cellsPerSlab: 8)
        let first = slabs.take(8)
        let second = slabs.take(8)
        for cell in 8..<16 as Range<Int32> {
            slabs.unpin(cell)
            slabs.free(cell)
        }
        #expect(first == 0 && second == 8)
        #expect(slabs.take(8) == 8)
    }

    @Test func `Small runs share slabs`() {
        var slabs = SlabAllocator(slabCount: 4, cellsPerSlab: 8)
        let taken = (0..<8).map { _ in slabs.take(1) }
        #expect(taken == (0..<8).map { Int32($0) })
        #expect(slabs.take(8) == 8)
    }

    @Test func `What was touched longest ago goes first, unread last, pinned never`() {
        var slabs = SlabAllocator(slabCount: 4, cellsPerSlab: 4)
        for slab in 0..<4 as Range<Int32> {
            #expect(slabs.take(4) == slab * 4)
            if slab == 0 { slabs.markUnread(0) }
            for cell in slab * 4..<slab * 4 + 4 where slab != 3 { slabs.unpin(cell) }
        }
        slabs.touch(5)
        #expect(slabs.victim(for: 4, sparingUnread: true) == 2)
        slabs.pin(9)
        #expect(slabs.victim(for: 4, sparingUnread: true) == 1)
        #expect(slabs.victim(for: 2, sparingUnread: true) == 2)
        #expect(slabs.evictable(in: 2).map { $0 } == [8, 10, 11])
        slabs.pin(4)
        #expect(slabs.victim(for: 4, sparingUnread: true) == nil)
        #expect(slabs.victim(for: 4, sparingUnread: false) == 0)
        slabs.touch(0)
        #expect(slabs.unreadCount == 0)
        #expect(slabs.victim(for: 4, sparingUnread: true) == 0)
    }

    /// Takes a slab as a stream does: ahead, read cell by cell, let go.
    private func stream(_ slabs: inout SlabAllocator, count: Int) {
        for _ in 0..<count {
            let cell =
                slabs.take(8)
                ?? slabs.victim(for: 8, sparingUnread: true).flatMap { slab in
                    for cell in slabs.evictable(in: slab) { slabs.free(cell) }
                    return slabs.take(8, in: slab)
                }
            guard let cell else {
                Issue.record("a stream found no memory")
                return
            }
            for cell in cell..<cell + 8 { slabs.markUnread(cell) }
            for cell in cell..<cell + 8 {
                slabs.touch(cell)
                slabs.touch(cell)
                slabs.unpin(cell)
            }
        }
    }

    @Test func `A stream goes round in an eighth of the pool and leaves the rest untouched`() {
        var slabs = SlabAllocator(slabCount: 64, cellsPerSlab: 8)
        stream(&slabs, count: 1_000)
        #expect(slabs.usedCount == 9 * 8)
    }

    @Test(arguments: [1, 8, 30])
    func `What is read again and again survives any stream, and what was read once survives a short one`(hot: Int) {
        var slabs = SlabAllocator(slabCount: 64, cellsPerSlab: 8)
        let cells = (0..<hot).map { _ in slabs.take(8) ?? -1 }
        for first in cells { for cell in first..<first + 8 { slabs.unpin(cell) } }
        let once = slabs.take(8) ?? -1
        for cell in once..<once + 8 { slabs.unpin(cell) }
        slabs.touch(once)
        for _ in 0..<200 {
            for cell in cells { slabs.touch(cell) }
            stream(&slabs, count: 10)
        }
        // Nothing was evicted: the stream took what it had left behind itself.
        #expect(slabs.usedCount == (hot + 1 + 9) * 8)
    }

    @Test func `Hot pieces survive random reads of everything else`() {
        let seed: UInt64 = 4
        var random = SeededGenerator(seed: seed)
        var slabs = SlabAllocator(slabCount: 32, cellsPerSlab: 8)
        // Pieces of a large blob, one after the other; every 40th read is of one of ten hot ones.
        var places: [Int: Int32] = [:]
        var hotMisses = 0
        for step in 0..<20_000 {
            let isHot = step % 40 == 0
            let piece = isHot ? -1 - Int(random.next(upperBound: UInt64(10))) : step
            if let cell = places[piece] {
                slabs.touch(cell)
                continue
            }
            if isHot { hotMisses += 1 }
            var cell = slabs.take(1)
            if cell == nil, let slab = slabs.victim(for: 1, sparingUnread: true) {
                let gone = Set(slabs.evictable(in: slab).map { $0 })
                for cell in gone { slabs.free(cell) }
                places = places.filter { !gone.contains($0.value) }
                cell = slabs.take(1, in: slab)
            }
            guard let cell else {
                Issue.record("no cell, seed \(seed)")
                return
            }
            slabs.touch(cell)
            slabs.unpin(cell)
            places[piece] = cell
        }
        // 500 reads of ten pieces. Each comes back after 400 others, in a pool of 256: by recency alone half would miss.
        #expect(hotMisses < 100, "seed \(seed): \(hotMisses)")
    }

    @Test(arguments: [UInt64(1), 2, 3])
    func `No cell is given twice, and all come back`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var slabs = SlabAllocator(slabCount: 6, cellsPerSlab: 64)
        var held: Set<Int32> = []
        for _ in 0..<3_000 {
            if Bool.random(using: &random), let count = [1, 2, 5, 16, 64].randomElement(using: &random) {
                guard let first = slabs.take(count) else { continue }
                #expect(first / 64 == (first + Int32(count) - 1) / 64, "seed \(seed)")
                for cell in first..<first + Int32(count) { #expect(held.insert(cell).inserted, "seed \(seed)") }
            } else {
                for _ in 0..<10 {
                    guard let cell = held.randomElement(using: &random) else { break }
                    held.remove(cell)
                    slabs.unpin(cell)
                    slabs.free(cell)
                }
            }
            #expect(slabs.usedCount == held.count)
        }
        for cell in held {
            slabs.unpin(cell)
            slabs.free(cell)
        }
        #expect((0..<6).allSatisfy { _ in slabs.take(64) != nil })
        #expect(slabs.take(1) == nil)
    }
}

@Suite struct BlockCacheConfigurationTests {
    @Test func `What the rules forbid is brought to the nearest that they allow`() {
        let large = BlockCacheConfiguration(memoryBudget: 0, blockSize: 64 << 20)
        #expect(large.blockSize == 4 << 20)
        #expect(large.memoryBudget == 16 << 20)
        let odd = BlockCacheConfiguration(memoryBudget: 1_000_000, blockSize: 1_000, pieceSize: 300)
        #expect(odd.blockSize == 900)
        #expect(odd.memoryBudget % 900 == 0 && odd.memoryBudget <= 1_000_000)
    }
}
