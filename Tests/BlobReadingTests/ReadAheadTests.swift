import Testing

@testable import BlobReading

private let kibi: UInt64 = 1 << 10
private let mebi: UInt64 = 1 << 20
private let gibi: UInt64 = 1 << 30
private let block = 4 * mebi
private let piece = 64 * kibi

/// Follows a pattern of reads with sizes as in service: what was asked for ahead, and whether it was asked in time.
private struct Simulation {
    private(set) var readAhead = ReadAhead(limits: ReadAhead.Limits(blockSize: block, pieceSize: piece))
    let length: UInt64
    let blocksMax: Int
    /// The pieces asked for ahead so far.
    private(set) var asked: Set<UInt64> = []
    private(set) var askedTwice = 0
    private(set) var readCount = 0
    /// Reads all of whose pieces had been asked for before they came.
    private(set) var foreseenCount = 0
    private(set) var abandonedCount = 0
    private(set) var plans: [ReadAhead.Plan] = []

    init(length: UInt64, blocksMax: Int = 32) {
        self.length = length
        self.blocksMax = blocksMax
    }

    var askedBytes: UInt64 { UInt64(asked.count) * piece }

    mutating func read(_ offset: UInt64, _ count: UInt64) {
        let range = offset..<min(offset + count, length)
        readCount += 1
        if pieces(of: range).allSatisfy(asked.contains) { foreseenCount += 1 }
        let plan = readAhead.observe(range, length: length, blocksMax: blocksMax)
        plans.append(plan)
        abandonedCount += plan.abandoned.count
        for range in plan.ranges {
            #expect(range.lowerBound % piece == 0 && range.upperBound <= length && !range.isEmpty)
            #expect(range.lowerBound / block == (range.upperBound - 1) / block, "a range crosses a block")
            for piece in pieces(of: range) where !asked.insert(piece).inserted { askedTwice += 1 }
        }
    }

    private func pieces(of range: Range<UInt64>) -> Range<UInt64> {
        range.lowerBound / piece..<(range.upperBound - 1) / piece + 1
    }
}

@Suite struct ReadAheadTests {
    // MARK: Sequential

    @Test(arguments: [(128 * kibi, 16 * mebi), (256 * kibi, 16 * mebi), (512 * kibi, 32 * mebi), (mebi, 64 * mebi)])
    func `A large read at the start opens a window after its size at once, in small parts`(size: UInt64, end: UInt64) {
        var simulation = Simulation(length: gibi)
        simulation.read(0, size)
        let ranges = simulation.plans[0].ranges
        #expect(ranges.first == size..<mebi || size == mebi)
        #expect(ranges.last?.upperBound == end)
        #expect(ranges.allSatisfy { $0.count <= ($0.lowerBound < 32 * mebi ? 1 : 2) * Int(mebi) })
        #expect(ranges.reduce(0) { $0 + UInt64($1.count) } == end - size)
    }

    @Test(arguments: [(128 * kibi, 116 * mebi), (512 * kibi, 116 * mebi), (mebi, 132 * mebi)])
    func `A second large read elsewhere opens sixteen times both, four blocks at least`(size: UInt64, end: UInt64) {
        var simulation = Simulation(length: gibi)
        simulation.read(100 * mebi, size)
        simulation.read(100 * mebi + size, size)
        #expect(simulation.plans[0].ranges.isEmpty)
        #expect(simulation.plans[1].ranges.last?.upperBound == end)
    }

    @Test func `From the start of a file the window is 64 MiB, then as far ahead as was read, to its bound`() {
        var simulation = Simulation(length: 10 * gibi)
        var windows: [UInt64] = []
        for index in 0..<300 as Range<UInt64> {
            simulation.read(index * mebi, mebi)
            windows.append(simulation.readAhead.runs[0].frontier - (index + 1) * mebi)
        }
        for (index, window) in windows.enumerated() {
            let wanted = min(max(64, UInt64(index) + 1), 128) * mebi
            #expect(window <= wanted && window > wanted - block, "after \(index + 1) MiB")
        }
        #expect(simulation.askedTwice == 0)
        #expect(simulation.foreseenCount == 299)
        #expect(simulation.askedBytes <= 300 * mebi + 32 * block)
    }

    @Test(arguments: [128 * kibi, 256 * kibi, mebi])
    func `Elsewhere the window opens within 4 MiB to 64, and who stops was brought little more than he read`(
        size: UInt64
    ) {
        var simulation = Simulation(length: 10 * gibi)
        let start = 5 * gibi
        var offset = start
        while offset < start + 256 * mebi {
            simulation.read(offset, size)
            offset += size
            let read = offset - start
            #expect(simulation.askedBytes <= read + max(min(16 * read, 64 * mebi), read, 16 * mebi))
            if read >= 4 * mebi {
                let ahead = simulation.readAhead.runs[0].frontier - offset
                #expect(ahead > min(max(64 * mebi, read), 128 * mebi) - block)
            }
        }
    }

    @Test(arguments: [0, 5 * gibi])
    func `A young stream asks in quarters of blocks, then in halves`(start: UInt64) {
        var simulation = Simulation(length: 10 * gibi)
        for index in 0..<300 as Range<UInt64> { simulation.read(start + index * mebi, mebi) }
        for range in simulation.plans.flatMap(\.ranges) {
            let place = range.lowerBound - start
            #expect(range.count == Int(place < 32 * mebi ? mebi : 2 * mebi), "at \(place)")
        }
    }

    @Test func `A file's opening window is one request for each of 48 connections`() {
        var simulation = Simulation(length: gibi)
        simulation.read(0, mebi)
        // The first is the reader's own.
        #expect(simulation.plans[0].ranges.count == 47)
        #expect(simulation.plans[0].ranges.last?.upperBound == 64 * mebi)
    }

    @Test(arguments: [4 * kibi, 16 * kibi, 64 * kibi, 128 * kibi, mebi, 3 * mebi])
    func `Sequential reads of any size are foreseen after a few, and nothing is asked twice`(size: UInt64) {
        var simulation = Simulation(length: 64 * mebi)
        // From the middle, as after a seek: nothing says yet that this is a stream.
        var offset = 16 * mebi
        while offset < simulation.length {
            simulation.read(offset, size)
            offset += size
        }
        let unforeseen = simulation.readCount - simulation.foreseenCount
        #expect(unforeseen <= Int(piece / min(size, piece)) + 4)
        #expect(simulation.askedTwice == 0)
    }

    @Test func `A few small reads ask for little`() {
        var simulation = Simulation(length: gibi)
        for index in 0..<4 as Range<UInt64> { simulation.read(index * 4 * kibi, 4 * kibi) }
        #expect(simulation.askedBytes <= 256 * kibi)
        #expect(simulation.askedBytes > 0)
    }

    @Test(arguments: [UInt64(1), 2, 3, 4, 5])
    func `Reads that arrive out of order over threads are one stream`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var simulation = Simulation(length: gibi)
        // Four threads: each group of four arrives in any order.
        for group in 0..<64 as Range<UInt64> {
            for index in (0..<4).map({ group * 4 + $0 }).shuffled(using: &random) {
                simulation.read(index * 256 * kibi, 256 * kibi)
            }
        }
        #expect(simulation.readCount - simulation.foreseenCount <= 8, "seed \(seed)")
        #expect(simulation.abandonedCount == 0)
        #expect(simulation.askedBytes <= 64 * mebi + 33 * block)
    }

    @Test func `What is asked ends at the blob's end`() {
        var simulation = Simulation(length: 5 * mebi + 100)
        simulation.read(0, mebi)
        #expect(simulation.plans[0].ranges.last?.upperBound == 5 * mebi + 100)
        simulation.read(mebi, mebi)
        #expect(simulation.plans[1].ranges.isEmpty)
    }

    // MARK: Backward and strided

    @Test(arguments: [16 * kibi, 128 * kibi, mebi])
    func `Backward reads are foreseen`(size: UInt64) {
        var simulation = Simulation(length: 64 * mebi)
        var offset = simulation.length
        while offset > 0 {
            offset -= size
            simulation.read(offset, size)
        }
        #expect(simulation.readCount - simulation.foreseenCount <= Int(piece / min(size, piece)) + 4)
        #expect(simulation.askedTwice == 0)
    }

    @Test(arguments: [
        (size: 64 * kibi, stride: Int64(mebi)), (size: 256 * kibi, stride: Int64(mebi)),
        (size: 4 * kibi, stride: Int64(512 * kibi)), (size: 64 * kibi, stride: -Int64(2 * mebi)),
        (size: mebi, stride: Int64(16 * mebi)),
    ])
    func `Reads at equal distances are foreseen, without what lies between`(size: UInt64, stride: Int64) {
        var simulation = Simulation(length: 2 * gibi)
        var offset = stride > 0 ? 0 : Int64(simulation.length) + stride
        for _ in 0..<100 {
            simulation.read(UInt64(offset) + 8 * mebi * (stride > 0 ? 1 : 0), size)
            offset += stride
        }
        #expect(simulation.readCount - simulation.foreseenCount <= 6)
        #expect(simulation.askedBytes <= 140 * max(size, piece) + 16 * mebi)
    }

    // MARK: Random

    @Test(arguments: [4 * kibi, 64 * kibi, 256 * kibi])
    func `Random reads fetch next to nothing ahead`(size: UInt64) {
        let seed: UInt64 = 11
        var random = SeededGenerator(seed: seed)
        var simulation = Simulation(length: 10 * gibi)
        for _ in 0..<5_000 { simulation.read(random.next(upperBound: 10 * gibi / size) * size, size) }
        #expect(simulation.askedBytes <= 5_000 * size / 20, "seed \(seed)")
    }

    @Test func `Random access ends a stream at once`() {
        var simulation = Simulation(length: 10 * gibi)
        for index in 0..<10 as Range<UInt64> { simulation.read(index * mebi, mebi) }
        let asked = simulation.asked.count
        for offset in [5 * gibi, gibi, 7 * gibi, 3 * gibi] { simulation.read(offset, 4 * kibi) }
        #expect(simulation.asked.count == asked)
        #expect(simulation.abandonedCount == 1)
    }

    @Test func `One look elsewhere does not end a stream`() {
        var simulation = Simulation(length: gibi)
        for index in 0..<100 as Range<UInt64> {
            simulation.read(index * mebi, mebi)
            if index % 10 == 5 { simulation.read(gibi - 100 * kibi - index * 8 * mebi, 4 * kibi) }
        }
        #expect(simulation.abandonedCount == 0)
        #expect(simulation.foreseenCount >= 99)
    }

    @Test func `A reader that goes on elsewhere takes its window along`() {
        var simulation = Simulation(length: 10 * gibi)
        for index in 0..<10 as Range<UInt64> { simulation.read(index * mebi, mebi) }
        for index in 0..<80 as Range<UInt64> { simulation.read(5 * gibi + index * mebi, mebi) }
        #expect(simulation.abandonedCount == 1)
        #expect(simulation.foreseenCount >= 9 + 78)
    }

    // MARK: Several lines

    @Test(arguments: [2, 4, 8])
    func `Streams that take turns are all foreseen and share the window`(count: Int) {
        var simulation = Simulation(length: 10 * gibi)
        for index in 0..<40 as Range<UInt64> {
            for line in 0..<UInt64(count) { simulation.read(line * gibi + index * mebi, mebi) }
        }
        #expect(simulation.readCount - simulation.foreseenCount <= 3 * count)
        // With more than four lines, the first is given up once before the others have proved themselves.
        #expect(simulation.abandonedCount <= (count > 4 ? 1 : 0))
        #expect(simulation.askedTwice <= (count > 4 ? 1_024 : 0))
        #expect(simulation.askedBytes <= 40 * UInt64(count) * mebi + 48 * block)
    }

    // MARK: Memory

    @Test func `Without a budget nothing is fetched ahead`() {
        var simulation = Simulation(length: gibi, blocksMax: 0)
        for index in 0..<20 as Range<UInt64> { simulation.read(index * mebi, mebi) }
        #expect(simulation.asked.isEmpty)
    }

    @Test func `A stream that got no memory asks again from where it was refused, with half the window`() {
        var readAhead = ReadAhead(limits: ReadAhead.Limits(blockSize: block, pieceSize: piece))
        _ = readAhead.observe(0..<mebi, length: gibi, blocksMax: 32)
        let plan = readAhead.observe(mebi..<2 * mebi, length: gibi, blocksMax: 32)
        readAhead.shrink(run: plan.run, to: 6 * mebi)
        let next = readAhead.observe(2 * mebi..<3 * mebi, length: gibi, blocksMax: 4)
        #expect(next.ranges.first?.lowerBound == 6 * mebi)
        #expect(next.ranges.last?.upperBound == 16 * mebi)
    }
}

@Suite struct HotBlocksTests {
    @Test func `A block that many misses fall into is hot once`() {
        var hot = HotBlocks()
        let verdicts = (0..<10).map { _ in hot.note(3) }
        #expect(verdicts == Array(repeating: false, count: 7) + [true, false, false])
    }

    @Test func `Misses spread over a large blob make nothing hot`() {
        var hot = HotBlocks()
        var random = SeededGenerator(seed: 5)
        let verdicts = (0..<10_000).count { _ in hot.note(random.next(upperBound: 256)) }
        #expect(verdicts == 0)
    }
}
