import Glibc
import Synchronization
import TestSupport
import Testing

@testable import LocalStore

/// Many files: the bound is kept, whoever fills the directory, and eviction takes what it may.
struct CacheBoundTests {
    private static let cell = UInt64(CacheBench.cellSize)
    private static let block = CacheBench.blockSize

    /// Saves a blob whole, and lets it go.
    private func fill(_ cache: OpenCache, _ blob: TestBlob) {
        cache.file(blob)?.save(blob, 0..<blob.length)
    }

    private func isThere(_ cache: OpenCache, _ blob: TestBlob) -> Bool {
        cache.file(blob)?.check(blob, 0..<blob.length).isThere == true
    }

    @Test func `what does not fit displaces something, and the bound is kept`() async throws {
        let bench = try CacheBench(capacity: 20 * Self.block)
        let cache = try await bench.open()
        for number in 0..<100 {
            fill(cache, TestBlob(name: "\(number)", length: Self.block))
            #expect(cache.usedBytes <= bench.capacity)
            if number % 10 == 0 { #expect(bench.allocatedBytes() <= bench.capacity) }
        }
        await cache.settle()
        #expect(bench.allocatedBytes() <= cache.usedBytes)
        let there = (0..<100).count { isThere(cache, TestBlob(name: "\($0)", length: Self.block)) }
        #expect(there >= 17, "\(there)")
        #expect(cache.files.statistics.bytesEvicted >= 80 * Self.block)
    }

    @Test func `a stream of ten times the cache leaves what is read again`() async throws {
        let bench = try CacheBench(capacity: 40 * Self.block)
        let cache = try await bench.open()
        let set = (0..<20).map { TestBlob(name: "set\($0)", length: Self.block) }
        for blob in set { fill(cache, blob) }
        #expect(set.allSatisfy { isThere(cache, $0) })
        let stream = TestBlob(name: "stream", length: 400 * Self.block)
        let file = try #require(cache.file(stream))
        for number in 0..<400 as Range<UInt64> { file.save(stream, number * Self.block..<(number + 1) * Self.block) }
        #expect(set.allSatisfy { isThere(cache, $0) })
        #expect(file.holds(399 * Self.block..<400 * Self.block))
    }

    @Test func `small files are counted with what they cost`() async throws {
        let bench = try CacheBench(capacity: 4 << 20)
        let cache = try await bench.open()
        for number in 0..<1_000 {
            fill(cache, TestBlob(name: "small\(number)", length: 100))
            // A file that was let go of is locked until the cache's thread has put it away.
            if number % 20 == 0 { await cache.settle() }
        }
        await cache.settle()
        #expect(cache.usedBytes <= bench.capacity)
        #expect(bench.allocatedBytes() <= bench.capacity)
        // 4 KiB each for data, index, and the file system.
        #expect((300...341).contains(Int(cache.files.statistics.files)))
        #expect(bench.allFiles().count == 2 * Int(cache.files.statistics.files))
    }

    @Test func `what others filled the directory with is evicted, too`() async throws {
        let bench = try CacheBench(capacity: 20 * Self.block)
        let (one, other) = (try await bench.open(), try await bench.open())
        for number in 0..<30 { fill(one, TestBlob(name: "one\(number)", length: Self.block)) }
        await one.settle()
        let blob = TestBlob(name: "other", length: 2 * Self.block)
        fill(other, blob)
        #expect(isThere(other, blob))
        #expect(other.usedBytes <= bench.capacity && bench.allocatedBytes() <= bench.capacity)
    }

    @Test func `a leased file stays, whoever needs the room`() async throws {
        let bench = try CacheBench(capacity: 20 * Self.block)
        let (one, other) = (try await bench.open(), try await bench.open())
        let blob = TestBlob(name: "leased", length: 5 * Self.block)
        let file = try #require(one.file(blob))
        file.save(blob, 0..<blob.length)
        let lease = try #require(file.lease())
        for number in 0..<60 {
            fill(one, TestBlob(name: "one\(number)", length: Self.block))
            fill(other, TestBlob(name: "other\(number)", length: Self.block))
        }
        #expect(file.check(blob, 0..<blob.length).isThere)
        var bytes = [UInt8](repeating: 0, count: Int(blob.length))
        #expect(pread(lease.descriptor, &bytes, bytes.count, 0) == bytes.count)
        #expect(bytes == blob.bytes(0..<blob.length))
        #expect(bench.allocatedBytes() <= bench.capacity)
    }

    @Test func `a smaller capacity is kept from the start`() async throws {
        let bench = try CacheBench(capacity: 40 * Self.block)
        var cache: OpenCache? = try await bench.open()
        for number in 0..<35 { fill(try #require(cache), TestBlob(name: "\(number)", length: Self.block)) }
        await cache?.settle()
        cache = nil
        let smaller = try await bench.open(capacity: 10 * Self.block)
        #expect(smaller.usedBytes <= 10 * Self.block)
        #expect(bench.allocatedBytes() <= 10 * Self.block)
    }

    @Test func `a lost or damaged counter is counted again`() async throws {
        let bench = try CacheBench()
        var cache: OpenCache? = try await bench.open()
        for number in 0..<10 { fill(try #require(cache), TestBlob(name: "\(number)", length: 2 * Self.block)) }
        await cache?.settle()
        let used = try #require(cache).usedBytes
        cache = nil
        for damage in [{ _ = unlink(bench.path + "/usage") }, { CacheBench.damage(bench.path + "/usage", at: 9) }] {
            damage()
            let again = try await bench.open()
            #expect(again.usedBytes > 0 && again.usedBytes <= used)
            #expect(again.files.statistics.files == 10)
            fill(again, TestBlob(name: "new", length: 100))
            #expect(isThere(again, TestBlob(name: "new", length: 100)))
            unlink(bench.dataPath(TestBlob(name: "new", length: 100)))
            unlink(bench.indexPath(TestBlob(name: "new", length: 100)))
        }
    }

    @Test func `a disk with little air is left alone`() async throws {
        let bench = try CacheBench()
        let shared = SpaceUnderTest()
        let cache = try await bench.open(space: { shared.space })
        let blob = TestBlob(name: "a", length: 4 * Self.block)
        let file = try #require(cache.file(blob))
        file.save(blob, 0..<2 * Self.block)
        shared.isFull.store(true, ordering: .relaxed)
        file.save(blob, 2 * Self.block..<3 * Self.block)
        #expect(!file.holds(2 * Self.block..<2 * Self.block + 1))
        #expect(cache.files.statistics.refusals == 1)
        // As much again as was to be saved was given up.
        #expect(!file.holds(0..<2 * Self.block))
        #expect(cache.file(TestBlob(name: "b", length: 10)) == nil)
        shared.isFull.store(false, ordering: .relaxed)
        file.save(blob, 0..<blob.length)
        #expect(file.check(blob, 0..<blob.length).isThere)
    }

    @Test func `blobs larger than the cache keep as much as fits`() async throws {
        let bench = try CacheBench(capacity: 4 * Self.block)
        let cache = try await bench.open()
        let blob = TestBlob(name: "large", length: 100 * Self.block)
        let file = try #require(cache.file(blob))
        for number in 0..<100 as Range<UInt64> { file.save(blob, number * Self.block..<(number + 1) * Self.block) }
        #expect(bench.allocatedBytes() <= bench.capacity)
        let there = (0..<100 as Range<UInt64>).count { file.holds($0 * Self.block..<($0 + 1) * Self.block) }
        #expect(there >= 2, "\(there)")
        #expect(cache.file(TestBlob(name: "hopeless", length: 1 << 45)) == nil)
    }
}

private final class SpaceUnderTest: Sendable {
    let isFull = Atomic(false)

    var space: FreeSpace {
        var space = CacheBench.plenty
        if isFull.load(ordering: .relaxed) { space.availableBytes = 1 << 30 }
        return space
    }
}
