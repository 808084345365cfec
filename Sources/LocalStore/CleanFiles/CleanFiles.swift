internal import Glibc
package import Logging
internal import Synchronization

/// The disk cache: one directory of versions of blobs, which several processes may use at the same time.
///
/// Nothing in it is ever needed: whatever the disk refuses, or a crash leaves behind, is as if it had not been saved.
/// Every version has two files, named by a hash of its key: the data, a sparse file with each byte where it is in the
/// blob, and the index, with the key and a checksum for each cell (`CleanFileHeader`). A cell is there when its
/// checksum is, and right when it matches.
package final class CleanFiles: Sendable {
    package struct Configuration: Sendable, Hashable {
        package let directory: String
        /// Bytes, over all processes that share the directory. Where they disagree each keeps to its own when it saves.
        package let capacity: UInt64
        /// Bytes with a checksum of their own: what is read and saved at least. A multiple of 4,096.
        package let cellSize: Int

        package init(directory: String, capacity: UInt64, cellSize: Int = 65_536) {
            self.directory = directory
            self.capacity = capacity
            self.cellSize = cellSize
        }
    }

    /// What one process counts.
    struct Counters: ~Copyable {
        let hits = Atomic<UInt64>(0)
        let misses = Atomic<UInt64>(0)
        let bytesRead = Atomic<UInt64>(0)
        let bytesSaved = Atomic<UInt64>(0)
        let bytesEvicted = Atomic<UInt64>(0)
        let damagedCells = Atomic<UInt64>(0)
        let refusals = Atomic<UInt64>(0)
    }

    struct WeakFile: Sendable {
        weak let file: CleanFile?
    }

    package let configuration: Configuration
    let folder: CacheFolder
    let usage: UsageCounter
    let threads: WorkerThreads
    let counters = Counters()
    let policy: Mutex<EvictionPolicy>
    /// Held while the directory is looked through, which takes seconds for millions of files.
    let scanning: Mutex<ScanClock>
    private let logger: Logger
    private let attached = Mutex<[CleanFileName: WeakFile]>([:])
    /// Files that get another key when nobody holds them any more.
    let renames = Mutex<[CleanFileName: CleanFileRename]>([:])
    private let hasWarned = Atomic(false)

    /// Opens the directory, or makes it (0700; its parent is there). Refuses one that is a symbolic link, belongs to
    /// another user, holds other things or another format, or lies on a file system without holes. What was left there
    /// is looked through on `threads`.
    package convenience init(
        _ configuration: Configuration,
        threads: WorkerThreads,
        logger: Logger
    ) throws(LocalStoreError) {
        try self.init(configuration, threads: threads, logger: logger, gate: FileGate())
    }

    init(
        _ configuration: Configuration,
        threads: WorkerThreads,
        logger: Logger,
        gate: FileGate,
        clock: ScanClock = ScanClock()
    ) throws(LocalStoreError) {
        precondition(configuration.cellSize > 0 && configuration.cellSize % 4_096 == 0)
        self.configuration = configuration
        self.threads = threads
        self.logger = logger
        scanning = Mutex(clock)
        folder = try CacheFolder(path: configuration.directory, gate: gate)
        let isNew = try CacheFormat.prepare(folder, cellSize: configuration.cellSize)
        usage = try UsageCounter(folder: folder)
        policy = Mutex(EvictionPolicy(capacity: configuration.capacity))
        if isNew {
            try usage.set(UsageCounter.Usage())
        } else {
            threads.run { self.lookThrough() }
        }
    }

    /// Opens the file of a version, or makes it. `nil` when the disk refuses (the first time, the log says so).
    ///
    /// A few system calls: for a thread that may block. While somebody holds the file, the same key gives the same
    /// object. A known file that is shorter grows, as by `extend`; one that is longer stays so.
    ///
    /// Without `isMade` nothing is made, nothing grows, and nobody waits for the directory to be counted.
    package func file(_ key: CleanFileKey, length: UInt64, isMade: Bool = true) -> CleanFile? {
        let header = CleanFileHeader(key: key, cellSize: configuration.cellSize, length: length)
        guard header.size <= CleanFileHeader.sizeMax, length <= UInt64(Int64.max) else { return nil }
        let name = CleanFileName(key.fileName)
        if let file = attachedFile(name) {
            guard file.key == key else { return nil }
            if isMade { file.extend(to: length) }
            return file
        }
        do {
            guard let new = try attach(name, header, isMade: isMade) else { return nil }
            // Another thread may have been faster: both have opened it then, and one of the two is let go.
            let file = attached.withLock { files in
                if let file = files[name]?.file { return file }
                files[name] = WeakFile(file: new)
                return new
            }
            if isMade { file.extend(to: length) }
            return file
        } catch {
            refuse(error)
            return nil
        }
    }

    package var statistics: CleanFilesStatistics {
        var statistics = CleanFilesStatistics()
        let usage = usage.current() ?? UsageCounter.Usage()
        statistics.usedBytes = usage.bytes
        statistics.files = usage.files
        statistics.capacity = configuration.capacity
        statistics.hits = counters.hits.load(ordering: .relaxed)
        statistics.misses = counters.misses.load(ordering: .relaxed)
        statistics.bytesRead = counters.bytesRead.load(ordering: .relaxed)
        statistics.bytesSaved = counters.bytesSaved.load(ordering: .relaxed)
        statistics.bytesEvicted = counters.bytesEvicted.load(ordering: .relaxed)
        statistics.damagedCells = counters.damagedCells.load(ordering: .relaxed)
        statistics.refusals = counters.refusals.load(ordering: .relaxed)
        return statistics
    }

    // MARK: Attached files

    func attachedFile(_ name: CleanFileName) -> CleanFile? { attached.withLock { $0[name]?.file } }

    /// Nobody holds the file any more.
    func detached(_ name: CleanFileName) {
        attached.withLock { files in
            if let entry = files[name], entry.file == nil { files[name] = nil }
        }
    }

    // MARK: What went wrong

    /// Something was not saved; `error` when the disk is the reason.
    func refuse(_ error: LocalStoreError? = nil) {
        counters.refusals.wrappingAdd(1, ordering: .relaxed)
        // Somebody else is at it: no news.
        guard let error, error.errno != EAGAIN, !hasWarned.exchange(true, ordering: .relaxed) else { return }
        logger.warning(
            "the disk cache could not save something; it goes on with what it can",
            metadata: ["error": "\(error)"]
        )
    }

    /// A cell's bytes were not those that were saved.
    func foundDamage(_ key: CleanFileKey, cell: Int) {
        counters.damagedCells.wrappingAdd(1, ordering: .relaxed)
        logger.notice(
            "bytes in the disk cache do not match their checksum; they are fetched again",
            metadata: ["blob": "\(key)", "offset": "\(UInt64(cell) * UInt64(configuration.cellSize))"]
        )
    }
}
