internal import BlobStorage

/// Bytes that are asked for before anybody knows of which version they will be: those that come with an open.
extension CacheState {
    /// Takes cells for them, each pinned once; `nil` if there is no memory without taking it from somebody who reads.
    mutating func takeUnplaced(_ count: Int) -> (id: SlotID, cells: Range<Int32>)? {
        guard !isShutDown, line.isEmpty, let first = takeCells(count, sparingUnread: true) else { return nil }
        statistics.requests += 1
        let cells = first..<first + Int32(count)
        return (unplaced.insert(cells), cells)
    }

    /// The bytes are the first of a version that had `length` bytes. Where some of them came by another way meanwhile,
    /// these are dropped; so they are where more of an append blob is known by now: they are from before it grew, or from
    /// after it was put anew.
    mutating func place(
        _ id: SlotID,
        of key: VersionKey,
        length: UInt64,
        byteCount: Int,
        _ effects: inout CacheEffects
    ) {
        guard let taken = unplaced[id], byteCount > 0, !isShutDown, let versionID = versions.number(of: key),
            let known = versions[versionID.index], known.length <= length
        else { return drop(id, &effects) }
        let version = versionID.index
        let pieces = geometry.pieces(of: 0..<UInt64(byteCount))
        guard pieces.count <= taken.count, pieces.allSatisfy({ cell(version, piece: $0) < 0 }) else {
            statistics.bytesFromStore += UInt64(byteCount)
            return drop(id, &effects)
        }
        unplaced.remove(id)
        let end = taken.lowerBound + Int32(pieces.count)
        for cell in end..<taken.upperBound { giveBack(cell) }
        arrive(
            Fetch(
                version: version,
                range: 0..<UInt64(byteCount),
                firstCell: taken.lowerBound,
                cellCount: pieces.count,
                lead: 0,
                purpose: nil,
                file: known.file
            ),
            &effects
        )
    }

    /// The bytes did not come, or nobody wants them.
    mutating func drop(_ id: SlotID, _ effects: inout CacheEffects) {
        guard let cells = unplaced.remove(id) else { return }
        for cell in cells { giveBack(cell) }
        moveLine(&effects)
    }

    private mutating func giveBack(_ cell: Int32) {
        slabs.unpin(cell)
        slabs.free(cell)
    }

    /// Whether any of the range's bytes are in memory, or on their way there.
    func holdsSome(_ id: SlotID, _ range: Range<UInt64>) -> Bool {
        versions.isCurrent(id) && geometry.pieces(of: range).contains { cell(id.index, piece: $0) >= 0 }
    }
}
