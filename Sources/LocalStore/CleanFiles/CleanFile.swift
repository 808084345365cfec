internal import Glibc
internal import Synchronization

/// One version of a blob in the disk cache; attached while somebody holds it. Any thread.
package final class CleanFile: Sendable {
    /// Guarded by one lock, never over a system call that can wait.
    struct State: Sendable {
        /// As it is on disk, as far as is known.
        var header: CleanFileHeader
        /// The file's length, which may be ahead of the header's where the disk refuses.
        var length: UInt64
        var map: CellMap
        /// Somebody removed the files by hand: nothing is saved any more.
        var isGone = false
        var lastBlock = -1
        /// When the index file was last changed or touched, as far as is known: seconds of the epoch.
        var lastTouch: Int
    }

    package let key: CleanFileKey
    let store: CleanFiles
    let name: CleanFileName
    let index: OpenFile
    let data: OpenFile
    let state: Mutex<State>
    let direct = Mutex(DirectFile.unopened)
    let directBytes = Atomic<UInt64>(0)
    /// Threads share `index`'s lock of changes. Held over system calls.
    private let change = Mutex(())

    /// `index` has the shared lock of attached files.
    init(
        _ store: CleanFiles,
        _ name: CleanFileName,
        _ header: CleanFileHeader,
        _ map: CellMap,
        index: OpenFile,
        data: OpenFile,
        touched: Int
    ) {
        self.store = store
        self.name = name
        self.index = index
        self.data = data
        key = header.key
        state = Mutex(State(header: header, length: header.length, map: map, lastTouch: touched))
    }

    /// A version that holds nothing is not left lying about.
    deinit {
        let isEmpty = state.withLock { $0.map.presentCount == 0 }
        store.threads.run { [store, name, index, data] in
            store.detached(name)
            index.unlock(FileLock.attached)
            if isEmpty { store.removeIfEmpty(name) }
            store.carryOutRename(of: name)
            withExtendedLifetime(data) {}
        }
    }

    /// Bytes. Grows for append blobs, never shrinks.
    package var length: UInt64 { state.withLock { $0.length } }

    /// Every cell is there, as far as is known.
    package var isComplete: Bool { state.withLock { $0.isComplete } }

    /// Whether all cells that the range touches are there, as far as is known without waiting: what another process
    /// evicted since then, a read will miss. Never blocks: for any thread, under a lock too.
    package func holds(_ range: Range<UInt64>) -> Bool {
        let (header, cells, isThere) = state.withLock { state in
            let cells = state.header.cells(of: range)
            return (state.header, cells, range.upperBound <= state.length && state.map.contains(cells))
        }
        if isThere { return true }
        // Another process may have saved them: one look into the page cache (0.5 µs), before a request to the store.
        guard range.upperBound <= header.length, cells.count <= CellMap.cellsPerBlock else { return false }
        var entries = [64 of UInt64](repeating: 0)
        let isRead = withUnsafeMutableBytes(of: &entries) { bytes in
            let bytes = UnsafeMutableRawBufferPointer(rebasing: bytes[..<(cells.count * 8)])
            return index.readAtOnce(into: bytes, at: header.entryOffset(cells.lowerBound))
        }
        guard isRead else { return false }
        for number in 0..<cells.count where entries[number] == 0 { return false }
        state.withLock { $0.map.insert(cells, verified: false) }
        return true
    }

    /// Checks every cell that this process has neither saved nor checked yet: whether all are there and right. Blocks,
    /// for as long as reading the file takes.
    package func verify() -> Bool {
        let size = 4 * store.configuration.cellSize
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 4_096)
        defer { buffer.deallocate() }
        var cell = 0
        while true {
            let (header, next) = state.withLock { ($0.header, $0.map.firstUnverified(from: cell)) }
            guard let next else { return state.withLock { $0.isComplete && $0.map.isVerified } }
            let start = header.bytes(of: next).lowerBound
            let count = min(size, Int(header.length - start))
            guard readVerified(UnsafeMutableRawBufferPointer(rebasing: buffer[..<count]), start) else { return false }
            cell = next + 1
        }
    }

    /// The complete, verified file for reading, protected from eviction and growth while the lease lives; `nil` when
    /// it is not complete, or `verify` has not been there. Blocks for a moment.
    package func lease() -> CleanFileLease? {
        let (header, isWhole) = state.withLock { ($0.header, $0.isComplete && $0.map.isVerified && !$0.isGone) }
        guard isWhole else { return nil }
        do throws(LocalStoreError) {
            // Descriptions of its own: the lock and the descriptor live as long as the lease.
            guard let index = try store.folder.open(name.path(.index), writing: false),
                let data = try store.folder.open(name.path(.data), writing: false),
                try index.status().inode == self.index.status().inode,
                try data.status().inode == self.data.status().inode,
                try index.lock(FileLock.lease, .shared)
            else { return nil }
            // Since the check another process may have evicted something; from now on it cannot.
            guard let now = try CleanFiles.header(index), now == header, try data.status().size == header.length,
                try CleanFiles.cells(index, header).isComplete
            else { return nil }
            return CleanFileLease(
                index: index,
                data: data,
                length: header.length,
                isPastPageCache: isPastPageCache
            )
        } catch {
            return nil
        }
    }

    // MARK: Changes

    /// Runs `body` while nobody else changes the file; `nil` when somebody does for long, or the file is gone.
    func withChangeLock<Value>(
        _ body: (CleanFileHeader) throws(LocalStoreError) -> Value
    ) throws(LocalStoreError) -> Value? {
        try change.withLock { _ throws(LocalStoreError) in
            guard try index.lockSoon(FileLock.change, .exclusive) else { return nil }
            defer { index.unlock(FileLock.change) }
            guard try index.status().links > 0 else {
                state.withLock { $0.isGone = true }
                return nil
            }
            return try body(try currentHeader())
        }
    }

    /// The header, with the length that another process may have given it. Needs the lock of changes.
    private func currentHeader() throws(LocalStoreError) -> CleanFileHeader {
        var length: UInt64 = 0
        let count = try withUnsafeMutableBytes(of: &length) { (bytes) throws(LocalStoreError) in
            try index.read(into: bytes, at: CleanFileHeader.lengthOffset)
        }
        return state.withLock { state in
            if count == 8 { state.grow(to: UInt64(littleEndian: length)) }
            return state.header
        }
    }

    /// They are not there any more.
    func forget(_ cells: Range<Int>) { state.withLock { $0.map.remove(cells) } }
}

extension CleanFile.State {
    var isComplete: Bool { length == header.length && map.isComplete }

    /// The file on disk is longer. What was a short last cell is not there any more, since its checksum was of less.
    mutating func grow(to length: UInt64) {
        guard length > header.length else { return }
        if header.length % UInt64(header.cellSize) != 0 { map.remove(map.cellCount - 1..<map.cellCount) }
        header.length = length
        self.length = max(self.length, length)
        map.grow(to: header.cellCount)
    }
}
