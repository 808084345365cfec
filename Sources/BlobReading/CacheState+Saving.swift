internal import LocalStore

/// Bytes on their way from memory to the disk.
///
/// Their cells stay pinned until they are there, so what waits is bounded: an eighth of the pool. When the disk is
/// slower than the network, the rest is not saved; nobody who reads ever waits for it.
struct Save: Sendable {
    let firstCell: Int32
    let cellCount: Int
    /// From the start of the first cell.
    let range: Range<UInt64>
    let file: AttachedFile
}

extension CacheState {
    static func savingCountMax(slabCount: Int, geometry: CacheGeometry) -> Int {
        max(slabCount / 8, 1) * geometry.piecesPerBlock
    }

    /// The store delivered these bytes: the version's file is to have them, too.
    mutating func save(_ fetch: Fetch, _ effects: inout CacheEffects) {
        guard let file = fetch.file, !isShutDown else { return }
        guard savingCount + fetch.cellCount <= savingCountMax else {
            statistics.bytesNotSaved += UInt64(fetch.range.count)
            return
        }
        savingCount += fetch.cellCount
        for cell in fetch.cells { slabs.pin(cell) }
        let save = Save(
            firstCell: fetch.firstCell,
            cellCount: fetch.cellCount,
            range: fetch.range.lowerBound - UInt64(fetch.lead)..<fetch.range.upperBound,
            file: file
        )
        effects.saves.append((saves.insert(save), save))
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
        unpin(save.firstCell..<save.firstCell + Int32(save.cellCount), &effects)
    }

    /// The version's file held a fetch's bytes, each piece with its checksum.
    mutating func filledFromDisk(_ id: SlotID, _ effects: inout CacheEffects) {
        guard let fetch = fetches[id] else { return }
        end(id, .success(fetch.range.count), isFromDisk: true, &effects)
    }
}
