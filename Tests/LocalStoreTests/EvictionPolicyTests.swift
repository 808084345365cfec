import TestSupport
import Testing

@testable import LocalStore

/// The policy alone, as a cache of equal blocks that readers come to.
private struct Simulation {
    static let blockSize: UInt64 = 4 << 20
    let capacity: Int
    var policy: EvictionPolicy

    /// In blocks.
    init(capacity: Int) {
        self.capacity = capacity
        policy = EvictionPolicy(capacity: UInt64(capacity) * Self.blockSize)
    }

    static func block(_ number: Int, of file: UInt64) -> EvictionPolicy.BlockID {
        EvictionPolicy.BlockID(file: file, number: UInt32(number))
    }

    /// Reads a block; whether it was there.
    @discardableResult
    mutating func read(_ number: Int, of file: UInt64) -> Bool {
        let block = Self.block(number, of: file)
        if policy.isResident(block) {
            policy.used(block)
            return true
        }
        while policy.residentCount >= capacity { _ = policy.victim() }
        policy.saved(block, bytes: Self.blockSize)
        return false
    }

    /// Reads a range of blocks in order; how many were there.
    @discardableResult
    mutating func read(_ numbers: Range<Int>, of file: UInt64) -> Int {
        numbers.reduce(0) { $0 + (read($1, of: file) ? 1 : 0) }
    }
}

struct EvictionPolicyTests {
    @Test func `a working set that is read again survives a stream of ten times the cache`() {
        var cache = Simulation(capacity: 1_000)
        for _ in 0..<3 { cache.read(0..<600, of: 1) }
        cache.read(0..<10_000, of: 2)
        #expect(cache.read(0..<600, of: 1) == 600)
    }

    @Test func `a working set that is read while the stream runs survives`() {
        var cache = Simulation(capacity: 1_000)
        cache.read(0..<10_000, of: 9)
        var hits = 0
        for round in 0..<50 {
            let found = cache.read(0..<500, of: 1)
            if round >= 10 { hits += found }
            cache.read(round * 400..<(round + 1) * 400, of: 2)
        }
        #expect(hits > 40 * 500 * 9 / 10, "\(hits) of \(40 * 500)")
    }

    @Test func `a new working set takes the place of an old one`() {
        var cache = Simulation(capacity: 1_000)
        for _ in 0..<5 { cache.read(0..<900, of: 1) }
        for _ in 0..<8 { cache.read(0..<900, of: 2) }
        #expect(cache.read(0..<900, of: 2) > 800)
    }

    @Test(arguments: [1_100, 1_500, 2_000, 5_000])
    func `a loop that is larger than the cache keeps a part of itself`(_ length: Int) {
        var cache = Simulation(capacity: 1_000)
        for _ in 0..<10 { cache.read(0..<length, of: 1) }
        let hits = (0..<10).reduce(0) { sum, _ in sum + cache.read(0..<length, of: 1) }
        // The best that is possible are 1,000 hits a round; the least recently used would give none.
        #expect(hits > 10 * 400, "\(hits) in 10 rounds")
    }

    @Test func `what is read once leaves before what is read twice`() {
        var cache = Simulation(capacity: 100)
        cache.read(0..<50, of: 1)
        cache.read(0..<50, of: 2)
        cache.read(0..<50, of: 1)
        cache.read(0..<40, of: 3)
        #expect((0..<50).allSatisfy { cache.policy.isResident(Simulation.block($0, of: 1)) })
    }

    @Test func `what comes back soon after it left is taken for good`() {
        var cache = Simulation(capacity: 100)
        cache.read(0..<200, of: 1)
        let gone = (0..<200).first { !cache.policy.isResident(Simulation.block($0, of: 1)) } ?? 0
        let ghost = (0..<200).last { !cache.policy.isResident(Simulation.block($0, of: 1)) } ?? 0
        #expect(gone < ghost)
        cache.read(ghost, of: 1)
        cache.read(0..<60, of: 2)
        #expect(cache.policy.isResident(Simulation.block(ghost, of: 1)))
    }

    @Test func `what was found on the disk leaves in the order of its last use`() {
        var policy = EvictionPolicy(capacity: 100 * Simulation.blockSize)
        for number in 0..<100 { policy.found(Simulation.block(number, of: 1), bytes: Simulation.blockSize) }
        policy.used(Simulation.block(0, of: 1))
        let victims = (0..<10).compactMap { _ in policy.victim()?.number }
        #expect(victims == Array(1...10))
    }

    @Test func `a victim that could not go is not asked again at once`() {
        var policy = EvictionPolicy(capacity: 100 * Simulation.blockSize)
        for number in 0..<10 { policy.found(Simulation.block(number, of: 1), bytes: Simulation.blockSize) }
        let first = policy.victim()
        if let first { policy.keep(first, bytes: Simulation.blockSize) }
        #expect(policy.residentCount == 10)
        #expect(policy.victim() != first)
    }

    @Test func `an entry costs 24 bytes, and ghosts are no more than entries`() {
        #expect(MemoryLayout<BlockTable.Entry>.stride == 24)
        var cache = Simulation(capacity: 500)
        cache.read(0..<20_000, of: 1)
        #expect(cache.policy.ghostCount <= 500 && cache.policy.residentCount <= 500)
    }

    @Test(.tags(.random)) func `random steps keep the sums and the table right`() {
        var random = SeededRandom(seed: testSeed())
        var policy = EvictionPolicy(capacity: 64 * Simulation.blockSize)
        var model: [EvictionPolicy.BlockID: UInt64] = [:]
        for _ in 0..<20_000 {
            let block = Simulation.block(
                Int.random(in: 0..<40, using: &random),
                of: UInt64.random(in: 0..<6, using: &random)
            )
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<4:
                let bytes = UInt64.random(in: 1...1_024, using: &random) * EvictionPolicy.unit
                policy.saved(block, bytes: bytes)
                model[block] = bytes
            case 4..<6: policy.used(block)
            case 6:
                policy.forget(block)
                model[block] = nil
            case 7:
                let bytes = UInt64.random(in: 1...1_024, using: &random) * EvictionPolicy.unit
                policy.found(block, bytes: bytes)
                model[block] = bytes
            default:
                let victim = policy.victim()
                #expect((victim == nil) == model.isEmpty)
                guard let victim else { continue }
                #expect(model.removeValue(forKey: victim) != nil)
                if Bool.random(using: &random) {
                    policy.keep(victim, bytes: EvictionPolicy.unit)
                    model[victim] = EvictionPolicy.unit
                }
            }
            #expect(policy.isResident(block) == (model[block] != nil))
            #expect(policy.residentBytes == model.values.reduce(0, +))
            #expect(policy.residentCount == model.count)
        }
    }
}
