internal import Glibc
internal import Synchronization

/// When the directory was looked through, so that this is not done all the time.
struct ScanClock: Sendable {
    /// Nanoseconds between two walks, at least.
    var pauseMin: UInt64 = 1_000_000_000
    /// The same, in durations of the last one: a tenth of the time at most goes into it.
    var durations: UInt64 = 10
    private var notBefore: UInt64 = 0

    /// Never waits: for tests.
    static let impatient = ScanClock(pauseMin: 0, durations: 0)

    func allows(_ now: UInt64) -> Bool { now >= notBefore }

    mutating func note(started: UInt64, ended: UInt64) {
        notBefore = ended + max(pauseMin, durations * (ended - min(started, ended)))
    }

    /// Nanoseconds of CLOCK_MONOTONIC.
    static func now() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}

/// What lies in the directory: counted, and told to the policy, when a cache is opened and when more must go than
/// this process knows of.
extension CleanFiles {
    /// At the start: what was left there, and that it is not more than it may be.
    func lookThrough() {
        scanning.withLock { $0.scan(self) }
        makeRoom(for: 0)
    }

    /// `false` when that was done a moment ago.
    func lookThroughAgain() -> Bool {
        scanning.withLock { clock in
            guard clock.allows(ScanClock.now()) else { return false }
            clock.scan(self)
            return true
        }
    }
}

extension ScanClock {
    fileprivate mutating func scan(_ store: CleanFiles) {
        let started = Self.now()
        let scan = DirectoryScan(store.folder, blockSize: UInt64(CellMap.cellsPerBlock * store.configuration.cellSize))
        do throws(LocalStoreError) {
            // Somebody changes something all the time on a busy directory: then it is looked at without being counted.
            let isCounted = try store.usage.recount { () throws(LocalStoreError) in try scan.run() }
            if !isCounted { _ = try scan.run() }
            scan.blocks.sort { $0.lastUse < $1.lastUse }
            store.policy.withLock { policy in
                for block in scan.blocks { policy.found(block.id, bytes: block.bytes) }
            }
            for name in scan.empty { store.removeIfEmpty(name) }
        } catch {
            store.refuse(error)
        }
        note(started: started, ended: Self.now())
    }
}

/// One walk over the directory: two `fstatat` a version, and the extents of files with more than one block.
private final class DirectoryScan {
    struct Block {
        let id: EvictionPolicy.BlockID
        let bytes: UInt64
        /// Seconds; the index is touched when its file is used.
        let lastUse: Int
    }

    var blocks: [Block] = []
    /// Versions without data.
    var empty: [CleanFileName] = []
    private let folder: CacheFolder
    private let blockSize: UInt64

    init(_ folder: CacheFolder, blockSize: UInt64) {
        self.folder = folder
        self.blockSize = blockSize
    }

    func run() throws(LocalStoreError) -> UsageCounter.Usage {
        blocks = []
        empty = []
        var usage = UsageCounter.Usage()
        for number in UInt8.min...UInt8.max {
            for name in try names(in: CleanFileName.folder(number)) {
                guard let index = try folder.status(name.path(.index)) else {
                    // Never so, but by somebody's hand.
                    try folder.remove(name.path(.data))
                    continue
                }
                let data = try folder.status(name.path(.data))
                let allocated = data?.allocated ?? 0
                let overhead = CleanFiles.overhead(indexSize: index.size)
                usage.bytes += overhead + allocated
                usage.files += 1
                guard let data, allocated > 0 else {
                    empty.append(name)
                    continue
                }
                try add(name, data, overhead, index.modifiedSeconds)
            }
        }
        return usage
    }

    private func names(in folder: String) throws(LocalStoreError) -> Set<CleanFileName> {
        Set(try self.folder.names(in: folder).compactMap { CleanFileName(fileName: $0) })
    }

    private func add(_ name: CleanFileName, _ status: FileStatus, _ overhead: UInt64, _ lastUse: Int)
        throws(LocalStoreError)
    {
        func add(_ number: UInt64, _ bytes: UInt64) {
            // As when a block is saved: the first bears what the file costs beside its data.
            let bytes = bytes + (number == 0 ? overhead : 0)
            let id = EvictionPolicy.BlockID(file: name.number, number: UInt32(clamping: number))
            blocks.append(Block(id: id, bytes: bytes, lastUse: lastUse))
        }
        guard status.size > blockSize else { return add(0, status.allocated) }
        guard let data = try folder.open(name.path(.data), writing: false) else { return }
        var (number, bytes, at) = (UInt64(0), UInt64(0), UInt64(0))
        while let extent = try data.data(from: at, size: status.size) {
            at = extent.upperBound
            for next in extent.lowerBound / blockSize...(extent.upperBound - 1) / blockSize {
                if next != number {
                    if bytes > 0 { add(number, bytes) }
                    (number, bytes) = (next, 0)
                }
                bytes += UInt64(extent.clamped(to: next * blockSize..<(next + 1) * blockSize).count)
            }
        }
        if bytes > 0 { add(number, bytes) }
    }
}
