import BlobStorage
import Testing

@testable import BlobReading

/// Bytes that come before anybody knows of which version they are. Blocks have 1,024 bytes, pieces 64.
@Suite("First bytes", .timeLimit(.minutes(1)))
struct FirstBytesTests {
    private let bench = Bench(.immediate)

    private func fetch(
        _ name: String,
        expectedLength: UInt64
    ) async throws -> FirstBytes? {
        try await bench.cache.firstBytes(of: BlobAddress(container: "c", name: name), expectedLength: expectedLength)
    }

    @Test(arguments: [(1, 64), (64, 64), (65, 128), (256, 256), (257, 64), (5_000, 64)] as [(UInt64, UInt64)])
    func `A blob of a few pieces is asked for whole, of a larger one the first piece`(
        length: UInt64,
        end: UInt64
    ) async throws {
        let file = bench.open("f", length: length)
        let first = try #require(try await fetch("f", expectedLength: length))
        #expect(first.properties.length == length)
        #expect(bench.store.ranges == [0..<end])
        #expect(bench.store.started.first?.condition == .any)
        first.keep()
        #expect(file.isPresent(0, Int(min(length, end))))
        #expect(bench.cache.violations() == [])
        let isHere = await file.reader.holdsFirstBytes()
        #expect(isHere)
    }

    @Test func `What was not kept gives its memory back`() async throws {
        let file = bench.open("f", length: 200)
        _ = try await fetch("f", expectedLength: 200)
        #expect(bench.cache.statistics.residentBytes == 0)
        #expect(!file.isPresent(0, 1))
        let isHere = await file.reader.holdsFirstBytes()
        #expect(!isHere)
        #expect(bench.cache.violations() == [])
    }

    @Test func `While they are on their way their memory is nobody else's`() async throws {
        let bench = Bench(slabs: 4, readAheadBlocksMax: 0)
        let file = bench.open("f", length: 200)
        let big = bench.open("big", length: 100_000)
        async let first = bench.cache.firstBytes(of: BlobAddress(container: "c", name: "f"), expectedLength: 200)
        while bench.store.pending.isEmpty { await Task.yield() }
        #expect(bench.cache.violations() == [])
        for offset in stride(from: 0, to: UInt64(8_192), by: 1_024) {
            let answer = big.read(offset, 1_024)
            for pending in bench.store.pending where pending.read.blob.name == "big" { bench.store.end(pending) }
            #expect(answer.all == [.right])
        }
        bench.store.endAll()
        try await first?.keep()
        #expect(file.isPresent(0, 200))
        #expect(bench.cache.violations() == [])
    }

    @Test func `Where there is no memory nothing is asked`() async throws {
        let bench = Bench(slabs: 4, readAheadBlocksMax: 0)
        let big = bench.open("big", length: 100_000)
        let answers = [big.read(0, 2_048), big.read(2_048, 2_048)]
        let first = try await bench.cache.firstBytes(of: BlobAddress(container: "c", name: "f"), expectedLength: 9)
        #expect(first == nil)
        bench.store.endAll()
        #expect(answers.allSatisfy { $0.all == [.right] })
    }

    @Test func `A failure gives the memory back`() async throws {
        await #expect(throws: StorageError.self) { _ = try await fetch("none", expectedLength: 200) }
        #expect(bench.cache.statistics.residentBytes == 0)
        #expect(bench.cache.violations() == [])
    }

    @Test func `Cancelling the task cancels the request`() async throws {
        let bench = Bench()
        bench.store.put("f", length: 200)
        let task = Task {
            _ = try await bench.cache.firstBytes(of: BlobAddress(container: "c", name: "f"), expectedLength: 200)
        }
        while bench.store.pending.isEmpty { await Task.yield() }
        task.cancel()
        await #expect(throws: StorageError.self) { try await task.value }
        #expect(bench.store.cancelCount == 1)
        #expect(bench.cache.statistics.residentBytes == 0)
        #expect(bench.cache.violations() == [])
    }

    @Test func `Another version's bytes are that version's`() async throws {
        let old = bench.open("f", length: 200)
        bench.store.put("f", length: 150, etag: "\"2\"")
        try await fetch("f", expectedLength: 200)?.keep()
        #expect(!old.isPresent(0, 1))
        let new = bench.open("f", length: 150, etag: "\"2\"")
        #expect(new.isPresent(0, 150))
        #expect(bench.cache.violations() == [])
    }

    @Test func `What came by another way meanwhile stays, and nothing is there twice`() async throws {
        let file = bench.open("f", length: 200)
        let first = try await fetch("f", expectedLength: 200)
        #expect(file.read(70, 10).all == [.right])
        first?.keep()
        #expect(file.isPresent(0, 200))
        #expect(bench.cache.statistics.residentBytes == 256)
        #expect(bench.cache.violations() == [])
    }

    @Test func `An answer from before an append blob grew changes nothing`() async throws {
        let file = bench.openAppend("log", length: 100)
        let first = try await fetch("log", expectedLength: 100)
        bench.store.put("log", length: 180, type: .append, creationTime: 7)
        file.reader.extend(to: 180)
        first?.keep()
        #expect(file.read(0, 180).all == [.right])
        #expect(file.reader.length == 180)
        #expect(bench.cache.violations() == [])
    }

    @Test func `Of a blob that is empty by now there are properties, and no bytes`() async throws {
        let bench = Bench(.immediate)
        bench.store.put("f", length: 0)
        let first = try #require(
            try await bench.cache.firstBytes(of: BlobAddress(container: "c", name: "f"), expectedLength: 100)
        )
        #expect(first.properties.length == 0)
        first.keep()
        #expect(bench.cache.statistics.residentBytes == 0)
        #expect(bench.cache.violations() == [])
    }
}
