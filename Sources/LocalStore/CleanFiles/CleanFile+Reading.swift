internal import Checksums
internal import Glibc
internal import Synchronization

extension CleanFile {
    /// Cells that are read and checked together: 256 KiB stay in a core's cache between the two.
    private static let cellsPerRead = 4
    /// Seconds between two marks that a file is used, for the order after a restart, and for other processes.
    private static let touchInterval = 60

    /// Fills the buffer from `offset` on, a multiple of the cell size; every cell is checked against its CRC-64.
    ///
    /// `false`: a cell is missing or damaged (and forgotten then), or the disk failed; what the buffer holds means
    /// nothing. The buffer may end within a cell, not behind the file's end. Blocks.
    package func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) -> Bool {
        guard readVerified(buffer, offset) else {
            store.counters.misses.wrappingAdd(1, ordering: .relaxed)
            return false
        }
        store.counters.hits.wrappingAdd(1, ordering: .relaxed)
        store.counters.bytesRead.wrappingAdd(UInt64(buffer.count), ordering: .relaxed)
        noteUse(offset..<offset + UInt64(buffer.count))
        return true
    }

    /// Tells the policy. A reader comes to a block several times on its way through it: that is one use.
    private func noteUse(_ range: Range<UInt64>) {
        let blockSize = UInt64(CellMap.cellsPerBlock * store.configuration.cellSize)
        guard !range.isEmpty else { return }
        let blocks = Int(range.lowerBound / blockSize)...Int((range.upperBound - 1) / blockSize)
        let now = time(nil)
        let (lastBlock, touches) = state.withLock { state in
            let old = state.lastBlock
            state.lastBlock = blocks.upperBound
            let touches = abs(now - state.lastTouch) >= Self.touchInterval
            if touches { state.lastTouch = now }
            return (old, touches)
        }
        store.policy.withLock { policy in
            for block in blocks where block != lastBlock { policy.used(blockID(block)) }
        }
        if touches { index.touch() }
    }

    func blockID(_ number: Int) -> EvictionPolicy.BlockID {
        EvictionPolicy.BlockID(file: name.number, number: UInt32(clamping: number))
    }

    /// Reads and checks, without counting.
    func readVerified(_ buffer: UnsafeMutableRawBufferPointer, _ offset: UInt64) -> Bool {
        let header = state.withLock { $0.header }
        let range = offset..<offset + UInt64(buffer.count)
        guard offset % UInt64(header.cellSize) == 0, range.upperBound <= header.length else { return false }
        let cells = header.cells(of: range)
        do throws(LocalStoreError) {
            var first = cells.lowerBound
            while first < cells.upperBound {
                let end = min(first + Self.cellsPerRead, cells.upperBound)
                let start = (first - cells.lowerBound) * header.cellSize
                let stop = min(start + (end - first) * header.cellSize, buffer.count)
                let part = UnsafeMutableRawBufferPointer(rebasing: buffer[start..<stop])
                guard try read(first..<end, into: part, header) else { return false }
                first = end
            }
            return true
        } catch {
            store.refuse(error)
            return false
        }
    }

    /// At most `cellsPerRead` cells, of which the last may be wanted in part.
    private func read(
        _ cells: Range<Int>,
        into buffer: UnsafeMutableRawBufferPointer,
        _ header: CleanFileHeader
    ) throws(LocalStoreError) -> Bool {
        var entries: [4 of UInt64] = [0, 0, 0, 0]
        _ = try withUnsafeMutableBytes(of: &entries) { (bytes) throws(LocalStoreError) in
            let bytes = UnsafeMutableRawBufferPointer(rebasing: bytes[..<(cells.count * 8)])
            return try index.read(into: bytes, at: header.entryOffset(cells.lowerBound))
        }
        for cell in cells where entries[cell - cells.lowerBound] == 0 {
            forget(cell..<cell + 1)
            return false
        }
        let count = try data.read(into: buffer, at: header.bytes(of: cells.lowerBound).lowerBound)
        for cell in cells {
            let start = (cell - cells.lowerBound) * header.cellSize
            let part = UnsafeMutableRawBufferPointer(
                rebasing: buffer[start..<min(start + header.cellSize, buffer.count)]
            )
            let sum = try checksum(cell, beginning: part, header)
            if sum == UInt64(littleEndian: entries[cell - cells.lowerBound]), count == buffer.count { continue }
            guard try readAgain(cell, into: part) else { return false }
        }
        state.withLock { $0.map.insert(cells, verified: true) }
        return true
    }

    /// The checksum of a cell that begins with `part`; the rest, if any, is read.
    private func checksum(
        _ cell: Int,
        beginning part: UnsafeMutableRawBufferPointer,
        _ header: CleanFileHeader
    ) throws(LocalStoreError) -> UInt64 {
        let sum = CRC64.checksum(UnsafeRawBufferPointer(part))
        let bytes = header.bytes(of: cell)
        let rest = bytes.count - part.count
        guard rest > 0 else { return Self.entry(sum) }
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: rest, alignment: 16)
        defer { buffer.deallocate() }
        let count = try data.read(into: buffer, at: bytes.lowerBound + UInt64(part.count))
        return Self.entry(CRC64.checksum(UnsafeRawBufferPointer(rebasing: buffer[..<count]), continuing: sum))
    }

    /// A checksum that did not match: because another process evicted the cell, or saved it, or the file grew, in
    /// between? With the lock of changes nobody does. If it still does not match, the cell is damaged.
    private func readAgain(_ cell: Int, into part: UnsafeMutableRawBufferPointer) throws(LocalStoreError) -> Bool {
        // Forgetting frees bytes, which may not be done while they are counted.
        let mayFree = try store.usage.beginChange()
        defer { if mayFree { store.usage.endChange() } }
        let isRight = try withChangeLock { (header) throws(LocalStoreError) in
            var entry: UInt64 = 0
            _ = try withUnsafeMutableBytes(of: &entry) { (bytes) throws(LocalStoreError) in
                try index.read(into: bytes, at: header.entryOffset(cell))
            }
            guard entry != 0 else { return false }
            let count = try data.read(into: part, at: header.bytes(of: cell).lowerBound)
            let sum = try checksum(cell, beginning: part, header)
            if count == part.count, sum == UInt64(littleEndian: entry) { return true }
            store.foundDamage(key, cell: cell)
            guard mayFree, try index.lock(FileLock.lease, .exclusive) else { return false }
            defer { index.unlock(FileLock.lease) }
            try store.usage.remove(bytes: try index.forget(cell..<cell + 1, header, in: data))
            return false
        }
        if isRight != true { forget(cell..<cell + 1) }
        return isRight == true
    }

    /// What stands in the index for a checksum: 0 means that there is none.
    static func entry(_ checksum: UInt64) -> UInt64 { checksum == 0 ? 1 : checksum }
}
