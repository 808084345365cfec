import BlobStorage
import Testing

@testable import BlobReading

/// Many readers over a network that answers so many GETs a tick, those that somebody waits for first.
@Suite struct FairnessTests {
    private final class Reader {
        let blob: Opened
        let stream = ReadStream()
        let count: Int
        private var offsets: any IteratorProtocol<UInt64>
        private var answer: Answer?
        /// Reads that were answered.
        private(set) var done = 0

        init(_ blob: Opened, count: Int, offsets: some Sequence<UInt64>) {
            self.blob = blob
            self.count = count
            self.offsets = offsets.makeIterator()
        }

        /// Goes on as far as it can without waiting, by four reads at most.
        func go() {
            for _ in 0..<4 {
                if let answer {
                    guard !answer.isPending else { return }
                    #expect(answer.all == [.right])
                    done += 1
                    self.answer = nil
                }
                guard let offset = offsets.next() else { return }
                if blob.isPresent(offset, count, stream) {
                    done += 1
                } else {
                    answer = blob.read(offset, count, stream)
                }
            }
        }
    }

    /// Lets everybody go on for so many ticks, with `connections` answers in each.
    private func run(_ bench: Bench, _ readers: [Reader], ticks: Int, connections: Int) {
        for _ in 0..<ticks {
            for reader in readers { reader.go() }
            let raised = Set(bench.store.raised)
            let pending = bench.store.pending
            let isWanted = { (pending: ScriptedStore.Pending) in
                pending.read.isForeground || raised.contains(pending.number)
            }
            let ordered = pending.filter(isWanted) + pending.filter { !isWanted($0) }
            for pending in ordered.prefix(connections) { bench.store.end(pending) }
        }
        #expect(bench.cache.violations() == [])
    }

    private func overlaps(_ bench: Bench) -> Int {
        let reads = bench.store.started.map { ($0.blob, $0.range) }
        return Dictionary(grouping: reads, by: \.0).values.reduce(0) { sum, reads in
            let ranges = reads.map(\.1).sorted { $0.lowerBound < $1.lowerBound }
            return sum + zip(ranges, ranges.dropFirst()).count { $0.upperBound > $1.lowerBound }
        }
    }

    private func steps(from start: UInt64, count: UInt64) -> some Sequence<UInt64> {
        (0..<count).lazy.map { start + $0 * 256 }
    }

    @Test func `Streams of several files come equally far`() {
        let bench = Bench(slabs: 64, readAheadBlocksMax: 32)
        let readers = (0..<4).map { number in
            Reader(bench.open("b\(number)", length: 1_000_000), count: 256, offsets: steps(from: 0, count: 3_900))
        }
        run(bench, readers, ticks: 800, connections: 2)
        let done = readers.map(\.done)
        #expect((done.max() ?? 0) - (done.min() ?? 0) <= (done.max() ?? 0) / 5, "\(done)")
        // 1,600 answers of half a block, which is two reads.
        #expect(done.reduce(0, +) >= 2_400, "\(done)")
        #expect(overlaps(bench) == 0)
    }

    @Test func `Streams in several places of one file come equally far, and no byte comes twice`() {
        let bench = Bench(slabs: 64, readAheadBlocksMax: 32)
        let blob = bench.open("b", length: 1_000_000)
        let readers = (0..<4 as Range<UInt64>).map { number in
            Reader(blob, count: 256, offsets: steps(from: number * 249_856, count: 700))
        }
        run(bench, readers, ticks: 400, connections: 2)
        let done = readers.map(\.done)
        #expect((done.max() ?? 0) - (done.min() ?? 0) <= (done.max() ?? 0) / 5, "\(done)")
        #expect(overlaps(bench) == 0)
    }

    @Test func `A reader that follows another closely fetches nothing`() {
        let bench = Bench(slabs: 64, readAheadBlocksMax: 16)
        let blob = bench.open("b", length: 1_000_000)
        let first = Reader(blob, count: 256, offsets: steps(from: 0, count: 3_000))
        let second = Reader(blob, count: 256, offsets: steps(from: 0, count: 3_000))
        run(bench, [first], ticks: 4, connections: 8)
        run(bench, [first, second], ticks: 1_000, connections: 8)
        #expect(first.done == 3_000 && second.done == 3_000)
        #expect(overlaps(bench) == 0)
    }

    @Test func `A stream does not keep random readers waiting, nor they it`() {
        let seed: UInt64 = 9
        let bench = Bench(slabs: 64, readAheadBlocksMax: 32)
        let stream = Reader(
            bench.open("b", length: 4_000_000),
            count: 256,
            offsets: steps(from: 0, count: 15_000)
        )
        let large = bench.open("large", length: 64 << 20)
        var random = SeededGenerator(seed: seed)
        let others = (0..<16).map { _ in
            Reader(large, count: 8, offsets: (0..<2_000).map { _ in random.next(upperBound: UInt64(1 << 20)) * 64 })
        }
        run(bench, [stream] + others, ticks: 300, connections: 20)
        // Each random read is one GET, which the next tick answers.
        #expect(others.allSatisfy { $0.done >= 290 }, "seed \(seed): \(others.map(\.done))")
        // Four answers a tick are left, of four reads each.
        #expect(stream.done >= 1_000, "\(stream.done)")
    }

    @Test func `Hot pieces of other files survive a stream of any length`() {
        let bench = Bench(.immediate, slabs: 32, readAheadBlocksMax: 8)
        let hot = bench.open("hot", length: 8_192)
        let blob = bench.open("b", length: 4_000_000)
        let stream = ReadStream()
        var hotMisses: [UInt64] = []
        for index in 0..<15_000 as Range<UInt64> {
            if !blob.isPresent(index * 256, 256, stream) { blob.read(index * 256, 256, stream) }
            let offset = index % 128 * 64
            if index % 8 == 0, !hot.isPresent(offset, 8) {
                hotMisses.append(index)
                hot.read(offset, 8)
            }
        }
        // All 16 once; two that lay among the stream's first parts a second time; whoever came back stays.
        #expect(hotMisses.count <= 18 && hotMisses.allSatisfy { $0 < 256 }, "at \(hotMisses)")
        #expect(bench.cache.violations() == [])
    }
}
