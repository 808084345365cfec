import BlobStorage
import Glibc
import Synchronization
import Testing

@testable import BlobReading

@Suite struct MemoryPressureTests {
    @Test func `A read waits for memory instead of failing, and its turn comes`() {
        let bench = Bench(slabs: 4, readAheadBlocksMax: 0)
        let blob = bench.open("b", length: 1_000_000)
        // Each takes a block; the pool has four.
        let answers = (0..<10).map { blob.read(UInt64($0) * 2_048, 1_024) }
        #expect(bench.store.pending.count == 4)
        #expect(bench.cache.statistics.queuedReads == 6)
        #expect(bench.cache.statistics.residentBytes == 4_096)
        bench.store.end(bench.store.pending[2])
        #expect(answers[2].all == [.right])
        #expect(bench.store.pending.count == 4)
        bench.store.endAll()
        #expect(answers.allSatisfy { $0.all == [.right] })
        #expect(bench.cache.violations() == [])
    }

    @Test func `Who waits for memory can leave the line`() {
        let bench = Bench(slabs: 4, readAheadBlocksMax: 0)
        let blob = bench.open("b", length: 1_000_000)
        let answers = (0..<6).map { blob.read(UInt64($0) * 2_048, 1_024) }
        answers[4].cancel()
        #expect(answers[4].all == [.failed(.cancelled)])
        bench.store.endAll()
        #expect(answers[5].all == [.right])
        #expect(bench.cache.violations() == [])
    }

    @Test func `A large read finds room between the pieces that others hold`() {
        let bench = Bench(slabs: 4, readAheadBlocksMax: 0)
        let blob = bench.open("b", length: 1_000_000)
        // Fill the pool with single pieces; then hold one in each slab by a request for the rest of it.
        for index in 0..<64 as Range<UInt64> { blob.read(100_032 + index * 1_024, 8) }
        bench.store.endAll()
        let answer = blob.read(0, 2_048)
        bench.store.endAll()
        #expect(answer.all == [.right])
        #expect(bench.cache.statistics.residentBytes <= 4_096)
    }

    @Test func `A read larger than half of the memory is refused`() {
        let bench = Bench(slabs: 4)
        let blob = bench.open("b", length: 1_000_000)
        #expect(!blob.isPresent(0, 3_000))
        #expect(blob.read(0, 3_000).all == [.failed(.tooLarge)])
        #expect(bench.store.started.isEmpty)
    }

    @Test func `Read-ahead stops at its share and takes nothing from readers`() {
        let bench = Bench(slabs: 8, readAheadBlocksMax: 32)
        let blob = bench.open("b", length: 1_000_000)
        let stream = ReadStream()
        for index in 0..<20 as Range<UInt64> { blob.read(index * 256, 256, stream) }
        let ahead = bench.store.pending.filter { !$0.read.isForeground }.reduce(0) { $0 + $1.read.range.count }
        #expect(ahead <= 4 * 1_024)
        let others = (0..<3).map { blob.read(500_000 + UInt64($0) * 5_000, 512) }
        #expect(bench.cache.statistics.queuedReads == 0)
        bench.store.endAll()
        #expect(others.allSatisfy { $0.all == [.right] })
    }

    @Test func `Two streams share what one may have`() {
        let bench = Bench(.immediate, slabs: 32, readAheadBlocksMax: 16)
        let blobs = [bench.open("a", length: 100_000), bench.open("b", length: 100_000)]
        let streams = [ReadStream(), ReadStream()]
        for index in 0..<300 as Range<UInt64> {
            for which in 0..<2 where !blobs[which].isPresent(index * 256, 256, streams[which]) {
                #expect(blobs[which].read(index * 256, 256, streams[which]).all == [.right])
            }
        }
        #expect(bench.cache.statistics.misses <= 4)
        #expect(bench.cache.statistics.readAheadWaste == 0)
        #expect(bench.store.byteCount <= 200_000)
    }

    @Test func `What was read ahead and forgotten gives its memory to a stream that reads`() {
        let bench = Bench(.immediate, slabs: 8, readAheadBlocksMax: 4)
        let stalled = bench.open("a", length: 100_000)
        stalled.read(0, 256)
        #expect(bench.cache.statistics.readAheadRequests > 0)
        let blob = bench.open("b", length: 1_000_000)
        let stream = ReadStream()
        var misses = 0
        for index in 0..<3_000 as Range<UInt64> where !blob.isPresent(index * 256, 256, stream) {
            #expect(blob.read(index * 256, 256, stream).all == [.right])
            misses += 1
        }
        #expect(misses < 600)
        #expect(bench.cache.violations() == [])
    }

    @Test func `Random reads of a small region bring it whole, those of a large one do not`() {
        let bench = Bench(.immediate, slabs: 64, readAheadBlocksMax: 8)
        let small = bench.open("small", length: 16_384)
        let large = bench.open("large", length: 16 << 20)
        var random = SeededGenerator(seed: 3)
        for _ in 0..<200 {
            let offset = random.next(upperBound: UInt64(256)) * 64
            if !small.isPresent(offset, 8) { small.read(offset, 8) }
        }
        #expect(bench.cache.statistics.misses < 150)
        let before = bench.store.byteCount
        for _ in 0..<2_000 {
            let offset = random.next(upperBound: UInt64(262_144)) * 64
            if !large.isPresent(offset, 8) { large.read(offset, 8) }
        }
        #expect(bench.store.byteCount - before <= 2_000 * 64)
    }

    /// Threads read, cancel, and complete against a pool of four blocks. Whatever happens, everybody gets an answer.
    @Test(.timeLimit(.minutes(5)), arguments: [RangeVerification.crc64, .none])
    func `Many readers on a tiny budget all get their bytes`(verification: RangeVerification) {
        let bench = Bench(slabs: 4, verification: verification, readAheadBlocksMax: 8)
        let blobs = [bench.open("a", length: 60_000), bench.open("b", length: 60_000, etag: "\"2\"")]
        let isDone = Atomic(false)
        let transports = (0..<2).map { number in
            Thread {
                var random = SeededGenerator(seed: UInt64(number))
                while !isDone.load(ordering: .relaxed) {
                    guard let pending = bench.store.pending.randomElement(using: &random) else {
                        usleep(50)
                        continue
                    }
                    let count = pending.read.range.count
                    if pending.read.onProgress != nil, count > 1, Bool.random(using: &random) {
                        // Only one thread may deliver the bytes of a request: the first by number.
                        if pending.number % 2 == number { bench.store.progress(pending, count / 2) }
                    }
                    let fails = random.next(upperBound: UInt64(50)) == 0
                    if pending.number % 2 == number {
                        bench.store.end(pending, with: fails ? ScriptedStore.error(.unavailable) : nil)
                    }
                }
            }
        }
        let readers = (0..<8).map { number in
            Thread {
                var random = SeededGenerator(seed: 100 + UInt64(number))
                let stream = ReadStream()
                let blob = blobs[number % 2]
                var offset: UInt64 = 0
                for _ in 0..<300 {
                    let count = [8, 256, 256, 1_024, 2_000].randomElement(using: &random) ?? 8
                    offset =
                        random.next(upperBound: UInt64(4)) == 0
                        ? random.next(upperBound: UInt64(60_000)) : (offset + UInt64(count)) % 60_000
                    if blob.isPresent(offset, count, stream) { continue }
                    let answer = blob.read(offset, count, stream)
                    if random.next(upperBound: UInt64(10)) == 0 { answer.cancel() }
                    while answer.isPending { usleep(20) }
                    #expect(answer.all != [.wrong] && answer.all.count == 1)
                }
            }
        }
        for reader in readers { reader.join() }
        isDone.store(true, ordering: .relaxed)
        for transport in transports { transport.join() }
        bench.store.endAll()
        #expect(bench.cache.violations() == [])
        #expect(bench.cache.statistics.queuedReadsEver > 0)
    }
}

/// A plain thread: what waits must not hold up Swift's cooperative pool.
private final class Thread {
    private var id = pthread_t()

    init(_ body: @escaping @Sendable () -> Void) {
        let box = Unmanaged.passRetained(Box(body)).toOpaque()
        pthread_create(
            &id,
            nil,
            { raw in
                guard let raw else { return nil }
                Unmanaged<Box>.fromOpaque(raw).takeRetainedValue().body()
                return nil
            },
            box
        )
    }

    func join() { pthread_join(id, nil) }

    private final class Box: Sendable {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }
}
