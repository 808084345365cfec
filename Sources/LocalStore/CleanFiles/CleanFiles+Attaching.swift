internal import Glibc

/// How a version's two files are opened and made.
///
/// The locks of an index file, by byte. An attached file has the shared one of `attached`, so that nobody takes it away
/// from under it; who changes entries or length has `change`; a lease has `lease` shared, and eviction needs it alone.
enum FileLock {
    static let change = 0
    static let attached = 1
    static let lease = 2
}

extension CleanFiles {
    /// Opens the files of a version, or, if `isMade`, makes them; `nil` when they are somebody else's (the names
    /// collide), or no room could be made.
    func attach(
        _ name: CleanFileName,
        _ wanted: CleanFileHeader,
        isMade: Bool
    ) throws(LocalStoreError) -> CleanFile? {
        // A file may be evicted between its opening and the lock.
        for _ in 0..<3 {
            guard let index = try folder.open(name.path(.index)) else {
                guard isMade else { return nil }
                if let file = try make(name, wanted) { return file }
                continue
            }
            guard try index.lockSoon(FileLock.attached, .shared) else { continue }
            let status = try index.status()
            guard status.links > 0 else { continue }
            switch try open(name, index, status, wanted.key) {
            case .opened(let file): return file
            case .foreign: return nil
            case .broken:
                index.unlock(FileLock.attached)
                return isMade ? try make(name, wanted) : nil
            }
        }
        return nil
    }

    private enum Opening {
        case opened(CleanFile)
        /// A whole file, of another key or cell size.
        case foreign
        case broken
    }

    private func open(
        _ name: CleanFileName,
        _ index: OpenFile,
        _ status: FileStatus,
        _ key: CleanFileKey
    ) throws(LocalStoreError) -> Opening {
        guard let data = try folder.open(name.path(.data)) else { return .broken }
        // Without the lock first: only somebody who changes the length right now makes that fail.
        if let opening = try look(name, index, status, data, key) { return opening }
        guard try index.lockSoon(FileLock.change, .exclusive) else { return .foreign }
        defer { index.unlock(FileLock.change) }
        if let opening = try look(name, index, status, data, key) { return opening }
        // Killed between the two steps of growing.
        if let header = try Self.header(index), try data.status().size > header.length {
            try data.truncate(to: header.length)
            if let opening = try look(name, index, status, data, key) { return opening }
        }
        return .broken
    }

    /// `nil` when header and size do not fit each other.
    private func look(
        _ name: CleanFileName,
        _ index: OpenFile,
        _ status: FileStatus,
        _ data: OpenFile,
        _ key: CleanFileKey
    ) throws(LocalStoreError) -> Opening? {
        guard let header = try Self.header(index), try data.status().size == header.length else { return nil }
        guard header.key == key, header.cellSize == configuration.cellSize else { return .foreign }
        let map = try Self.cells(index, header)
        let touched = status.modifiedSeconds
        return .opened(CleanFile(self, name, header, map, index: index, data: data, touched: touched))
    }

    /// Makes the files of a version, or makes them anew. The header comes last: without it they are not there.
    private func make(_ name: CleanFileName, _ header: CleanFileHeader) throws(LocalStoreError) -> CleanFile? {
        var result: Result<CleanFile?, LocalStoreError> = .success(nil)
        let charge = Self.overhead(indexSize: header.fileSize)
        withReservation(bytes: charge, files: 1) {
            do throws(LocalStoreError) {
                let file = try write(name, header)
                result = .success(file)
                return file == nil ? Kept(bytes: 0, files: 0) : Kept(bytes: Int64(charge), files: 1)
            } catch {
                result = .failure(error)
                // What was made, if anything, is counted, and found when the directory is looked through.
                return Kept(bytes: Int64(charge), files: 1)
            }
        }
        return try result.get()
    }

    /// `nil` when others were faster, or hold what is broken.
    private func write(_ name: CleanFileName, _ header: CleanFileHeader) throws(LocalStoreError) -> CleanFile? {
        let index = try folder.create(name, .index)
        guard try index.lockSoon(FileLock.attached, .shared), try index.lockSoon(FileLock.change, .exclusive) else {
            return nil
        }
        defer { index.unlock(FileLock.change) }
        let status = try index.status()
        guard status.links > 0 else { return nil }
        if status.size > 0 {
            if let found = try Self.header(index), try folder.status(name.path(.data))?.size == found.length {
                return nil
            }
            // Somebody may have opened it while it was whole.
            guard try index.lock(FileLock.attached, .exclusive) else { return nil }
            try index.truncate(to: 0)
            guard try index.lock(FileLock.attached, .shared) else { return nil }
        }
        let data = try folder.create(name, .data)
        if status.size > 0 { try data.truncate(to: 0) }
        try data.truncate(to: header.length)
        try index.truncate(to: header.fileSize)
        try index.write(header)
        let map = CellMap(cellCount: header.cellCount)
        return CleanFile(self, name, header, map, index: index, data: data, touched: time(nil))
    }

    // MARK: What index files hold

    /// Bytes that a version is charged beside its data: its index, and 4 KiB for inodes, names and extents.
    static func overhead(indexSize: UInt64) -> UInt64 { CleanFileHeader.pages(indexSize) + 4_096 }

    static func header(_ index: OpenFile) throws(LocalStoreError) -> CleanFileHeader? {
        var size = 1_024
        while true {
            let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 8)
            defer { buffer.deallocate() }
            let count = try index.read(into: buffer, at: 0)
            let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<count])
            if let header = CleanFileHeader(bytes) { return header }
            guard count == size, size < CleanFileHeader.sizeMax else { return nil }
            let needed = CleanFileHeader.size(beginningOf: bytes)
            guard needed > size, needed <= CleanFileHeader.sizeMax else { return nil }
            size = CleanFileHeader.sizeMax
        }
    }

    /// Which cells have a checksum.
    static func cells(_ index: OpenFile, _ header: CleanFileHeader) throws(LocalStoreError) -> CellMap {
        var map = CellMap(cellCount: header.cellCount)
        let perRead = 8_192
        let entries = UnsafeMutableBufferPointer<UInt64>.allocate(capacity: min(perRead, max(map.cellCount, 1)))
        defer { entries.deallocate() }
        var first = 0
        while first < map.cellCount {
            let count = min(perRead, map.cellCount - first)
            let bytes = UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(entries)[..<(count * 8)])
            let read = try index.read(into: bytes, at: header.entryOffset(first)) / 8
            for cell in 0..<read where entries[cell] != 0 {
                map.insert((first + cell)..<(first + cell + 1), verified: false)
            }
            if read < count { break }
            first += count
        }
        return map
    }
}

extension OpenFile {
    func write(_ header: CleanFileHeader) throws(LocalStoreError) {
        let bytes = header.encoded()
        let result = bytes.withUnsafeBytes { bytes in
            Result { () throws(LocalStoreError) in try write(bytes, at: 0) }
        }
        try result.get()
    }
}
