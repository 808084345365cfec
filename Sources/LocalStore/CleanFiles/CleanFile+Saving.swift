internal import Checksums
internal import Glibc
internal import Synchronization

extension CleanFile {
    /// Saves whole cells from `offset` on, a multiple of the cell size; the last may be short where the file ends.
    ///
    /// A cell's part at the end of `bytes` that is not a whole cell is left out. Says whether all the others are there
    /// now. `isDirect`: past the page cache, where `bytes` begin with a page and the file system has that. Blocks: evicts
    /// what is in the way, waits while the directory is counted.
    @discardableResult
    package func save(_ bytes: UnsafeRawBufferPointer, at offset: UInt64, isDirect: Bool = false) -> Bool {
        let (header, isGone) = state.withLock { ($0.header, $0.isGone) }
        guard !isGone, offset % UInt64(header.cellSize) == 0, offset < header.length else { return false }
        let cells = header.wholeCells(of: offset..<offset + UInt64(bytes.count))
        var cell = cells.lowerBound
        while cell < cells.upperBound {
            // One block at a time: it is charged, evicted and told to the policy as one.
            let block = cell / CellMap.cellsPerBlock
            let end = min(cells.upperBound, (block + 1) * CellMap.cellsPerBlock)
            let absent = state.withLock { $0.map.absent(in: cell..<end) }
            if !absent.isEmpty {
                let start = (absent.lowerBound - cells.lowerBound) * header.cellSize
                let stop = Int(header.bytes(of: absent.upperBound - 1).upperBound - offset)
                save(absent, UnsafeRawBufferPointer(rebasing: bytes[start..<stop]), header, isDirect: isDirect)
            }
            cell = end
        }
        return state.withLock { !$0.isGone && $0.map.contains(cells) }
    }

    /// Cells of one block.
    private func save(
        _ cells: Range<Int>,
        _ bytes: UnsafeRawBufferPointer,
        _ header: CleanFileHeader,
        isDirect: Bool
    ) {
        var entries = [64 of UInt64](repeating: 0)
        var charge: UInt64 = 4_096  // for extents
        for cell in cells {
            let start = (cell - cells.lowerBound) * header.cellSize
            let part = bytes[start..<min(start + header.cellSize, bytes.count)]
            let sum = Self.entry(CRC64.checksum(UnsafeRawBufferPointer(rebasing: part)))
            entries[cell - cells.lowerBound] = sum.littleEndian
            charge += header.charge(of: cell)
        }
        store.withReservation(bytes: charge) {
            do throws(LocalStoreError) {
                let kept = try withChangeLock { (now) throws(LocalStoreError) in
                    // It has grown: what was its last cell is not whole any more.
                    guard now.bytes(of: cells.upperBound - 1) == header.bytes(of: cells.upperBound - 1) else {
                        return Int64(0)
                    }
                    return try write(cells, bytes, entries, now, reserved: charge, isDirect: isDirect)
                }
                return CleanFiles.Kept(bytes: kept ?? 0)
            } catch {
                store.refuse(error)
                return CleanFiles.Kept(bytes: Int64(charge))
            }
        }
    }

    /// The bytes, and then their checksums. What of the reservation stays charged. Fails only where nobody knows what
    /// is on the disk.
    private func write(
        _ cells: Range<Int>,
        _ bytes: UnsafeRawBufferPointer,
        _ entries: [64 of UInt64],
        _ header: CleanFileHeader,
        reserved: UInt64,
        isDirect: Bool
    ) throws(LocalStoreError) -> Int64 {
        var old = [64 of UInt64](repeating: 0)
        _ = try withUnsafeMutableBytes(of: &old) { (bytes) throws(LocalStoreError) in
            let bytes = UnsafeMutableRawBufferPointer(rebasing: bytes[..<(cells.count * 8)])
            return try index.read(into: bytes, at: header.entryOffset(cells.lowerBound))
        }
        var (charge, isSaved, contradicts) = (UInt64(0), true, false)
        for number in 0..<cells.count {
            if old[number] == 0 { charge += header.charge(of: cells.lowerBound + number) }
            if old[number] != entries[number] {
                isSaved = false
                contradicts = contradicts || old[number] != 0
            }
        }
        if isSaved {
            // Another process did.
            saved(cells, 0)
            return 0
        }
        // Equal keys have equal bytes: a checksum that says otherwise is damaged.
        let freed = contradicts ? try index.forget(cells, header, in: data) : 0
        if contradicts { charge = cells.reduce(0) { $0 + header.charge(of: $1) } }
        let before = try data.status().allocated
        do {
            try write(bytes, at: header.bytes(of: cells.lowerBound).lowerBound, isDirect: isDirect)
            try withUnsafeBytes(of: entries) { (entries) throws(LocalStoreError) in
                let bytes = UnsafeRawBufferPointer(rebasing: entries[..<(cells.count * 8)])
                try index.write(bytes, at: header.entryOffset(cells.lowerBound))
            }
        } catch {
            store.refuse(error)
            forget(cells)
            _ = try index.forget(cells, header, in: data)
            let after = try data.status().allocated
            // What was there before is gone as well; what was not is not charged yet.
            let lost = contradicts ? 0 : cells.reduce(0) { $0 + header.charge(of: $1) } - charge
            return (after > before ? Int64(after - before) : -Int64(min(lost, before - after))) - Int64(freed)
        }
        saved(cells, bytes.count)
        let after = try data.status().allocated
        // Some file systems say later what they allocated: what they say now counts only if it is more.
        return max(Int64(charge), Int64(after) - Int64(before)) - Int64(freed)
    }

    private func saved(_ cells: Range<Int>, _ count: Int) {
        let block = cells.lowerBound / CellMap.cellsPerBlock
        let (header, present) = state.withLock { state in
            state.map.insert(cells, verified: count > 0)
            return (state.header, state.map.presentCount(inBlock: block))
        }
        store.counters.bytesSaved.wrappingAdd(UInt64(count), ordering: .relaxed)
        let size = min(UInt64(present * header.cellSize), CleanFileHeader.pages(header.length))
        let overhead = block == 0 ? CleanFiles.overhead(indexSize: header.fileSize) : 0
        store.policy.withLock { $0.saved(blockID(block), bytes: size + overhead) }
    }

    /// An append blob grew: the cells stay, except a short last one, which is forgotten. Blocks.
    package func extend(to length: UInt64) {
        let (header, isKnown) = state.withLock { state in
            state.length = max(state.length, length)
            return (state.header, state.isGone || length <= state.header.length)
        }
        guard !isKnown, length <= UInt64(Int64.max) else { return }
        var wanted = header
        wanted.length = length
        let growth = CleanFileHeader.pages(wanted.fileSize) - CleanFileHeader.pages(header.fileSize)
        store.withReservation(bytes: growth) {
            do throws(LocalStoreError) {
                return CleanFiles.Kept(
                    bytes: try withChangeLock { (now) throws(LocalStoreError) in
                        guard now.length < length, try index.lock(FileLock.lease, .exclusive) else { return 0 }
                        defer { index.unlock(FileLock.lease) }
                        return try grow(now, to: wanted)
                    } ?? 0
                )
            } catch {
                store.refuse(error)
                return CleanFiles.Kept(bytes: Int64(growth))
            }
        }
    }

    /// The header last: until then the file is as long as it was. The bytes that are charged for it.
    private func grow(_ old: CleanFileHeader, to new: CleanFileHeader) throws(LocalStoreError) -> Int64 {
        var freed: UInt64 = 0
        if old.length % UInt64(old.cellSize) != 0 {
            let last = old.cellCount - 1..<old.cellCount
            forget(last)
            freed = try index.forget(last, old, in: data)
        }
        try data.truncate(to: new.length)
        try index.truncate(to: new.fileSize)
        try index.write(new)
        state.withLock { $0.grow(to: new.length) }
        let growth = Int64(CleanFileHeader.pages(new.fileSize)) - Int64(CleanFileHeader.pages(old.fileSize))
        return growth - Int64(freed)
    }
}
