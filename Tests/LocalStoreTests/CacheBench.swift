import Glibc
import Logging
import TestSupport

@testable import LocalStore

/// A directory for caches, blobs whose bytes follow from their names, and worlds to read and write them in.
final class CacheBench: Sendable {
    static let cellSize = 4_096
    /// Bytes of a block: what is evicted in one piece.
    static let blockSize = UInt64(64 * cellSize)

    let parent: TemporaryDirectory
    let capacity: UInt64
    var path: String { parent.path + "/cache" }

    init(capacity: UInt64 = 64 << 20) throws {
        parent = try TemporaryDirectory()
        self.capacity = capacity
    }

    /// What free space looks like to a cache that has no reason to worry.
    static let plenty = FreeSpace(
        totalBytes: 1 << 40,
        availableBytes: 1 << 39,
        totalInodes: 1 << 20,
        availableInodes: 1 << 19
    )

    /// One mount's cache, looked through already. One thread, so that `settle` can wait for what it does.
    func open(
        capacity: UInt64? = nil,
        cellSize: Int = cellSize,
        space: (@Sendable () -> FreeSpace)? = { plenty },
        verdict: @escaping @Sendable (FileCall) -> FileGate.Verdict = { _ in .proceed }
    ) async throws -> OpenCache {
        let threads = WorkerThreads(name: "clean-test", count: 1)
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let configuration = CleanFiles.Configuration(
            directory: path,
            capacity: capacity ?? self.capacity,
            cellSize: cellSize
        )
        let gate = FileGate(verdict: { $0 == .fsync ? .skip : verdict($0) }, space: space)
        let files = try CleanFiles(configuration, threads: threads, logger: logger, gate: gate, clock: .impatient)
        let cache = OpenCache(files: files, threads: threads, bench: self)
        await cache.settle()
        return cache
    }

    /// Bytes on disk, of everything that counts against the capacity.
    func allocatedBytes() -> UInt64 {
        var total: UInt64 = 0
        for file in allFiles() {
            var status = stat()
            if lstat(file, &status) == 0 { total += UInt64(status.st_blocks) * 512 }
        }
        return total
    }

    /// The paths of all data and index files.
    func allFiles() -> [String] {
        (UInt8.min...UInt8.max).flatMap { number -> [String] in
            let folder = path + "/" + CleanFileName.folder(number)
            guard let stream = opendir(folder) else { return [] }
            defer { closedir(stream) }
            var names: [String] = []
            while let entry = readdir(stream) {
                let name = withUnsafePointer(to: &entry.pointee.d_name) {
                    $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
                }
                if !name.hasPrefix(".") { names.append(folder + "/" + name) }
            }
            return names
        }.sorted()
    }

    func dataPath(_ blob: TestBlob) -> String { path + "/" + CleanFileName(blob.key.fileName).path(.data) }
    func indexPath(_ blob: TestBlob) -> String { path + "/" + CleanFileName(blob.key.fileName).path(.index) }

    /// Changes one byte of a file behind the cache's back.
    static func damage(_ path: String, at offset: Int) {
        let file = Glibc.open(path, O_RDWR)
        defer { close(file) }
        var byte: UInt8 = 0
        pread(file, &byte, 1, offset)
        byte ^= 0x55
        pwrite(file, &byte, 1, offset)
    }
}

/// A cache and the thread that works for it.
final class OpenCache: Sendable {
    let files: CleanFiles
    private let threads: WorkerThreads
    /// Its directory goes with it.
    private let bench: CacheBench

    init(files: CleanFiles, threads: WorkerThreads, bench: CacheBench) {
        self.files = files
        self.threads = threads
        self.bench = bench
    }

    /// Waits until its thread has nothing to do.
    func settle() async { await threads.perform { () throws(Never) in } }

    var usedBytes: UInt64 { files.statistics.usedBytes }

    func file(_ blob: TestBlob) -> CleanFile? { files.file(blob.key, length: blob.length) }
}

/// A blob whose bytes are known: they follow from its name.
struct TestBlob: Sendable, Hashable {
    let name: String
    var length: UInt64
    var version = "etag:1"

    var key: CleanFileKey { CleanFileKey(account: "https://a", container: "c", blob: name, version: version) }

    private var seed: UInt64 { key.fileName }

    /// The range begins with a multiple of 8.
    func bytes(_ range: Range<UInt64>) -> [UInt8] {
        precondition(range.lowerBound % 8 == 0)
        let seed = self.seed
        return [UInt8](unsafeUninitializedCapacity: range.count + 8) { buffer, count in
            let words = UnsafeMutableRawBufferPointer(buffer).bindMemory(to: UInt64.self)
            for number in 0..<(range.count + 7) / 8 {
                let word = (seed &+ range.lowerBound / 8 &+ UInt64(number)) &* 0x9E37_79B9_7F4A_7C15
                words[number] = word ^ word >> 29
            }
            count = range.count
        }
    }
}

extension CleanFile {
    /// Saves the blob's bytes of a range, which begins with a cell.
    func save(_ blob: TestBlob, _ range: Range<UInt64>, isDirect: Bool = false) {
        // As memory's blocks begin: with a page.
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: range.count, alignment: 4_096)
        defer { memory.deallocate() }
        memory.copyBytes(from: blob.bytes(range))
        save(UnsafeRawBufferPointer(memory), at: range.lowerBound, isDirect: isDirect)
    }

    /// What is read; `nil` when it is not all there.
    func bytes(_ range: Range<UInt64>) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0xEE, count: range.count)
        let isRead = bytes.withUnsafeMutableBytes { read(into: $0, at: range.lowerBound) }
        return isRead ? bytes : nil
    }

    /// Whether all of the range is there, and right. Wrong bytes are reported by the second.
    func check(_ blob: TestBlob, _ range: Range<UInt64>) -> (isThere: Bool, isWrong: Bool) {
        guard let bytes = bytes(range) else { return (false, false) }
        return (true, bytes != blob.bytes(range))
    }
}
