import Glibc
import Synchronization
import TestSupport
import Testing

@testable import LocalStore

/// Random steps in two caches on one directory, as two mounts have them, against a dictionary of what was saved.
private struct Model {
    static let cell = UInt64(CacheBench.cellSize)

    let bench: CacheBench
    let seed: UInt64
    /// Nothing is evicted, nothing fails: what was saved must be there.
    let isExact: Bool
    private var random: SeededRandom
    private var caches: [OpenCache] = []
    private var held: [CleanFile] = []
    private var blobs: [TestBlob]
    private var saved: [String: Set<UInt64>] = [:]
    /// For each cache, the blobs that were damaged since it was opened.
    private var damaged: [Set<String>] = [[], []]
    private let faults: RandomFaults?

    init(seed: UInt64, isExact: Bool) throws {
        bench = try CacheBench(capacity: isExact ? 256 << 20 : 3 * CacheBench.blockSize)
        self.seed = seed
        self.isExact = isExact
        random = SeededRandom(seed: seed)
        faults = isExact ? nil : RandomFaults(seed: seed)
        blobs = [1, Self.cell, 3 * Self.cell + 8, 64 * Self.cell, 65 * Self.cell + 1, 200 * Self.cell]
            .enumerated().map { TestBlob(name: "b\($0)", length: $1) }
        blobs.append(TestBlob(name: "log", length: Self.cell / 2, version: "append:1"))
    }

    mutating func run(steps: Int) async throws {
        for _ in 0..<2 { caches.append(try await open()) }
        for _ in 0..<steps { try await step() }
        held = []
        for cache in caches { await cache.settle() }
        caches = [try await bench.open()]
        for blob in blobs {
            for cell in 0..<cellCount(blob) { check(blob, cell..<cell + 1, caches[0]) }
        }
        await caches[0].settle()
        #expect(caches[0].usedBytes <= bench.capacity, "seed \(seed)")
        #expect(bench.allocatedBytes() <= caches[0].usedBytes, "seed \(seed)")
    }

    private func open() async throws -> OpenCache {
        while true {
            let cache = try? await bench.open(verdict: { [faults] in faults?.next($0) ?? .proceed })
            if let cache { return cache }
            try #require(!isExact)
        }
    }

    private func cellCount(_ blob: TestBlob) -> UInt64 { (blob.length + Self.cell - 1) / Self.cell }

    private mutating func step() async throws {
        let which = Int.random(in: 0..<2, using: &random)
        let number = Int.random(in: 0..<blobs.count, using: &random)
        let (cache, blob) = (caches[which], blobs[number])
        let first = UInt64.random(in: 0..<cellCount(blob), using: &random)
        let cells = first..<min(first + UInt64.random(in: 1...80, using: &random), cellCount(blob))
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<40:
            guard let file = cache.file(blob) else { return #expect(!isExact, "seed \(seed)") }
            file.save(blob, range(blob, cells))
            saved[blob.name, default: []].formUnion(cells)
            held.append(file)
        case 40..<80: check(blob, cells, cache)
        case 80..<85: grow()
        case 85..<88:
            if let file = cache.file(blob), file.verify() {
                #expect(!isExact || saved[blob.name]?.count == Int(cellCount(blob)), "seed \(seed)")
                checkLease(file, blob, which)
            }
        case 88..<90 where !isExact: damage(blob)
        case 90..<93:
            held = []
            await cache.settle()
            caches[which] = try await open()
            damaged[which] = []
        default: held = held.suffix(3)
        }
        if !isExact { #expect(bench.allocatedBytes() <= bench.capacity, "seed \(seed)") }
    }

    private func range(_ blob: TestBlob, _ cells: Range<UInt64>) -> Range<UInt64> {
        cells.lowerBound * Self.cell..<min(cells.upperBound * Self.cell, blob.length)
    }

    private func check(_ blob: TestBlob, _ cells: Range<UInt64>, _ cache: OpenCache) {
        let isSaved = saved[blob.name]?.isSuperset(of: cells) == true
        guard let file = cache.file(blob) else { return #expect(!isExact, "seed \(seed)") }
        let holds = file.holds(range(blob, cells))
        let (isThere, isWrong) = file.check(blob, range(blob, cells))
        #expect(!isWrong, "seed \(seed): \(blob.name) \(cells)")
        #expect(isSaved || !isThere, "seed \(seed): \(blob.name) \(cells) out of nothing")
        if isExact { #expect(holds == isSaved && isThere == isSaved, "seed \(seed): \(blob.name) \(cells)") }
    }

    private func checkLease(_ file: CleanFile, _ blob: TestBlob, _ which: Int) {
        guard let lease = file.lease() else { return #expect(!isExact, "seed \(seed)") }
        // A file is verified once: what damages it after that is not seen by those whom the kernel serves.
        guard !damaged[which].contains(blob.name) else { return }
        var bytes = [UInt8](repeating: 0, count: Int(lease.length))
        #expect(pread(lease.descriptor, &bytes, bytes.count, 0) == bytes.count)
        #expect(bytes == blob.bytes(0..<lease.length), "seed \(seed): a lease of \(blob.name)")
    }

    private mutating func grow() {
        let number = blobs.count - 1
        let old = blobs[number]
        let last = cellCount(old) - 1
        if old.length % Self.cell != 0 { saved[old.name]?.remove(last) }
        blobs[number].length += UInt64.random(in: 1...3 * Self.cell, using: &random)
        for cache in caches { cache.file(old)?.extend(to: blobs[number].length) }
    }

    private mutating func damage(_ blob: TestBlob) {
        for which in damaged.indices { damaged[which].insert(blob.name) }
        let path = Bool.random(using: &random) ? bench.dataPath(blob) : bench.indexPath(blob)
        var status = stat()
        guard stat(path, &status) == 0, status.st_size > 0 else { return }
        CacheBench.damage(path, at: Int.random(in: 0..<status.st_size, using: &random))
    }
}

/// One call in two hundred fails.
private final class RandomFaults: Sendable {
    private let random: Mutex<SeededRandom>

    init(seed: UInt64) { random = Mutex(SeededRandom(seed: seed &+ 1)) }

    func next(_ call: FileCall) -> FileGate.Verdict {
        random.withLock { random in
            guard Int.random(in: 0..<200, using: &random) == 0 else { return .proceed }
            let number = [EIO, ENOSPC].randomElement(using: &random) ?? EIO
            return Bool.random(using: &random) ? .fail(number) : .tear(number)
        }
    }
}

struct CacheModelTests {
    @Test(.tags(.random), .timeLimit(.minutes(2))) func `two caches on a directory hold exactly what was saved`()
        async throws
    {
        var model = try Model(seed: testSeed(), isExact: true)
        try await model.run(steps: 600)
    }

    @Test(.tags(.random, .fault), .timeLimit(.minutes(2)))
    func `with eviction, faults and damage they never hold what is wrong`() async throws {
        var model = try Model(seed: testSeed(), isExact: false)
        try await model.run(steps: 400)
    }

    /// What a loss of power leaves: pages that never reached the disk, and files that are shorter than they were.
    @Test(.tags(.random, .fault), .timeLimit(.minutes(2))) func `pages lost with the power are as if never saved`()
        async throws
    {
        var random = SeededRandom(seed: testSeed())
        let bench = try CacheBench()
        let blobs = (1...12).map { TestBlob(name: "b\($0)", length: UInt64($0 * $0) * 4_096 + UInt64($0)) }
        for _ in 0..<20 {
            var cache: OpenCache? = try await bench.open()
            for blob in blobs {
                guard let file = cache?.file(blob) else { continue }
                for start in stride(from: 0, to: blob.length, by: 4_096) {
                    #expect(!file.check(blob, start..<min(start + 4_096, blob.length)).isWrong)
                }
                file.save(blob, 0..<blob.length)
                #expect(file.check(blob, 0..<blob.length).isThere)
            }
            cache = nil
            for path in bench.allFiles() + [bench.path + "/usage"] { lose(path, &random) }
        }
    }

    private func lose(_ path: String, _ random: inout SeededRandom) {
        let file = open(path, O_RDWR)
        defer { close(file) }
        var status = stat()
        guard file >= 0, fstat(file, &status) == 0 else { return }
        let zeros = [UInt8](repeating: 0, count: 4_096)
        for page in 0...status.st_size / 4_096 where Int.random(in: 0..<6, using: &random) == 0 {
            let count = min(4_096, status.st_size - page * 4_096)
            if count > 0 { pwrite(file, zeros, count, page * 4_096) }
        }
        if Int.random(in: 0..<8, using: &random) == 0 {
            ftruncate(file, Int.random(in: 0...status.st_size, using: &random))
        }
    }
}

struct CacheConcurrencyTests {
    private static let cell = UInt64(CacheBench.cellSize)

    /// Four threads on two caches with room for a fraction: saving, reading, growing, leasing, letting go.
    @Test(.tags(.random), .timeLimit(.minutes(2))) func `threads and caches do not disturb each other`() async throws {
        let seed = testSeed()
        let bench = try CacheBench(capacity: 6 * CacheBench.blockSize)
        let caches = [try await bench.open(), try await bench.open()]
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<4 {
                group.addTask {
                    let worker = WorkerThreads(name: "clean-user", count: 1)
                    await worker.perform { () throws(Never) in
                        Self.use(caches[number % 2], SeededRandom(seed: seed &+ UInt64(number)), "seed \(seed)")
                    }
                }
            }
        }
        for cache in caches { await cache.settle() }
        #expect(caches[0].usedBytes <= bench.capacity)
        #expect(bench.allocatedBytes() <= caches[0].usedBytes, "seed \(seed)")
        #expect(caches[0].files.statistics.damagedCells + caches[1].files.statistics.damagedCells == 0, "seed \(seed)")
    }

    private static func use(_ cache: OpenCache, _ generator: SeededRandom, _ note: String) {
        var random = generator
        for _ in 0..<300 {
            let number = Int.random(in: 0..<8, using: &random)
            var blob = TestBlob(name: "b\(number)", length: UInt64(number * 20) * cell + 77)
            if number == 7 {
                blob.version = "append:1"
                blob.length = UInt64.random(in: 1...100, using: &random) * 1_000
            }
            guard let file = cache.file(blob) else { continue }
            if number == 7 { file.extend(to: blob.length) }
            let first = UInt64.random(in: 0...blob.length / cell, using: &random) * cell
            let range = first..<max(first, min(first + UInt64.random(in: 1...70, using: &random) * cell, blob.length))
            guard !range.isEmpty else { continue }
            switch Int.random(in: 0..<3, using: &random) {
            case 0: file.save(blob, range)
            case 1:
                _ = file.holds(range)
                #expect(!file.check(blob, range).isWrong, "\(note): \(blob.name)")
            default:
                guard file.verify(), let lease = file.lease() else { continue }
                var bytes = [UInt8](repeating: 0, count: Int(lease.length))
                #expect(pread(lease.descriptor, &bytes, bytes.count, 0) == bytes.count, "\(note)")
                #expect(bytes == blob.bytes(0..<lease.length), "\(note): a lease of \(blob.name)")
            }
        }
    }
}
