internal import BlobStorage
internal import DequeModule

/// What a reader is called back with: bytes lent for the call's duration.
typealias ReadCompletion = @Sendable (Result<UnsafeBufferPointer<UnsafeRawBufferPointer>, StorageError>) -> Void

/// Everything that the cache's lock guards: what is where, what is under way, who waits for it.
///
/// Events go in, effects come out (`CacheEffects`), which the caller performs when the lock is free again. Rules:
/// - A piece has one cell at most, and a cell that is being filled one fetch: nothing is fetched twice.
/// - A read takes all cells that it needs at once, or none and waits in line: no reader holds memory while it waits for
///   memory, so the line always moves. What holds memory is a fetch under way (it ends), an open's first
///   bytes (so do they), bytes lent to a reader (a system call), or a read all of whose fetches are under way.
/// - A cell is pinned once for the fetch that fills it, once for each read that needs it, while it is saved, and before it
///   has a place. Pinned cells stay.
struct CacheState: Sendable {
    /// What a cell holds.
    struct Cell: Sendable {
        /// The entry of the index that it belongs to, or -1.
        var block: Int32 = -1
        var slot: UInt8 = 0
        /// The slot of the fetch that is filling it, or -1.
        var fetch: Int32 = -1
        /// Bytes from the piece's start that may be read.
        var valid: Int32 = 0
    }

    let geometry: CacheGeometry
    /// Cells that may be read ahead and unread at a time: half of the pool. What was read stays for the other half, so
    /// that read-ahead does not evict itself.
    let unreadCountMax: Int
    let readCountMax: Int
    let blocksMax: Int
    /// Cells that may be pinned for the disk at a time.
    let savingCountMax: Int
    /// Unsaved cells beyond which the disk is behind: an eighth of the pool.
    let lateCount: Int

    var slabs: SlabAllocator
    var cells: [Cell]
    var index: BlockIndex
    var versions = VersionTable()
    var fetches = SlotTable<Fetch>()
    var reads = SlotTable<WaitingRead>()
    var saves = SlotTable<Save>()
    /// Cells that first bytes are on their way to, of versions that only the answer will tell.
    var unplaced = SlotTable<Range<Int32>>()
    var savingCount = 0
    /// Files that nobody needs any more, to be let go of when the lock is free.
    var released: [AttachedFile] = []
    /// Reads that wait for memory, first come, first served.
    var line = Deque<SlotID>()
    var streams = StreamRoster()
    /// The clock's value when a slab was last filled ahead; the clock counts GETs.
    var filledAt: [UInt64]
    var clock: UInt64 = 0
    var isShutDown = false
    var statistics = ReadStatistics()

    init(_ configuration: BlockCacheConfiguration, slabCount: Int) {
        geometry = configuration.geometry
        slabs = SlabAllocator(slabCount: slabCount, cellsPerSlab: geometry.piecesPerBlock)
        cells = Array(repeating: Cell(), count: slabs.cellCount)
        index = BlockIndex(piecesPerBlock: geometry.piecesPerBlock)
        filledAt = Array(repeating: 0, count: slabCount)
        unreadCountMax = slabs.cellCount / 2
        readCountMax = slabCount * geometry.blockSize / 2
        blocksMax = min(configuration.readAheadBlocksMax, slabCount / 2)
        lateCount = slabs.cellCount / 8
        savingCountMax = Self.savingCountMax(slabCount: slabCount, geometry: geometry)
    }

    /// How far ahead one stream may be, in blocks: its share.
    var blocksPerStream: Int { blocksMax == 0 ? 0 : max(blocksMax / max(streams.count, 1), 1) }

    // MARK: Cells

    /// Takes a run of cells, evicting what was read longest ago; each is pinned once.
    mutating func takeCells(_ count: Int, sparingUnread: Bool) -> Int32? {
        if let cell = slabs.take(count) { return cell }
        guard let slab = slabs.victim(for: count, sparingUnread: sparingUnread) else { return nil }
        evict(slab, for: count)
        return slabs.take(count, in: slab)
    }

    /// Frees the cells of a slab that are not pinned: all, or those that need to go for a run of `count`.
    mutating func evict(_ slab: Int32, for count: Int? = nil) {
        for cell in slabs.evictable(in: slab, for: count) {
            if slabs.isUnread(cell) { statistics.readAheadWaste += UInt64(geometry.pieceSize) }
            freeCell(cell)
        }
    }

    /// Forgets what a cell holds, and gives it back. Nobody has pinned it.
    mutating func freeCell(_ cell: Int32) {
        let content = cells[Int(cell)]
        if slabs.clearUnsaved(cell) { noteNotSaved(content) }
        if content.block >= 0, let version = index.remove(content.block, Int(content.slot)) {
            versions.release(version)
        }
        cells[Int(cell)] = Cell()
        slabs.free(cell)
    }

    /// Says which piece a cell is to hold.
    mutating func assign(_ cell: Int32, _ version: Int32, piece: UInt64) {
        let slot = geometry.slot(ofPiece: piece)
        let (block, isNew) = index.insert(cell, version, geometry.blockNumber(ofPiece: piece), slot)
        if isNew { versions.retain(version) }
        cells[Int(cell)] = Cell(block: block, slot: UInt8(slot))
    }

    /// The cell of a piece, or -1.
    func cell(_ version: Int32, piece: UInt64) -> Int32 {
        index.cell(
            index.block(version, geometry.blockNumber(ofPiece: piece)),
            geometry.slot(ofPiece: piece)
        )
    }
}

/// A read that was not answered at once.
struct WaitingRead: Sendable {
    let version: Int32
    let range: Range<UInt64>
    let completion: ReadCompletion
    /// Pinned while it waits for fetches; empty while it waits in line.
    var cells: [Int32] = []
    /// Fetches that it waits for.
    var fetches: [SlotID] = []
    var outstanding = 0
}

/// Bytes on their way into cells: a GET, or a read of the version's clean file.
struct Fetch: Sendable {
    struct Waiter: Sendable {
        let read: SlotID
        /// Bytes of this fetch that the read needs.
        var need: Int
    }

    /// Whom a fetch ahead of any reader is for.
    struct Purpose: Sendable, Equatable {
        let stream: UInt64
        let run: UInt32
    }

    let version: Int32
    let range: Range<UInt64>
    let firstCell: Int32
    let cellCount: Int
    /// Bytes of the first cell that were there before: the tail of an append blob that has grown.
    let lead: Int
    let purpose: Purpose?
    /// Where they may lie on disk, and are saved to otherwise.
    let file: AttachedFile?
    /// The version that the GET names.
    var condition = VersionCondition.any
    /// Bytes that have arrived and may be read.
    var filled = 0
    var waiters: [Waiter] = []
    /// Known once the store was asked.
    var operation: (any ReadOperation)?
    var isCancelled = false
    /// It was fetched ahead, and now a read waits for it.
    var isRaised = false

    var cells: Range<Int32> { firstCell..<firstCell + Int32(cellCount) }
}

/// What is to be done when the lock is free.
struct CacheEffects: Sendable {
    /// Bytes to bring: from the clean file if it holds them, else by a GET.
    struct Start: Sendable {
        let fetch: SlotID
        let blob: BlobAddress
        let condition: VersionCondition
        let range: Range<UInt64>
        /// Where the bytes go, counted from the pool's start.
        let memoryOffset: Int
        let isForeground: Bool
        /// Where the bytes may lie; `nil` asks the store at once.
        let file: AttachedFile?
    }

    /// A read whose bytes are there: its cells are pinned until it was answered.
    struct Ready: Sendable {
        let cells: [Int32]
        let range: Range<UInt64>
        let completion: ReadCompletion
    }

    struct Failed: Sendable {
        let completion: ReadCompletion
        let error: StorageError
    }

    var starts: [Start] = []
    var cancels: [any ReadOperation] = []
    /// Operations that somebody waits for by now.
    var raises: [any ReadOperation] = []
    var ready: [Ready] = []
    var failed: [Failed] = []
    var saves: [(id: SlotID, save: Save)] = []
    /// Closed with the last reference, which is not for under the lock.
    var released: [AttachedFile] = []
}

/// Which handles were read ahead for lately: they share the memory for it.
struct StreamRoster: Sendable {
    /// GETs after which a stream that asked for nothing does not count any more.
    static let idleMax: UInt64 = 256

    private var lastUse: [UInt64: UInt64] = [:]

    var count: Int { lastUse.count }

    mutating func note(_ stream: UInt64, now: UInt64) {
        lastUse[stream] = now
        if lastUse.count > 1 { lastUse = lastUse.filter { now - $0.value <= Self.idleMax } }
    }

    mutating func remove(_ stream: UInt64) { lastUse[stream] = nil }
}
