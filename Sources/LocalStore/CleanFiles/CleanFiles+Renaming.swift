internal import Glibc
internal import Synchronization

/// The same bytes under another key.
struct CleanFileRename: Sendable {
    let old: CleanFileKey
    var new: CleanFileKey
}

extension CleanFiles {
    /// A version got another name, or another ETag, and kept its bytes: its file follows, at once or when nobody in this
    /// process holds it any more. Not while another process does: then the bytes are fetched anew some day.
    ///
    /// Blocks for a few system calls.
    package func rename(_ old: CleanFileKey, to new: CleanFileKey) {
        guard old != new else { return }
        let name = CleanFileName(old.fileName)
        renames.withLock { renames in
            // One that is to be renamed, again.
            if let earlier = renames.first(where: { $0.value.new == old }) {
                renames[earlier.key]?.new = new
            } else {
                renames[name] = CleanFileRename(old: old, new: new)
            }
        }
        carryOutRename(of: name)
    }

    /// Whether it should not be held any longer than it is needed.
    package func isToBeRenamed(_ file: CleanFile) -> Bool { renames.withLock { $0[file.name]?.old == file.key } }

    func carryOutRename(of name: CleanFileName) {
        guard attachedFile(name) == nil, let rename = renames.withLock({ $0.removeValue(forKey: name) }),
            (try? usage.beginChange()) == true
        else { return }
        defer { usage.endChange() }
        do throws(LocalStoreError) { try carryOut(rename, name) } catch { refuse(error) }
    }

    /// Killed in between, it leaves an index without a header, or one without data: no version.
    private func carryOut(_ rename: CleanFileRename, _ name: CleanFileName) throws(LocalStoreError) {
        let newName = CleanFileName(rename.new.fileName)
        guard let index = try folder.open(name.path(.index)), try index.lock(FileLock.change, .exclusive),
            try index.lock(FileLock.lease, .exclusive), try index.lock(FileLock.attached, .exclusive),
            try index.status().links > 0, let header = try Self.header(index), header.key == rename.old,
            try folder.status(name.path(.data))?.size == header.length
        else { return }
        let renamed = CleanFileHeader(key: rename.new, cellSize: header.cellSize, length: header.length)
        guard renamed.size <= CleanFileHeader.sizeMax, try folder.status(newName.path(.index)) == nil else { return }
        let map = try Self.cells(index, header)
        let made = try folder.create(newName, .index)
        guard try made.lock(FileLock.attached, .exclusive), try made.lock(FileLock.change, .exclusive),
            try made.status().links > 0, try made.status().size == 0
        else { return }
        try folder.rename(name.path(.data), to: newName.path(.data))
        try made.truncate(to: renamed.fileSize)
        try copyEntries(of: header, from: index, to: made, renamed)
        try made.write(renamed)
        try folder.remove(name.path(.index))
        try charge(renamed, insteadOf: header)
        let blockSize = UInt64(CellMap.cellsPerBlock * header.cellSize)
        policy.withLock { policy in
            for block in 0..<(map.cellCount + CellMap.cellsPerBlock - 1) / CellMap.cellsPerBlock {
                guard map.presentCount(inBlock: block) > 0 else { continue }
                policy.forget(EvictionPolicy.BlockID(file: name.number, number: UInt32(block)))
                let bytes = min(blockSize, UInt64(map.presentCount(inBlock: block) * header.cellSize))
                policy.found(EvictionPolicy.BlockID(file: newName.number, number: UInt32(block)), bytes: bytes)
            }
        }
    }

    private func copyEntries(
        of header: CleanFileHeader,
        from index: OpenFile,
        to made: OpenFile,
        _ renamed: CleanFileHeader
    ) throws(LocalStoreError) {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 8)
        defer { buffer.deallocate() }
        var cell = 0
        while cell < header.cellCount {
            let part = UnsafeMutableRawBufferPointer(rebasing: buffer[..<min(1 << 16, (header.cellCount - cell) * 8)])
            let count = try index.read(into: part, at: header.entryOffset(cell))
            // What an index lacks at its end are cells that are not there.
            guard count > 0 else { return }
            try made.write(UnsafeRawBufferPointer(rebasing: part[..<count]), at: renamed.entryOffset(cell))
            cell += count / 8
            guard count == part.count else { return }
        }
    }

    private func charge(_ new: CleanFileHeader, insteadOf old: CleanFileHeader) throws(LocalStoreError) {
        let (less, more) = (Self.overhead(indexSize: old.fileSize), Self.overhead(indexSize: new.fileSize))
        if more > less {
            // A page, for a longer name: the next save makes room for it.
            _ = try usage.add(bytes: more - less, capacity: .max)
        } else if less > more {
            try usage.remove(bytes: less - more)
        }
    }
}
