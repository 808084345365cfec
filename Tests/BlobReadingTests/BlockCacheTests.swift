import BlobStorage
import Testing

@testable import BlobReading

@Suite struct BlockCacheTests {
    // MARK: Misses and hits

    @Test func `A small read in a cold place fetches its piece and nothing else`() {
        let bench = Bench()
        let blob = bench.open("b", length: 100_000)
        let answer = blob.read(5_000, 4)
        #expect(bench.store.ranges == [4_992..<5_056])
        #expect(answer.isPending)
        bench.store.endAll()
        #expect(answer.all == [.right])
        #expect(blob.isPresent(5_010, 8))
        #expect(!blob.isPresent(5_050, 8))
        #expect(bench.store.started.count == 1)
    }

    @Test func `A read over blocks is answered once all of them are there, whatever the order`() {
        let bench = Bench(readAheadBlocksMax: 0)
        let blob = bench.open("b", length: 100_000)
        let answer = blob.read(1_000, 2_000)
        #expect(bench.store.ranges == [960..<1_024, 1_024..<2_048, 2_048..<3_008])
        for pending in bench.store.pending.reversed() {
            #expect(answer.isPending)
            bench.store.end(pending)
        }
        #expect(answer.all == [.right])
    }

    @Test func `A blob of a few pieces comes in one request`() {
        let bench = Bench()
        let blob = bench.open("b", length: 250)
        let answer = blob.read(70, 4)
        bench.store.endAll()
        #expect(answer.all == [.right])
        #expect(bench.store.ranges == [0..<250])
        #expect(blob.isPresent(0, 4_096))
    }

    @Test func `Reads are clipped at the blob's end, and empty behind it`() {
        let bench = Bench(.immediate)
        let blob = bench.open("b", length: 5_000)
        #expect(blob.read(4_900, 1_000).all == [.right])
        #expect(blob.read(5_000, 10).all == [.right])
        #expect(blob.read(.max, 10).all == [.right])
        #expect(blob.isPresent(4_990, Int.max))
        #expect(blob.isPresent(6_000, 10) == true)
    }

    @Test func `An empty blob is read without a request`() {
        let bench = Bench()
        let blob = bench.open("b", length: 0)
        #expect(blob.read(0, 4_096).all == [.right])
        #expect(blob.isPresent(0, 4_096))
        #expect(bench.store.started.isEmpty)
    }

    @Test func `Every read carries the version's condition and whether somebody waits`() {
        let bench = Bench()
        let blob = bench.open("b", length: 100_000, etag: "\"x\"")
        blob.read(0, 256)
        let reads = bench.store.started
        #expect(reads.allSatisfy { $0.condition == .matches(ETag("\"x\"")) && $0.verification == .crc64 })
        #expect(reads.first?.isForeground == true)
        #expect(reads.dropFirst().allSatisfy { !$0.isForeground })
        #expect(reads.count > 1)
    }

    @Test func `A request that names the etag of before a change of metadata is made again`() {
        let bench = Bench(readAheadBlocksMax: 0)
        let blob = bench.open("b", length: 100_000, etag: "\"1\"")
        let answer = blob.read(0, 256)
        blob.reader.adopt(ETag("\"2\""))
        bench.store.end(bench.store.pending[0], with: ScriptedStore.error(.conditionFailed))
        #expect(answer.isPending)
        #expect(bench.store.pending.map(\.read.condition) == [.matches(ETag("\"2\""))])
        // And no more than that: this one is what the version is.
        bench.store.end(bench.store.pending[0], with: ScriptedStore.error(.conditionFailed))
        #expect(answer.all == [.failed(.conditionFailed)])
        #expect(bench.cache.violations() == [])
    }

    // MARK: Single flight

    @Test func `Readers of the same bytes share one request`() {
        let bench = Bench(readAheadBlocksMax: 0)
        let blob = bench.open("b", length: 100_000)
        let again = Opened(
            bench.cache,
            BlobAddress(container: "c", name: "b"),
            bench.store.put("b", length: 100_000).properties
        )
        let answers = [blob.read(2_000, 500), blob.read(2_100, 300), again.read(1_990, 510)]
        #expect(bench.store.ranges == [1_984..<2_048, 2_048..<2_560])
        bench.store.endAll()
        #expect(answers.allSatisfy { $0.all == [.right] })
        #expect(bench.store.started.count == 2)
    }

    @Test func `A read that overlaps what is under way fetches only the rest`() {
        let bench = Bench(readAheadBlocksMax: 0)
        let blob = bench.open("b", length: 100_000)
        let first = blob.read(2_048, 256)
        let second = blob.read(2_048, 512)
        #expect(bench.store.ranges == [2_048..<2_304, 2_304..<2_560])
        bench.store.end(bench.store.pending[1])
        #expect(first.isPending && second.isPending)
        bench.store.endAll()
        #expect(first.all == [.right] && second.all == [.right])
    }

    @Test func `Bytes fetched ahead are not fetched again by the reader that catches up`() {
        let bench = Bench(.immediate)
        let blob = bench.open("b", length: 64 * 1_024)
        let stream = ReadStream()
        for offset in stride(from: UInt64(0), to: 64 * 1_024, by: 256) where !blob.isPresent(offset, 256, stream) {
            #expect(blob.read(offset, 256, stream).all == [.right])
        }
        #expect(bench.store.byteCount == 64 * 1_024)
        #expect(bench.cache.statistics.misses == 1)
        #expect(bench.cache.statistics.readAheadWaste == 0)
    }

    // MARK: Partial fills

    @Test func `Without verification a reader is answered as soon as its bytes are there`() {
        let bench = Bench(verification: .none, readAheadBlocksMax: 0)
        let blob = bench.open("b", length: 100_000)
        let whole = blob.read(0, 1_024)
        let part = blob.read(100, 100)
        let pending = bench.store.pending[0]
        bench.store.progress(pending, 199)
        #expect(part.isPending)
        bench.store.progress(pending, 200)
        #expect(part.all == [.right])
        #expect(blob.isPresent(0, 200) && !blob.isPresent(0, 201))
        #expect(whole.isPending)
        bench.store.end(pending)
        #expect(whole.all == [.right])
        #expect(bench.store.started.count == 1)
        #expect(bench.cache.violations() == [])
    }

    @Test func `What arrived before a failure stays, and the rest is fetched again`() {
        let bench = Bench(verification: .none, readAheadBlocksMax: 0)
        let blob = bench.open("b", length: 100_000)
        let first = blob.read(0, 1_024)
        bench.store.progress(bench.store.pending[0], 200)
        bench.store.end(bench.store.pending[0], with: ScriptedStore.error(.unavailable))
        #expect(first.all == [.failed(.unavailable)])
        #expect(blob.isPresent(0, 200))
        #expect(bench.cache.violations() == [])
        let second = blob.read(0, 1_024)
        bench.store.endAll()
        #expect(second.all == [.right])
        #expect(bench.store.ranges.dropFirst().map(\.lowerBound).min() == 200)
    }

    // MARK: Failures

    @Test func `A failed request fails its own waiters only and is not remembered`() {
        let bench = Bench(readAheadBlocksMax: 0)
        let blob = bench.open("b", length: 100_000)
        let both = blob.read(0, 2_048)
        let first = blob.read(0, 100)
        let second = blob.read(1_024, 100)
        bench.store.end(bench.store.pending[0], with: ScriptedStore.error(.unavailable))
        #expect(both.all == [.failed(.unavailable)] && first.all == [.failed(.unavailable)])
        #expect(second.isPending)
        bench.store.endAll()
        #expect(second.all == [.right])
        let again = blob.read(0, 100)
        bench.store.endAll()
        #expect(again.all == [.right])
        #expect(bench.cache.violations() == [])
    }

    @Test(arguments: [StorageError.Kind.notFound, .conditionFailed, .archived, .corrupted])
    func `The store's answer reaches the reader`(kind: StorageError.Kind) {
        let bench = Bench()
        let blob = bench.open("b", length: 100_000)
        let answer = blob.read(0, 4)
        bench.store.end(bench.store.pending[0], with: ScriptedStore.error(kind))
        #expect(answer.all == [.failed(kind)])
    }

    @Test func `A short answer is an error, never a short file`() {
        let bench = Bench(.immediate, readAheadBlocksMax: 0)
        let blob = bench.open("b", length: 2_000)
        bench.store.put("b", length: 1_000)
        #expect(blob.read(512, 1_000).all == [.failed(.corrupted)])
        #expect(bench.cache.violations() == [])
    }

    // MARK: Versions

    @Test func `Two versions of one blob never mix`() {
        let bench = Bench(.immediate, readAheadBlocksMax: 0)
        let old = bench.open("b", length: 5_000, etag: "\"1\"")
        #expect(old.read(0, 100).all == [.right])
        let new = bench.open("b", length: 5_000, etag: "\"2\"")
        #expect(new.read(0, 100).all == [.right])
        #expect(old.isPresent(0, 100))
        #expect(old.read(4_000, 100).all == [.failed(.conditionFailed)])
        bench.store.remove("b")
        #expect(new.read(4_000, 100).all == [.failed(.notFound)])
    }

    @Test func `A version that is opened again finds its blocks`() {
        let bench = Bench(.immediate, readAheadBlocksMax: 0)
        let first = bench.open("b", length: 5_000)
        #expect(first.read(1_000, 100).all == [.right])
        first.reader.close()
        #expect(bench.open("b", length: 5_000).isPresent(1_000, 100))
        #expect(first.read(1_000, 100).all == [.right])
        #expect(bench.cache.violations() == [])
    }

    // MARK: Append blobs

    @Test func `An append blob that has grown fetches only its new bytes`() {
        let bench = Bench(.immediate, readAheadBlocksMax: 0)
        let log = bench.openAppend("log", length: 1_000)
        #expect(log.read(0, 4_096).all == [.right])
        bench.store.put("log", length: 1_500, etag: "\"2\"", type: .append, creationTime: 7)
        log.reader.extend(to: 1_500)
        #expect(log.isPresent(0, 1_000))
        #expect(!log.isPresent(0, 1_001))
        #expect(log.read(0, 4_096).all == [.right])
        #expect(bench.store.started.allSatisfy { $0.condition == .any })
        #expect(bench.store.ranges.dropFirst().map(\.lowerBound).min() == 1_000)
        #expect(bench.store.byteCount == 1_500)
        #expect(bench.cache.violations() == [])
    }

    @Test func `A read beyond what is under way waits for that and fetches the rest`() {
        let bench = Bench(readAheadBlocksMax: 0)
        let log = bench.openAppend("log", length: 1_000)
        let first = log.read(0, 4_096)
        bench.store.put("log", length: 1_010, etag: "\"2\"", type: .append, creationTime: 7)
        log.reader.extend(to: 1_010)
        let second = log.read(0, 4_096)
        #expect(bench.store.started.count == 1)
        bench.store.end(bench.store.pending[0])
        #expect(first.all == [.right] && second.isPending)
        #expect(bench.store.ranges == [0..<1_000, 1_000..<1_010])
        bench.store.endAll()
        #expect(second.all == [.right])
        #expect(bench.cache.violations() == [])
    }

    /// §2.4, §2.5: Put Blob over an append blob leaves its creation time.
    @Test func `An append blob that is shorter than it was shares nothing with the old one`() {
        let bench = Bench(readAheadBlocksMax: 0)
        let old = bench.openAppend("log", length: 3_000)
        old.read(0, 1_000)
        bench.store.endAll()
        let requests = bench.store.started.count
        let new = bench.openAppend("log", length: 500)
        let first = new.read(0, 400)
        #expect(bench.store.started.count == requests + 1)
        bench.store.endAll()
        #expect(first.all == [.right])
        // What the old one has is its own; what it lacks is gone, also when the new one is as long.
        #expect(old.isPresent(0, 1_000))
        _ = bench.openAppend("log", length: 5_000)
        let late = old.read(2_000, 500)
        bench.store.endAll()
        #expect(late.all == [.failed(.conditionFailed)])
    }

    @Test func `An append blob that was replaced is noticed`() {
        let bench = Bench(.immediate, readAheadBlocksMax: 0)
        let log = bench.openAppend("log", length: 5_000)
        #expect(log.read(0, 64).all == [.right])
        bench.store.put("log", length: 9_000, type: .append, creationTime: 8)
        #expect(log.read(2_000, 64).all == [.failed(.conditionFailed)])
        #expect(log.isPresent(0, 64))
        bench.store.put("log", length: 3_000, type: .append, creationTime: nil)
        #expect(log.read(2_990, 64).all == [.failed(.conditionFailed)])
        #expect(bench.cache.violations() == [])
    }
}
