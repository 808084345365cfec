import Glibc
import Synchronization
import TestSupport
import Testing

@testable import LocalStore

/// One file at a time: what is saved is read, and nothing else.
struct CleanFileTests {
    private static let cell = UInt64(CacheBench.cellSize)

    private func file(_ cache: OpenCache, _ blob: TestBlob) throws -> CleanFile {
        try #require(cache.file(blob))
    }

    @Test func `what was saved is read, and nothing else is there`() async throws {
        let cache = try await CacheBench().open()
        let blob = TestBlob(name: "a", length: 10 * Self.cell + 100)
        let file = try file(cache, blob)
        #expect(!file.holds(0..<1))
        file.save(blob, 2 * Self.cell..<5 * Self.cell)
        #expect(file.holds(2 * Self.cell..<5 * Self.cell))
        #expect(file.holds(3 * Self.cell + 7..<3 * Self.cell + 8))
        #expect(!file.holds(2 * Self.cell - 1..<3 * Self.cell))
        #expect(!file.holds(4 * Self.cell..<5 * Self.cell + 1))
        #expect(file.bytes(2 * Self.cell..<5 * Self.cell) == blob.bytes(2 * Self.cell..<5 * Self.cell))
        #expect(file.bytes(2 * Self.cell..<3 * Self.cell + 5) == blob.bytes(2 * Self.cell..<3 * Self.cell + 5))
        #expect(file.bytes(Self.cell..<3 * Self.cell) == nil)
        #expect(!file.isComplete)
    }

    @Test func `what is renamed has its bytes under the new key, and room is charged once`() async throws {
        let bench = try CacheBench()
        let cache = try await bench.open()
        // The longer name needs more room in the index.
        let (old, new) = (TestBlob(name: "a", length: 700_000), String(repeating: "n", count: 1_000))
        let key = CleanFileKey(account: old.key.account, container: old.key.container, blob: new, version: "etag:1")
        do {
            let file = try file(cache, old)
            file.save(old, 0..<40 * Self.cell)
            cache.files.rename(old.key, to: key)
            // Somebody has it.
            #expect(cache.files.file(key, length: old.length, isMade: false) == nil)
        }
        await cache.settle()
        #expect(cache.files.file(old.key, length: old.length, isMade: false) == nil)
        let used = cache.files.statistics.usedBytes
        let again = try await bench.open()
        let renamed = try #require(again.files.file(key, length: old.length, isMade: false))
        #expect(renamed.bytes(0..<40 * Self.cell) == old.bytes(0..<40 * Self.cell))
        #expect(!renamed.holds(40 * Self.cell..<41 * Self.cell))
        #expect(used >= bench.allocatedBytes() && again.files.statistics.files == 1)
        // It can be evicted like any other.
        cache.files.evict(1 << 30)
        #expect(cache.files.statistics.bytesEvicted >= 40 * Self.cell)
    }

    @Test(arguments: 0..<12)
    func `a renaming that the disk cuts short leaves a version that is right, or none`(_ calls: Int) async throws {
        let bench = try CacheBench()
        let blob = TestBlob(name: "a", length: 700_000)
        let key = CleanFileKey(account: "a", container: "c", blob: "other", version: "etag:1")
        let left = Mutex<Int?>(nil)
        let failing: Set<FileCall> = [.renameat, .ftruncate, .pwrite, .unlinkat, .pread, .open]
        let cache = try await bench.open(verdict: { call in
            left.withLock { left in
                guard let count = left, failing.contains(call) else { return .proceed }
                left = max(0, count - 1)
                return count == 0 ? .fail(EIO) : .proceed
            }
        })
        do {
            let file = try file(cache, blob)
            file.save(blob, 0..<40 * Self.cell)
        }
        await cache.settle()
        left.withLock { $0 = calls }
        cache.files.rename(blob.key, to: key)
        left.withLock { $0 = nil }
        let again = try await bench.open()
        for key in [blob.key, key] {
            guard let found = again.files.file(key, length: blob.length, isMade: false) else { continue }
            if let bytes = found.bytes(0..<Self.cell) { #expect(bytes == blob.bytes(0..<Self.cell)) }
        }
    }

    @Test func `only whole cells are saved, and a short last one`() async throws {
        let cache = try await CacheBench().open()
        let blob = TestBlob(name: "a", length: 2 * Self.cell + 100)
        let file = try file(cache, blob)
        file.save(blob, 0..<2 * Self.cell - 1)
        #expect(file.holds(0..<Self.cell))
        #expect(!file.holds(Self.cell..<Self.cell + 1))
        file.save(blob, 2 * Self.cell..<2 * Self.cell + 99)
        #expect(!file.holds(2 * Self.cell..<2 * Self.cell + 1))
        file.save(blob, Self.cell..<blob.length)
        #expect(file.isComplete)
        #expect(file.bytes(0..<blob.length) == blob.bytes(0..<blob.length))
        #expect(!file.holds(0..<blob.length + 1))
    }

    /// 4,096 bytes at an address that O_DIRECT takes, and whatever length.
    @Test(arguments: [4_096, 8_192, 3 * 4_096 + 77, 100])
    func `what is saved past the page cache is the same as what goes through it`(_ length: Int) async throws {
        let bench = try CacheBench()
        let cache = try await bench.open()
        let blob = TestBlob(name: "a", length: UInt64(length))
        let file = try file(cache, blob)
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: length, alignment: 4_096)
        defer { memory.deallocate() }
        memory.copyBytes(from: blob.bytes(0..<blob.length))
        #expect(file.save(UnsafeRawBufferPointer(memory), at: 0, isDirect: true))
        #expect(file.bytes(0..<blob.length) == blob.bytes(0..<blob.length))
        let lease = try #require(file.lease())
        // A file system without O_DIRECT takes it all the same.
        #expect(!lease.isPastPageCache || length >= 4_096)
        #expect(cache.usedBytes >= bench.allocatedBytes())
        let again = try await bench.open()
        #expect(try self.file(again, blob).bytes(0..<blob.length) == blob.bytes(0..<blob.length))
    }

    @Test func `bytes at an address that O_DIRECT refuses are saved through the page cache`() async throws {
        let cache = try await CacheBench().open()
        let blob = TestBlob(name: "a", length: 2 * Self.cell)
        let file = try file(cache, blob)
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: Int(blob.length) + 8, alignment: 4_096)
        defer { memory.deallocate() }
        let shifted = UnsafeMutableRawBufferPointer(rebasing: memory[8...])
        shifted.copyBytes(from: blob.bytes(0..<blob.length))
        #expect(file.save(UnsafeRawBufferPointer(shifted), at: 0, isDirect: true))
        #expect(file.bytes(0..<blob.length) == blob.bytes(0..<blob.length))
        #expect(file.lease()?.isPastPageCache == false)
    }

    @Test func `cells survive the process`() async throws {
        let bench = try CacheBench()
        let blob = TestBlob(name: "a", length: 100 * Self.cell + 1)
        var cache: OpenCache? = try await bench.open()
        try file(try #require(cache), blob).save(blob, 64 * Self.cell..<blob.length)
        cache = nil
        let again = try await bench.open()
        let file = try file(again, blob)
        #expect(file.holds(64 * Self.cell..<blob.length))
        #expect(!file.holds(63 * Self.cell..<64 * Self.cell))
        #expect(file.bytes(64 * Self.cell..<blob.length) == blob.bytes(64 * Self.cell..<blob.length))
        #expect(!file.isComplete)
    }

    @Test func `another version, and a name that only looks alike, share nothing`() async throws {
        let cache = try await CacheBench().open()
        let blob = TestBlob(name: "\u{E9}", length: Self.cell)
        let file = try file(cache, blob)
        file.save(blob, 0..<Self.cell)
        let lookalike = TestBlob(name: "e\u{301}", length: Self.cell)
        #expect(!(try self.file(cache, lookalike).holds(0..<1)))
        #expect(!(try self.file(cache, TestBlob(name: "\u{E9}", length: Self.cell, version: "etag:2")).holds(0..<1)))
        #expect(try self.file(cache, blob) === file)
    }

    @Test func `a file of the same name with another key is left alone`() async throws {
        let bench = try CacheBench()
        let cache = try await bench.open()
        let (blob, other) = (TestBlob(name: "a", length: Self.cell), TestBlob(name: "b", length: Self.cell))
        do { try file(cache, blob).save(blob, 0..<Self.cell) }
        await cache.settle()
        // As if both keys had the same hash.
        try #require(mkdir(bench.path + "/" + CleanFileName(other.key.fileName).folder, 0o700) == 0 || errno == EEXIST)
        try #require(rename(bench.dataPath(blob), bench.dataPath(other)) == 0)
        try #require(rename(bench.indexPath(blob), bench.indexPath(other)) == 0)
        #expect(cache.file(other) == nil)
    }

    @Test func `a damaged byte is never served, and the cell can be saved again`() async throws {
        let bench = try CacheBench()
        let cache = try await bench.open()
        let blob = TestBlob(name: "a", length: 8 * Self.cell)
        let file = try file(cache, blob)
        file.save(blob, 0..<blob.length)
        CacheBench.damage(bench.dataPath(blob), at: Int(3 * Self.cell) + 17)
        #expect(file.bytes(0..<blob.length) == nil)
        #expect(file.bytes(0..<3 * Self.cell) == blob.bytes(0..<3 * Self.cell))
        #expect(!file.holds(3 * Self.cell..<3 * Self.cell + 1))
        #expect(cache.files.statistics.damagedCells == 1)
        file.save(blob, 3 * Self.cell..<4 * Self.cell)
        #expect(file.bytes(0..<blob.length) == blob.bytes(0..<blob.length))
    }

    @Test(arguments: [8, 17, 25, 40, 600])
    func `a damaged index is never believed`(_ offset: Int) async throws {
        let bench = try CacheBench()
        let blob = TestBlob(name: "a", length: 100 * Self.cell)
        var cache: OpenCache? = try await bench.open()
        try file(try #require(cache), blob).save(blob, 0..<blob.length)
        cache = nil
        CacheBench.damage(bench.indexPath(blob), at: offset)
        let again = try await bench.open()
        let file = try file(again, blob)
        for cell in 0..<100 as Range<UInt64> {
            let range = cell * Self.cell..<(cell + 1) * Self.cell
            #expect(!file.check(blob, range).isWrong)
        }
        file.save(blob, 0..<blob.length)
        #expect(file.bytes(0..<blob.length) == blob.bytes(0..<blob.length))
    }

    @Test func `files that were cut or emptied by hand are as if they were not there`() async throws {
        let bench = try CacheBench()
        let blob = TestBlob(name: "a", length: 8 * Self.cell)
        for path in [bench.dataPath(blob), bench.indexPath(blob)] {
            var cache: OpenCache? = try await bench.open()
            try file(try #require(cache), blob).save(blob, 0..<blob.length)
            cache = nil
            try #require(truncate(path, 100) == 0)
            let again = try await bench.open()
            let file = try file(again, blob)
            #expect(file.bytes(0..<Self.cell) == nil)
            file.save(blob, 0..<blob.length)
            #expect(file.bytes(0..<blob.length) == blob.bytes(0..<blob.length))
        }
    }

    @Test func `what is emptied by hand while it is in use is not saved to any more`() async throws {
        let bench = try CacheBench()
        let cache = try await bench.open()
        let blob = TestBlob(name: "a", length: 8 * Self.cell)
        var held: CleanFile? = try file(cache, blob)
        held?.save(blob, 0..<Self.cell)
        for path in bench.allFiles() { unlink(path) }
        held?.save(blob, Self.cell..<2 * Self.cell)
        #expect(held?.holds(Self.cell..<2 * Self.cell) == false)
        #expect(held?.check(blob, 0..<Self.cell).isWrong == false)
        held = nil
        await cache.settle()
        let again = try file(cache, blob)
        again.save(blob, Self.cell..<2 * Self.cell)
        #expect(again.bytes(Self.cell..<2 * Self.cell) == blob.bytes(Self.cell..<2 * Self.cell))
    }

    @Test func `a file that holds nothing leaves nothing`() async throws {
        let bench = try CacheBench()
        let cache = try await bench.open()
        do { _ = try file(cache, TestBlob(name: "a", length: 1 << 30)) }
        await cache.settle()
        #expect(bench.allFiles() == [])
        #expect(cache.usedBytes == 0 && cache.files.statistics.files == 0)
    }

    @Test func `a log grows: its cells stay, and the short last one is fetched again`() async throws {
        let bench = try CacheBench()
        let cache = try await bench.open()
        var log = TestBlob(name: "log", length: 3 * Self.cell + 10, version: "append:1")
        let file = try file(cache, log)
        file.save(log, 0..<log.length)
        #expect(file.isComplete)
        log.length = 5 * Self.cell + 20
        file.extend(to: log.length)
        #expect(file.length == log.length && !file.isComplete)
        #expect(file.bytes(0..<3 * Self.cell) == log.bytes(0..<3 * Self.cell))
        #expect(!file.holds(3 * Self.cell..<3 * Self.cell + 10))
        file.save(log, 3 * Self.cell..<log.length)
        #expect(file.isComplete && file.verify())
        #expect(file.bytes(0..<log.length) == log.bytes(0..<log.length))
        file.extend(to: 5)
        #expect(file.length == log.length)
    }

    @Test func `a file killed between two steps of growing is as long as it was`() async throws {
        let bench = try CacheBench()
        let log = TestBlob(name: "log", length: 3 * Self.cell, version: "append:1")
        var cache: OpenCache? = try await bench.open()
        try file(try #require(cache), log).save(log, 0..<log.length)
        cache = nil
        try #require(truncate(bench.dataPath(log), Int(9 * Self.cell)) == 0)
        let again = try await bench.open()
        let file = try file(again, log)
        #expect(file.isComplete)
        #expect(file.bytes(0..<log.length) == log.bytes(0..<log.length))
    }

    @Test func `verifying finds what changed on the disk`() async throws {
        let bench = try CacheBench()
        let blob = TestBlob(name: "a", length: 300 * Self.cell + 1)
        var cache: OpenCache? = try await bench.open()
        do {
            let file = try file(try #require(cache), blob)
            file.save(blob, 0..<blob.length)
            #expect(file.isComplete && file.verify() && file.lease() != nil)
        }
        cache = nil
        CacheBench.damage(bench.dataPath(blob), at: Int(200 * Self.cell))
        let again = try await bench.open()
        let file = try file(again, blob)
        #expect(file.isComplete)
        #expect(file.lease() == nil)
        #expect(!file.verify())
        #expect(!file.isComplete)
        file.save(blob, 200 * Self.cell..<201 * Self.cell)
        #expect(file.verify())
    }

    @Test func `a lease is the blob, byte for byte, and cannot be written to`() async throws {
        let cache = try await CacheBench().open()
        let blob = TestBlob(name: "a", length: 5 * Self.cell + 3)
        let file = try file(cache, blob)
        #expect(file.lease() == nil)
        file.save(blob, 0..<blob.length)
        let lease = try #require(file.lease())
        var bytes = [UInt8](repeating: 0, count: Int(blob.length) + 10)
        #expect(pread(lease.descriptor, &bytes, bytes.count, 0) == Int(blob.length))
        #expect(Array(bytes.dropLast(10)) == blob.bytes(0..<blob.length))
        #expect(lease.length == blob.length)
        #expect(pwrite(lease.descriptor, &bytes, 1, 0) < 0)
    }

    @Test func `a leased file does not grow`() async throws {
        let bench = try CacheBench()
        let (one, other) = (try await bench.open(), try await bench.open())
        let log = TestBlob(name: "log", length: 3 * Self.cell, version: "append:1")
        let (file, same) = (try file(one, log), try file(other, log))
        file.save(log, 0..<log.length)
        do {
            let lease = try #require(file.lease())
            same.extend(to: 4 * Self.cell)
            var status = stat()
            try #require(fstat(lease.descriptor, &status) == 0)
            #expect(UInt64(status.st_size) == log.length)
            #expect(same.length == 4 * Self.cell && !same.isComplete)
            #expect(!same.holds(3 * Self.cell..<4 * Self.cell))
            withExtendedLifetime(lease) {}
        }
        same.extend(to: 4 * Self.cell)
        same.save(TestBlob(name: "log", length: 4 * Self.cell, version: "append:1"), 3 * Self.cell..<4 * Self.cell)
        #expect(same.verify() && same.isComplete)
    }
}
