import BlobStorage
import FileSystemSuite
import Glibc
import Logging
import Synchronization
import TestSupport
import Testing

@testable import BlobReading
@testable import LocalStore

/// A disk whose calls the test holds, counts, or lets fail.
private final class ScriptedDisk: Sendable {
    /// These calls wait until the test lets them go.
    private let held = Mutex<Set<FileCall>>([])
    private let calls = Atomic(0)
    private let failing = Mutex<(from: Int, count: Int, errno: Int32)?>(nil)

    func hold(_ calls: Set<FileCall>) { held.withLock { $0 = calls } }
    func letGo() { held.withLock { $0 = [] } }

    var callCount: Int { calls.load(ordering: .relaxed) }

    func fail(from first: Int, count: Int, _ errno: Int32) { failing.withLock { $0 = (first, count, errno) } }

    var gate: FileGate {
        FileGate(
            verdict: { call in
                if call == .fsync { return .skip }
                while self.held.withLock({ $0.contains(call) }) { usleep(500) }
                let number = self.calls.wrappingAdd(1, ordering: .relaxed).oldValue
                return self.failing.withLock { failing in
                    guard let failing, number >= failing.from, number < failing.from + failing.count else {
                        return .proceed
                    }
                    return call == .pwrite && number % 2 == 0 ? .tear(failing.errno) : .fail(failing.errno)
                }
            },
            space: {
                FreeSpace(totalBytes: 1 << 40, availableBytes: 1 << 39, totalInodes: 1 << 20, availableInodes: 1 << 19)
            }
        )
    }
}

/// Mounts on one directory, each with a disk of its own.
private struct SlowBench {
    static let pieceSize = 4_096
    static let blockSize = 16 * 4_096

    let store = ScriptedStore(.immediate)
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    func cache(slabs: Int = 64, disk: ScriptedDisk = ScriptedDisk()) throws -> BlockCache {
        let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        return BlockCache(
            store: store,
            configuration: BlockCacheConfiguration(
                memoryBudget: slabs * Self.blockSize,
                blockSize: Self.blockSize,
                pieceSize: Self.pieceSize,
                readAheadBlocksMax: 0
            ),
            cleanFiles: try CleanFiles(
                .init(directory: directory.path + "/clean", capacity: 64 << 20, cellSize: Self.pieceSize),
                threads: WorkerThreads(name: "clean", count: 1),
                logger: logger,
                gate: disk.gate
            ),
            account: "a",
            logger: logger
        )
    }

    func open(_ name: String, blocks: Int, in cache: BlockCache) -> Opened {
        let (address, properties) = store.put(name, length: UInt64(blocks * Self.blockSize) - 5)
        return Opened(cache, address, properties)
    }
}

extension Opened {
    /// Reads all of it block by block, each of which must be answered, and rightly.
    fileprivate func streamAll() -> Bool {
        stride(from: 0, to: reader.length, by: SlowBench.blockSize).allSatisfy { offset in
            let answer = read(offset, SlowBench.blockSize)
            return eventually { !answer.isPending } && answer.all == [.right]
        }
    }
}

extension BlockCache {
    fileprivate var isAllSaved: Bool { statistics.bytesToSave == 0 }
}

@Suite("Disks that are slower than the store", .timeLimit(.minutes(5)))
struct SlowDiskTests {
    @Test func `a disk that hangs holds nobody who reads`() async throws {
        try await onOwnThread {
            let (bench, disk) = (try SlowBench(), ScriptedDisk())
            let cache = try bench.cache(slabs: 8, disk: disk)
            let blob = bench.open("b", blocks: 40, in: cache)
            disk.hold([.pwrite])
            #expect(blob.streamAll())
            let meanwhile = cache.statistics
            #expect(meanwhile.bytesSaved == 0 && meanwhile.bytesToSave > 0)
            #expect(meanwhile.bytesToSave <= meanwhile.memoryBudget)
            disk.letGo()
            #expect(eventually { cache.isAllSaved })
            let statistics = cache.statistics
            #expect(statistics.bytesSaved + statistics.bytesNotSaved == blob.reader.length)
            #expect(statistics.bytesSaved >= 6 * UInt64(SlowBench.blockSize))
            #expect(cache.violations() == [])
        }
    }

    @Test func `what the disk could not take at once it gets later, and the kernel may read it`() async throws {
        let (bench, disk) = (try SlowBench(), ScriptedDisk())
        let cache = try bench.cache(disk: disk)
        try await onOwnThread {
            let blob = bench.open("b", blocks: 40, in: cache)
            disk.hold([.pwrite])
            #expect(blob.streamAll())
            #expect(cache.statistics.bytesToSave >= blob.reader.length)
            blob.reader.close()
            disk.letGo()
            #expect(eventually { cache.isAllSaved })
            #expect(cache.statistics.bytesNotSaved == 0)
        }
        // Saved by this process, closed before it was: the next open has it without another look at the bytes.
        let again = bench.open("b", blocks: 40, in: cache)
        let lease = try #require(await again.reader.lease())
        #expect(lease.length == again.reader.length)
        let requests = bench.store.started.count
        try await onOwnThread {
            let other = try bench.cache()
            #expect(bench.open("b", blocks: 40, in: other).streamAll())
            #expect(bench.store.started.count == requests)
        }
    }

    @Test func `what is read while the directory is counted is saved afterwards`() async throws {
        try await onOwnThread {
            let (bench, disk) = (try SlowBench(), ScriptedDisk())
            do {
                let first = try bench.cache()
                #expect(bench.open("a", blocks: 2, in: first).streamAll())
                #expect(eventually { first.isAllSaved })
            }
            // Opened on a directory that is there: its files are counted first.
            disk.hold([.readdir])
            let cache = try bench.cache(disk: disk)
            let (known, new) = (bench.open("a", blocks: 2, in: cache), bench.open("b", blocks: 8, in: cache))
            let requests = bench.store.started.count
            #expect(known.streamAll())
            #expect(bench.store.started.count == requests)
            #expect(new.streamAll())
            #expect(cache.statistics.bytesSaved == 0)
            disk.letGo()
            #expect(eventually { cache.isAllSaved })
            #expect(cache.statistics.bytesSaved == new.reader.length)
            #expect(cache.statistics.bytesNotSaved == 0)
            #expect(cache.violations() == [])
        }
    }

    @Test func `a disk that refuses everything costs nothing but the saving`() async throws {
        try await onOwnThread {
            let (bench, disk) = (try SlowBench(), ScriptedDisk())
            let cache = try bench.cache(slabs: 8, disk: disk)
            let blob = bench.open("b", blocks: 20, in: cache)
            disk.fail(from: 0, count: .max / 2, ENOSPC)
            #expect(blob.streamAll())
            #expect(eventually { cache.isAllSaved })
            #expect(cache.statistics.bytesSaved == 0)
            #expect(cache.statistics.bytesNotSaved == blob.reader.length)
            #expect(cache.violations() == [])
        }
    }

    /// One call in turn fails, or all from one on for a while.
    @Test(arguments: [(1, EIO), (3, ENOSPC)])
    func `the n-th call of the disk fails, for every n, and the bytes are right`(_ count: Int, _ errno: Int32)
        async throws
    {
        try await onOwnThread {
            var n = 0
            while true {
                let (bench, disk) = (try SlowBench(), ScriptedDisk())
                let cache = try bench.cache(slabs: 8, disk: disk)
                disk.fail(from: disk.callCount + n, count: count, errno)
                let last = disk.callCount + n
                let blob = bench.open("b", blocks: 6, in: cache)
                #expect(blob.streamAll(), "call \(n)")
                #expect(eventually { cache.isAllSaved }, "call \(n)")
                let statistics = cache.statistics
                #expect(statistics.bytesSaved + statistics.bytesNotSaved == blob.reader.length, "call \(n)")
                #expect(cache.violations() == [], "call \(n)")
                let other = try bench.cache()
                #expect(bench.open("b", blocks: 6, in: other).streamAll(), "call \(n)")
                if disk.callCount <= last { break }
                n += 1
            }
            #expect(n > 50)
        }
    }
}
