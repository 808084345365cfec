import BlobStorage
import Testing

@testable import BlobReading

/// Random operations on one thread against blobs whose bytes are known: every read ends once, and rightly, whatever
/// the order in which requests end, fail, are cancelled, or arrive in parts.
private struct Model {
    let seed: UInt64
    private var random: SeededGenerator
    private let bench: Bench
    private var blobs: [Opened] = []
    private var log: Opened
    private var logLength: UInt64 = 300
    private let streams = (0..<6).map { _ in ReadStream() }
    private var answers: [Answer] = []

    init(seed: UInt64, slabs: Int, verification: RangeVerification) {
        self.seed = seed
        random = SeededGenerator(seed: seed)
        bench = Bench(slabs: slabs, verification: verification)
        if Bool.random(using: &random) { bench.store.ignoreCancels() }
        for (index, length) in [UInt64(1), 64, 250, 5_000, 40_000, 40_000].enumerated() {
            blobs.append(bench.open("b\(index)", length: length, etag: "\"\(index)\""))
        }
        log = bench.openAppend("log", length: logLength)
    }

    mutating func run(steps: Int) {
        for step in 0..<steps {
            self.step()
            // The look at everything takes longer than the steps.
            guard step % 5 == 0 else { continue }
            let violations = bench.cache.violations()
            #expect(violations.isEmpty, "seed \(seed), step \(step): \(violations)")
            if !violations.isEmpty { return }
            checkRequests()
        }
        bench.store.endAll()
        #expect(answers.allSatisfy { $0.all.count == 1 }, "seed \(seed): some read ended not once")
        #expect(!answers.contains { $0.all.contains(.wrong) }, "seed \(seed): wrong bytes")
        #expect(bench.cache.violations() == [], "seed \(seed)")
        let statistics = bench.cache.statistics
        #expect(statistics.queuedReads == 0 && statistics.residentBytes <= statistics.memoryBudget, "seed \(seed)")
    }

    private mutating func step() {
        switch random.next(upperBound: UInt64(100)) {
        case 0..<45: read()
        // More endings than reads on average, or the line would only grow.
        case 45..<75: for _ in 0..<8 { endOne() }
        case 75..<80: answers.randomElement(using: &random)?.cancel()
        case 80..<90: progressOne()
        case 90..<95: grow()
        case 95..<98: reopen()
        default: if let stream = streams.randomElement(using: &random) { blobs[5].reader.end(stream) }
        }
    }

    private mutating func read() {
        let opened =
            random.next(upperBound: UInt64(4)) == 0 ? log : blobs[Int.random(in: 0..<blobs.count, using: &random)]
        guard let stream = streams.randomElement(using: &random) else { return }
        let offset = UInt64.random(in: 0...opened.reader.length, using: &random)
        let count = [1, 64, 100, 256, 1_024, 2_048].randomElement(using: &random) ?? 1
        // A few in a row, so that streams come about.
        for index in 0..<UInt64.random(in: 1...4, using: &random) {
            let offset = offset + index * UInt64(count)
            if !opened.isPresent(offset, count, stream) { answers.append(opened.read(offset, count, stream)) }
        }
    }

    private mutating func endOne() {
        guard let pending = bench.store.pending.randomElement(using: &random) else { return }
        let fails = random.next(upperBound: UInt64(8)) == 0
        let kind: StorageError.Kind = Bool.random(using: &random) ? .unavailable : .cancelled
        bench.store.end(pending, with: fails ? ScriptedStore.error(kind) : nil)
    }

    private mutating func progressOne() {
        guard let pending = bench.store.pending.randomElement(using: &random), pending.read.onProgress != nil else {
            return
        }
        bench.store.progress(pending, Int.random(in: 1...pending.read.range.count, using: &random))
    }

    private mutating func grow() {
        logLength += UInt64.random(in: 1...700, using: &random)
        bench.store.put("log", length: logLength, etag: "\"\(logLength)\"", type: .append, creationTime: 7)
        log.reader.extend(to: logLength)
    }

    private mutating func reopen() {
        let index = Int.random(in: 0..<blobs.count, using: &random)
        let lengths: [UInt64] = [1, 64, 250, 5_000, 40_000, 40_000]
        blobs[index].reader.close()
        blobs[index] = bench.open("b\(index)", length: lengths[index], etag: "\"\(index)\"")
    }

    /// No two requests under way bring the same bytes, or write to the same place.
    private func checkRequests() {
        let reads = bench.store.pending.map(\.read)
        let places = reads.map { (Int(bitPattern: $0.destination), $0.range.count) }.sorted { $0.0 < $1.0 }
        for (one, next) in zip(places, places.dropFirst()) {
            #expect(one.0 + one.1 <= next.0, "seed \(seed): two requests write to one place")
        }
        for (blob, reads) in Dictionary(grouping: reads, by: \.blob) {
            let ranges = reads.map(\.range).sorted { $0.lowerBound < $1.lowerBound }
            for (one, next) in zip(ranges, ranges.dropFirst()) {
                #expect(one.upperBound <= next.lowerBound, "seed \(seed): \(blob) is fetched twice")
            }
        }
    }
}

@Suite struct BlockCacheModelTests {
    @Test(.timeLimit(.minutes(5)), arguments: 1...12 as ClosedRange<UInt64>)
    func `Random reads, endings and growth: every read ends once and rightly`(seed: UInt64) {
        var model = Model(
            seed: seed,
            slabs: [4, 5, 16][Int(seed % 3)],
            verification: seed % 2 == 0 ? .crc64 : .none
        )
        model.run(steps: 1_500)
    }
}
