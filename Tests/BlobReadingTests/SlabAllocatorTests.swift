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
