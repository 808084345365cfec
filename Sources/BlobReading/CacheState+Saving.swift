internal import LocalStore

/// Bytes on their way from memory to the disk: neighbouring cells of one block of one version.
///
/// Their cells stay pinned until they are there, so only a few are under way at a time. The rest waits unpinned, in the
/// backlog: memory may take it back, and then it is not saved. Nobody who reads ever waits for the disk.
struct Save: Sendable {
    let version: Int32
    let firstCell: Int32
    let cellCount: Int
    /// From the start of the first cell.
    let range: Range<UInt64>
    /// Of the version, in bytes.
    let length: UInt64
    let file: AttachedFile

    var cells: Range<Int32> { firstCell..<firstCell + Int32(cellCount) }
}

extension CacheState {
    /// Enough that the threads never wait for the next one: four blocks, but an eighth of the pool at most.
    static func savingCountMax(slabCount: Int, geometry: CacheGeometry) -> Int {
        min(max(slabCount / 8, 1), 4) * geometry.piecesPerBlock
    }

    /// The store delivered these bytes: the version's file is to have them, too.
    mutating func save(_ fetch: Fetch, _ effects: inout CacheEffects) {
        guard let version = versions[fetch.version], let file = version.file ?? fetch.file,
            !version.isSuperseded, !isShutDown
        else { return }
        var count = 0
        for cell in fetch.cells where cells[Int(cell)].valid > 0 && slabs.markUnsaved(cell) { count += 1 }
        versions.addUnsaved(fetch.version, count, file)
        if slabs.backlog.cellCount > lateCount { versions.noteLate(fetch.version) }
        startSaves(&effects)
    }

    /// Begins what there is room for, what lies longest first.
    private mutating func startSaves(_ effects: inout CacheEffects) {
        while !isShutDown, savingCount < savingCountMax, let save = nextSave() {
            for cell in save.cells {
                _ = slabs.clearUnsaved(cell)
                slabs.pin(cell)
            }
            savingCount += save.cellCount
            effects.saves.append((saves.insert(save), save))
        }
    }

    /// The longest run that begins with the first unsaved cell of the slab whose turn it is.
    private mutating func nextSave() -> Save? {
        while let slab = slabs.backlog.oldest {
            var unsaved = CellSet(
                first: slab * Int32(geometry.piecesPerBlock),
                bits: slabs.backlog.cells(in: slab)
            )
            guard let first = unsaved.next() else { return nil }
            let head = cells[Int(first)]
            let number = index.version(of: head.block)
            guard let version = versions[number], let file = version.file, !version.isSuperseded else {
                // Nothing more goes into the file of a blob that began anew.
                _ = slabs.clearUnsaved(first)
                noteNotSaved(head)
                continue
            }
            var last = first
            while let next = unsaved.next(), next == last + 1, follows(cells[Int(next)], cells[Int(last)]) {
                last = next
            }
            let start = geometry.start(ofPiece: index.number(of: head.block) * UInt64(geometry.piecesPerBlock))
            let lower = start + UInt64(Int(head.slot) * geometry.pieceSize)
            let lastCell = cells[Int(last)]
            let upper = start + UInt64(Int(lastCell.slot) * geometry.pieceSize) + UInt64(lastCell.valid)
            return Save(
                version: number,
                firstCell: first,
                cellCount: Int(last - first) + 1,
                range: lower..<upper,
                length: version.length,
                file: file
            )
        }
        return nil
    }

    /// Whether a cell goes on with the bytes where another one, which is full, ends.
    private func follows(_ next: Cell, _ last: Cell) -> Bool {
        next.block == last.block && next.slot == last.slot + 1 && last.valid == geometry.pieceSize
    }

    /// The disk has them, or will not.
    mutating func saved(_ id: SlotID, isOnDisk: Bool, _ effects: inout CacheEffects) {
        guard let save = saves.remove(id) else { return }
        savingCount -= save.cellCount
        if isOnDisk {
            statistics.bytesSaved += UInt64(save.range.count)
        } else {
            statistics.bytesNotSaved += UInt64(save.range.count)
        }
        if let file = versions.removeUnsaved(save.version, save.cellCount) { released.append(file) }
        startSaves(&effects)
        unpin(save.cells, &effects)
    }

    /// What a cell held, which was not on the disk yet, will not get there.
    mutating func noteNotSaved(_ content: Cell) {
        statistics.bytesNotSaved += UInt64(content.valid)
        if let file = versions.removeUnsaved(index.version(of: content.block), 1) { released.append(file) }
    }

    /// The version's file held a fetch's bytes, each piece with its checksum.
    mutating func filledFromDisk(_ id: SlotID, _ effects: inout CacheEffects) {
        guard let fetch = fetches[id] else { return }
        end(id, .success(fetch.range.count), isFromDisk: true, &effects)
    }
}
