internal import Glibc
internal import Synchronization

/// The bound: every byte is reserved before it is written, and room is made by eviction.
extension CleanFiles {
    /// What a change leaves charged of its reservation; negative when it freed more than it took.
    struct Kept {
        var bytes: Int64
        var files: UInt64 = 0
    }

    /// What one save evicts at most, where a smaller capacity than before, or a filling disk, asks for more.
    private static let evictedMax: UInt64 = 256 << 20

    /// How long a save waits for the directory to be counted, in nanoseconds: a million versions take seconds, and minutes
    /// where the disk has to be waited for; a process that was stopped while it counts is not waited for without an end.
    private static let countPatience: UInt64 = 60_000_000_000

    /// Runs `change` with so many bytes reserved, and gives back what it did not keep. Without room it does not run. Waits
    /// while the directory is counted.
    func withReservation(bytes: UInt64, files: UInt64 = 0, _ change: () -> Kept) {
        do {
            guard try reserve(bytes, files) else { return refuse() }
            defer { usage.endChange() }
            let kept = change()
            let excess = Int64(bytes) - kept.bytes
            if excess != 0 || kept.files < files {
                try usage.remove(bytes: UInt64(max(excess, 0)), files: files - kept.files)
                // Only a file system that allocates more than was written: the bound is kept from the next save on.
                if excess < 0 { _ = try usage.add(bytes: UInt64(-excess), capacity: .max) }
            }
        } catch {
            refuse(error)
        }
    }

    /// On success a change has begun.
    private func reserve(_ bytes: UInt64, _ files: UInt64) throws(LocalStoreError) -> Bool {
        guard try leavesAir(bytes, files) else { return false }
        // Others may take the room that was made.
        for attempt in 0..<3 {
            guard try beginChange() else { return false }
            do throws(LocalStoreError) {
                if try usage.add(bytes: bytes, files: files, capacity: configuration.capacity) { return true }
            } catch {
                usage.endChange()
                throw error
            }
            usage.endChange()
            guard attempt < 2, bytes <= configuration.capacity else { return false }
            makeRoom(for: bytes)
        }
        return false
    }

    /// What a mount reads first comes upon its own count: that is waited for rather than missed.
    private func beginChange() throws(LocalStoreError) -> Bool {
        let deadline = ScanClock.now() + Self.countPatience
        while try !usage.beginChange() {
            guard ScanClock.now() < deadline else { return false }
            usleep(10_000)
        }
        return true
    }

    /// The rest of the file system's users need room, too: when there is little, the cache gives up as much again as
    /// it takes.
    private func leavesAir(_ bytes: UInt64, _ files: UInt64) throws(LocalStoreError) -> Bool {
        func isShort() throws(LocalStoreError) -> Bool {
            let space = try folder.space()
            return space.availableBytes < space.reservedBytes + bytes || (files > 0 && space.lacksInodes)
        }
        guard try isShort() else { return true }
        evict(2 * bytes)
        return try !isShort()
    }

    /// Evicts what is over the capacity with `bytes` more; counts if nobody knows what there is.
    func makeRoom(for bytes: UInt64) {
        guard let used = usage.current()?.bytes else {
            _ = lookThroughAgain()
            return
        }
        guard used + bytes > configuration.capacity else { return }
        let over = used + bytes - configuration.capacity
        let freed = evict(min(over, max(Self.evictedMax, bytes)))
        // What this process does not know of is others', or was counted and is not there.
        if freed < over, lookThroughAgain() { evict(min(over - freed, Self.evictedMax)) }
    }

    /// Evicts blocks until so many bytes are free; says how many are.
    @discardableResult
    func evict(_ bytes: UInt64) -> UInt64 {
        var freed: UInt64 = 0
        var busy: [EvictionPolicy.BlockID] = []
        while freed < bytes, busy.count < 64, let block = policy.withLock({ $0.victim() }) {
            do {
                if let count = try drop(block) { freed += count } else { busy.append(block) }
            } catch {
                // Kept in mind: else nobody would try again.
                busy.append(block)
                refuse(error)
                break
            }
        }
        let blockSize = UInt64(CellMap.cellsPerBlock * configuration.cellSize)
        policy.withLock { policy in for block in busy { policy.keep(block, bytes: blockSize) } }
        counters.bytesEvicted.wrappingAdd(freed, ordering: .relaxed)
        return freed
    }

    /// Takes a block off the disk, and its file with the last one. The bytes that this freed; `nil`: somebody has it.
    private func drop(_ block: EvictionPolicy.BlockID) throws(LocalStoreError) -> UInt64? {
        guard try usage.beginChange() else { return nil }
        defer { usage.endChange() }
        let name = CleanFileName(block.file)
        guard let index = try folder.open(name.path(.index)) else { return 0 }
        guard try index.lock(FileLock.change, .exclusive), try index.lock(FileLock.lease, .exclusive) else {
            return nil
        }
        guard try index.status().links > 0 else { return 0 }
        let data = try folder.open(name.path(.data))
        guard let data, let header = try Self.header(index) else { return try remove(name, index, data) }
        let first = Int(block.number) * CellMap.cellsPerBlock
        let cells = first..<min(first + CellMap.cellsPerBlock, header.cellCount)
        var freed: UInt64 = 0
        if !cells.isEmpty {
            freed = try index.forget(cells, header, in: data)
            attachedFile(name)?.forget(cells)
            try usage.remove(bytes: freed)
        }
        if try data.data(from: 0, size: header.length) != nil { return freed }
        return freed + (try remove(name, index, data))
    }

    /// Removes a version unless somebody has it attached; says how many bytes were charged for it. `index` has the
    /// locks of change and lease.
    @discardableResult
    private func remove(
        _ name: CleanFileName,
        _ index: OpenFile,
        _ data: OpenFile?
    ) throws(LocalStoreError) -> UInt64 {
        guard try index.lock(FileLock.attached, .exclusive) else { return 0 }
        var charge = Self.overhead(indexSize: try index.status().size)
        // Without cells there may be a block of extents left, which nobody was charged for.
        if let data, try data.data(from: 0, size: 1) != nil { charge += try data.status().allocated }
        // The data first: a data file always has an index.
        try folder.remove(name.path(.data))
        try folder.remove(name.path(.index))
        try usage.remove(bytes: charge, files: 1)
        return charge
    }

    /// Removes a version without data, if it is one and nobody has it.
    func removeIfEmpty(_ name: CleanFileName) {
        guard (try? usage.beginChange()) == true else { return }
        defer { usage.endChange() }
        do throws(LocalStoreError) {
            guard let index = try folder.open(name.path(.index)),
                try index.lock(FileLock.change, .exclusive), try index.lock(FileLock.lease, .exclusive),
                try index.status().links > 0
            else { return }
            let data = try folder.open(name.path(.data))
            if try data?.data(from: 0, size: 1) == nil { try remove(name, index, data) }
        } catch {
            refuse(error)
        }
    }
}

extension OpenFile {
    /// Takes cells away: the entries first, and then the bytes. Says how many of the bytes that were charged for them
    /// are free now. This is the index file, and has the lock of changes. At most a block.
    func forget(_ cells: Range<Int>, _ header: CleanFileHeader, in data: OpenFile) throws(LocalStoreError) -> UInt64 {
        var entries = [64 of UInt64](repeating: 0)
        let offset = header.entryOffset(cells.lowerBound)
        try withUnsafeMutableBytes(of: &entries) { (bytes) throws(LocalStoreError) in
            _ = try read(into: UnsafeMutableRawBufferPointer(rebasing: bytes[..<(cells.count * 8)]), at: offset)
        }
        var charged: UInt64 = 0
        for cell in cells where entries[cell - cells.lowerBound] != 0 { charged += header.charge(of: cell) }
        let zeros = [64 of UInt64](repeating: 0)
        try withUnsafeBytes(of: zeros) { (bytes) throws(LocalStoreError) in
            try write(UnsafeRawBufferPointer(rebasing: bytes[..<(cells.count * 8)]), at: offset)
        }
        let before = try data.status().allocated
        let size = UInt64(header.cellSize)
        try data.punchHole(UInt64(cells.lowerBound) * size..<UInt64(cells.upperBound) * size)
        let after = try data.status().allocated
        // Blocks of extents that go, too, were not charged.
        return min(charged, before > after ? before - after : 0)
    }
}
