import BlobStorage
import FileSystemSuite
import Glibc
import LocalStore
import Logging
import Synchronization
import TestSupport
import Testing

@testable import BlobReading

/// Caches over one directory of clean files, one after the other or at the same time: what mounts on one machine do.
private struct DiskBench {
    static let pieceSize = 4_096
    static let blockSize = 16 * 4_096

    let store = ScriptedStore(.immediate)
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    /// A cache of a mount of its own.
    func cache(slabs: Int = 64, account: String = "a", readAheadBlocksMax: Int = 0) throws -> BlockCache {
        let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        return BlockCache(
            store: store,
            configuration: BlockCacheConfiguration(
                memoryBudget: slabs * Self.blockSize,
                blockSize: Self.blockSize,
                pieceSize: Self.pieceSize,
                readAheadBlocksMax: readAheadBlocksMax
            ),
            cleanFiles: try CleanFiles(
                .init(directory: directory.path + "/clean", capacity: 64 << 20, cellSize: Self.pieceSize),
                threads: WorkerThreads(name: "clean", count: 1),
                logger: logger
            ),
            account: account,
            logger: logger
        )
    }

    func open(_ name: String, length: UInt64, etag: String = "\"1\"", in cache: BlockCache) -> Opened {
        let (address, properties) = store.put(name, length: length, etag: etag)
        return Opened(cache, address, properties)
    }

    func openAppend(_ name: String, length: UInt64, in cache: BlockCache) -> Opened {
        let (address, properties) = store.put(name, length: length, type: .append, creationTime: 7)
        return Opened(cache, address, properties)
    }
}

extension Opened {
    /// Reads, and waits for the answer on this thread.
    func readNow(_ offset: UInt64, _ count: Int) -> [Answer.Outcome] {
        let answer = read(offset, count)
        _ = eventually { !answer.isPending }
        return answer.all
    }

    func readAll(step: Int = 30_000) -> Bool {
        stride(from: 0, to: Int(reader.length), by: step).allSatisfy { readNow(UInt64($0), step) == [.right] }
    }
}

extension BlockCache {
    /// Waits until nothing waits for the disk any more.
    func waitUntilSaved(_ count: UInt64) -> Bool { eventually { statistics.bytesSaved >= count } }
}

@Suite("Clean files below the cache", .timeLimit(.minutes(5)))
struct DiskCacheTests {
    @Test func `what one mount read, the next one reads without a request, right behind its open`() async throws {
        try await onOwnThread {
            let bench = try DiskBench()
            let first = try bench.cache()
            let blob = bench.open("b", length: 300_001, in: first)
            #expect(blob.readAll())
            #expect(first.waitUntilSaved(300_001))
            let requests = bench.store.started.count

            let second = try bench.cache()
            let again = bench.open("b", length: 300_001, in: second)
            #expect(again.readAll())
            #expect(bench.store.started.count == requests)
            let statistics = second.statistics
            #expect(statistics.bytesFromDisk == 300_001 && statistics.bytesFromStore == 0)
            #expect(statistics.requests == 0 && statistics.diskHits > 0)
            #expect(second.violations() == [])
        }
    }

    @Test func `what memory lost is on the disk`() async throws {
        try await onOwnThread {
            let bench = try DiskBench()
            let cache = try bench.cache(slabs: 4)
            let blob = bench.open("b", length: 40 * 65_536, in: cache)
            var offset: UInt64 = 0
            while offset < blob.reader.length {
                #expect(blob.readNow(offset, 65_536) == [.right])
                offset += 65_536
                #expect(cache.waitUntilSaved(offset))
            }
            let requests = bench.store.started.count
            #expect(blob.readAll())
            #expect(bench.store.started.count == requests)
        }
    }

    @Test func `small reads here and there are kept, and only they`() async throws {
        try await onOwnThread {
            let bench = try DiskBench()
            let first = try bench.cache()
            let blob = bench.open("b", length: 1_000_000, in: first)
            for offset in [0, 400_000, 999_000] as [UInt64] { #expect(blob.readNow(offset, 10) == [.right]) }
            #expect(first.waitUntilSaved(4_096 * 2 + 1_000_000 % 4_096))
            let requests = bench.store.started.count

            let again = bench.open("b", length: 1_000_000, in: try bench.cache())
            for offset in [0, 400_000, 999_000] as [UInt64] { #expect(again.readNow(offset, 10) == [.right]) }
            #expect(bench.store.started.count == requests)
            #expect(again.readNow(200_000, 10) == [.right])
            #expect(bench.store.started.count == requests + 1)
        }
    }

    @Test func `another version, and another account, have files of their own`() async throws {
        try await onOwnThread {
            let bench = try DiskBench()
            let first = try bench.cache()
            #expect(bench.open("b", length: 50_000, in: first).readAll())
            #expect(first.waitUntilSaved(50_000))
            let other = try bench.cache()
            #expect(bench.open("b", length: 50_000, etag: "\"2\"", in: other).readAll())
            #expect(other.statistics.bytesFromStore == 50_000)
            let foreign = try bench.cache(account: "b")
            #expect(bench.open("b", length: 50_000, in: foreign).readAll())
            #expect(foreign.statistics.bytesFromStore == 50_000)
        }
    }

    @Test func `bytes that went bad on the disk come from the store`() async throws {
        try await onOwnThread {
            let bench = try DiskBench()
            let first = try bench.cache()
            #expect(bench.open("b", length: 100_000, in: first).readAll())
            #expect(first.waitUntilSaved(100_000))
            try bench.damageFiles()

            let second = try bench.cache()
            #expect(bench.open("b", length: 100_000, in: second).readAll())
            #expect(second.statistics.bytesFromStore > 0)
            let third = try bench.cache()
            #expect(bench.open("b", length: 100_000, in: third).readAll())
        }
    }

    @Test func `a version under a new etag goes on reading what is on the disk`() async throws {
        try await onOwnThread {
            let bench = try DiskBench()
            let first = try bench.cache()
            #expect(bench.open("b", length: 100_000, in: first).readAll())
            #expect(first.waitUntilSaved(100_000))
            let second = try bench.cache()
            let blob = bench.open("b", length: 100_000, in: second)
            blob.reader.adopt(ETag("\"2\""))
            #expect(blob.readAll())
            #expect(second.statistics.bytesFromStore == 0)
        }
    }

    @Test func `a log that grows brings only what is new, and is whole on the disk`() async throws {
        try await onOwnThread {
            let bench = try DiskBench()
            let first = try bench.cache()
            let log = bench.openAppend("log", length: 10_000, in: first)
            #expect(log.readAll())
            #expect(first.waitUntilSaved(10_000))
            bench.store.put("log", length: 20_000, etag: "\"2\"", type: .append, creationTime: 7)
            log.reader.extend(to: 20_000)
            #expect(log.readAll(step: 4_096))
            #expect(first.statistics.bytesFromStore == 20_000)
            // The piece that was cut by the end is saved once more.
            #expect(first.waitUntilSaved(10_000 + 20_000 - 8_192))

            let second = try bench.cache()
            #expect(bench.openAppend("log", length: 20_000, in: second).readAll())
            #expect(second.statistics.bytesFromStore == 0)
        }
    }

    /// Put Blob over an append blob leaves its creation time.
    @Test func `a log that was put anew while nobody looked shows nothing of the old one`() async throws {
        try await onOwnThread {
            let bench = try DiskBench()
            let first = try bench.cache()
            #expect(bench.openAppend("log", length: 10_000, in: first).readAll())
            #expect(first.waitUntilSaved(10_000))
            let (address, new) = bench.store.put("log", length: 20_000, etag: "\"2\"", type: .append, creationTime: 7)
            let second = try bench.cache()
            #expect(Opened(second, address, new).readAll())
            #expect(second.statistics.bytesFromStore == 20_000)
        }
    }

    @Test func `readers share what is read from the disk, and may leave`() async throws {
        try await onOwnThread {
            let bench = try DiskBench()
            let first = try bench.cache()
            #expect(bench.open("b", length: 500_000, in: first).readAll())
            #expect(first.waitUntilSaved(500_000))
            let second = try bench.cache()
            let blob = bench.open("b", length: 500_000, in: second)
            let answers = (0..<40).map { blob.read(UInt64($0 % 7) * 70_000, 60_000) }
            for answer in answers.prefix(10) { answer.cancel() }
            #expect(eventually { answers.allSatisfy { !$0.isPending } })
            #expect(answers.allSatisfy { $0.all == [.right] || $0.all == [.failed(.cancelled)] })
            #expect(answers.dropFirst(10).allSatisfy { $0.all == [.right] })
            blob.reader.close()
            #expect(eventually { second.violations() == [] })
        }
    }

    @Test func `what is made here is read without a request`() async throws {
        try await onOwnThread {
            let bench = try DiskBench()
            let cache = try bench.cache()
            let (address, properties) = bench.store.put("b", length: 3_000_001)
            let content = Content(properties)
            let isDone = Atomic(false)
            cache.save(address, properties) { range, buffer in
                for (index, offset) in range.enumerated() { buffer[index] = content[offset] }
                return true
            } completion: {
                isDone.store(true, ordering: .releasing)
            }
            #expect(eventually { isDone.load(ordering: .acquiring) })
            #expect(Opened(cache, address, properties).readAll())
            #expect(bench.store.started.isEmpty)
        }
    }

    // MARK: Leases

    @Test func `a complete file is leased, an incomplete one is not`() async throws {
        let bench = try DiskBench()
        let cache = try bench.cache()
        let blob = bench.open("b", length: 100_000, in: cache)
        #expect(await blob.reader.lease() == nil)
        try await onOwnThread {
            #expect(blob.readAll())
            #expect(cache.waitUntilSaved(100_000))
        }
        let lease = try #require(await blob.reader.lease())
        #expect(lease.length == 100_000)
        #expect(blob.content.isIn(lease))
    }

    @Test func `what another mount left is verified before it is leased, and once`() async throws {
        let bench = try DiskBench()
        try await onOwnThread {
            let first = try bench.cache()
            #expect(bench.open("b", length: 100_000, in: first).readAll())
            #expect(first.waitUntilSaved(100_000))
        }
        let requests = bench.store.started.count
        let cache = try bench.cache()
        var lease: CleanFileLease?
        for turn in 0..<1_000 where lease == nil {
            let blob = bench.open("b", length: 100_000, in: cache)
            lease = await blob.reader.lease()
            if turn == 0 { #expect(lease == nil) }
            if let lease { #expect(blob.content.isIn(lease)) }
            blob.reader.close()
            try await Task.sleep(for: .milliseconds(10))
        }
        #expect(lease != nil)
        // A later open has it at once, although nobody had the file open in between.
        lease = nil
        let again = bench.open("b", length: 100_000, in: cache)
        #expect(await again.reader.lease() != nil)
        #expect(bench.store.started.count == requests)
    }

    @Test func `a damaged file is never leased`() async throws {
        let bench = try DiskBench()
        try await onOwnThread {
            let first = try bench.cache()
            #expect(bench.open("b", length: 100_000, in: first).readAll())
            #expect(first.waitUntilSaved(100_000))
        }
        try bench.damageFiles()
        let cache = try bench.cache()
        for _ in 0..<20 {
            let blob = bench.open("b", length: 100_000, in: cache)
            #expect(await blob.reader.lease() == nil)
            blob.reader.close()
            try await Task.sleep(for: .milliseconds(5))
        }
        let blob = bench.open("b", length: 100_000, in: cache)
        try await onOwnThread { #expect(blob.readAll()) }
    }
}

extension DiskBench {
    /// Changes a byte in each page of each file that has the blob's bytes.
    fileprivate func damageFiles() throws {
        let content = Content(store.put("b", length: 100_000).properties)
        var damaged = 0
        for path in files(below: directory.path) {
            let descriptor = Glibc.open(path, O_RDWR)
            defer { close(descriptor) }
            var byte: UInt8 = 0
            guard pread(descriptor, &byte, 1, 50) == 1, byte == content[50] else { continue }
            byte = ~byte
            damaged += pwrite(descriptor, &byte, 1, 50)
        }
        try #require(damaged > 0)
    }

    private func files(below path: String) -> [String] {
        guard let directory = opendir(path) else { return [path] }
        defer { closedir(directory) }
        var found: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { found += files(below: path + "/" + name) }
        }
        return found
    }
}

extension Content {
    /// Whether the kernel would read these bytes.
    func isIn(_ lease: CleanFileLease) -> Bool {
        var bytes = [UInt8](repeating: 0, count: Int(lease.length) + 1)
        let count = pread(lease.descriptor, &bytes, bytes.count, 0)
        return count == Int(lease.length)
            && bytes.withUnsafeBytes { bytes in
                let whole = UnsafeRawBufferPointer(rebasing: bytes[..<count])
                return withUnsafePointer(to: whole) {
                    matches(UnsafeBufferPointer(start: $0, count: 1), 0..<UInt64(count))
                }
            }
    }
}
