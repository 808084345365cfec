import BlobStorage
import Testing

@testable import BlobReading

@Suite struct CancellationTests {
    @Test func `A cancelled read is answered at once and its request is cancelled`() {
        let bench = Bench(readAheadBlocksMax: 0)
        let blob = bench.open("b", length: 100_000)
        let answer = blob.read(0, 64)
        answer.cancel()
        answer.cancel()
        #expect(answer.all == [.failed(.cancelled)])
        #expect(bench.store.cancelCount == 1)
        #expect(bench.store.pending.isEmpty)
        #expect(bench.cache.statistics.residentBytes == 0)
        #expect(bench.cache.violations() == [])
    }

    @Test func `A request that others wait for goes on`() {
        let bench = Bench(readAheadBlocksMax: 0)
        let blob = bench.open("b", length: 100_000)
        let first = blob.read(0, 64)
        let second = blob.read(10, 20)
        first.cancel()
        #expect(bench.store.cancelCount == 0)
        bench.store.endAll()
        #expect(first.all == [.failed(.cancelled)] && second.all == [.right])
    }

    @Test func `Read-ahead goes on when the reader that joined it leaves`() {
        let bench = Bench()
        let blob = bench.open("b", length: 100_000)
        let stream = ReadStream()
        blob.read(0, 256, stream)
        let joined = blob.read(256, 256)
        joined.cancel()
        #expect(bench.store.cancelCount == 0)
        #expect(joined.all == [.failed(.cancelled)])
    }

    @Test func `A request that was ahead goes to the foreground once a reader waits for it`() {
        let bench = Bench()
        let blob = bench.open("b", length: 100_000)
        let stream = ReadStream()
        blob.read(0, 256, stream)
        #expect(bench.store.raised.isEmpty)
        let ahead = bench.store.pending.first { $0.read.range.contains(256) }
        #expect(ahead?.read.isForeground == false)
        let answers = [blob.read(256, 100, stream), blob.read(300, 100)]
        #expect(bench.store.raised == [ahead?.number])
        bench.store.endAll()
        #expect(answers.allSatisfy { $0.all == [.right] })
    }

    @Test func `Cancelling after the answer changes nothing`() {
        let bench = Bench(.immediate)
        let blob = bench.open("b", length: 100_000)
        let answer = blob.read(0, 64)
        answer.cancel()
        #expect(answer.all == [.right])
        #expect(bench.store.cancelCount == 0)
    }

    @Test func `Who joins a request that is being cancelled is not cancelled with it`() {
        let bench = Bench(readAheadBlocksMax: 0)
        bench.store.ignoreCancels()
        let blob = bench.open("b", length: 100_000)
        blob.read(0, 64).cancel()
        let late = blob.read(0, 64)
        #expect(bench.store.started.count == 1)
        bench.store.end(bench.store.pending[0], with: ScriptedStore.error(.cancelled))
        #expect(late.isPending)
        #expect(bench.store.started.count == 2)
        bench.store.endAll()
        #expect(late.all == [.right])
        #expect(bench.cache.violations() == [])
    }

    @Test func `Bytes that were faster than their cancellation are kept`() {
        let bench = Bench(readAheadBlocksMax: 0)
        bench.store.ignoreCancels()
        let blob = bench.open("b", length: 100_000)
        blob.read(0, 64).cancel()
        bench.store.endAll()
        #expect(blob.isPresent(0, 64))
    }

    @Test func `Random access cancels what a stream had asked for`() {
        let bench = Bench()
        let blob = bench.open("b", length: 1_000_000)
        let stream = ReadStream()
        blob.read(0, 256, stream)
        blob.read(256, 256, stream)
        let ahead = bench.store.pending.count { !$0.read.isForeground }
        #expect(ahead > 4)
        for offset: UInt64 in [700_000, 300_000, 900_000, 500_000] { blob.read(offset, 4, stream) }
        // What somebody waits for stays: the read at 256 had joined a piece of it.
        #expect(bench.store.pending.count { !$0.read.isForeground } == 1)
    }

    @Test func `Closing the last reader stops its read-ahead`() {
        let bench = Bench()
        let first = bench.open("b", length: 1_000_000)
        let second = bench.open("b", length: 1_000_000)
        let answer = first.read(0, 256)
        first.reader.close()
        #expect(bench.store.cancelCount == 0)
        second.reader.close()
        #expect(bench.store.pending.count == 1)
        bench.store.endAll()
        #expect(answer.all == [.right])
        #expect(bench.cache.violations() == [])
    }

    @Test func `Closing a handle stops its read-ahead and nobody else's`() {
        let bench = Bench()
        let blob = bench.open("b", length: 1_000_000)
        let (one, other) = (ReadStream(), ReadStream())
        blob.read(0, 256, one)
        let before = bench.store.pending.count
        blob.read(500_000, 256, other)
        blob.read(500_256, 256, other)
        let all = bench.store.pending.count
        #expect(all > before + 2)
        blob.reader.end(one)
        #expect(bench.store.pending.count == all - (before - 1))
    }

    @Test func `Shutting down answers everybody`() {
        let bench = Bench(slabs: 4)
        let blob = bench.open("b", length: 1_000_000)
        let answers = (0..<20).map { blob.read(UInt64($0) * 10_000, 512) }
        bench.cache.shutDown()
        #expect(answers.allSatisfy { $0.all == [.failed(.cancelled)] })
        #expect(bench.store.pending.isEmpty)
        #expect(blob.read(0, 64).all == [.failed(.cancelled)])
        #expect(bench.cache.violations() == [])
    }
}
