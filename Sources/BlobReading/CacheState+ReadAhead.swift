extension CacheState {
    // MARK: Fetching ahead

    /// Starts what is missing of these ranges, for as long as there is memory for it. Gives the place where it had to
    /// stop, or `nil`.
    mutating func fetchAhead(
        _ id: SlotID,
        _ ranges: [Range<UInt64>],
        for purpose: Fetch.Purpose,
        _ effects: inout CacheEffects
    ) -> UInt64? {
        guard !isShutDown, versions.isCurrent(id), !ranges.isEmpty else { return nil }
        let version = id.index
        streams.note(purpose.stream, now: clock)
        for range in ranges {
            var missing = 0
            let pieces = geometry.pieces(of: range)
            for piece in pieces.lowerBound...pieces.upperBound {
                if piece < pieces.upperBound, cell(version, piece: piece) < 0 {
                    missing += 1
                    continue
                }
                guard missing > 0 else { continue }
                let first = piece - UInt64(missing)
                guard startAhead(version, first, missing, purpose, &effects) else {
                    return geometry.start(ofPiece: first)
                }
                missing = 0
            }
        }
        return nil
    }

    private mutating func startAhead(
        _ version: Int32,
        _ piece: UInt64,
        _ count: Int,
        _ purpose: Fetch.Purpose,
        _ effects: inout CacheEffects
    ) -> Bool {
        guard line.isEmpty else { return false }
        if slabs.unreadCount + count > unreadCountMax { dropForgotten() }
        guard slabs.unreadCount + count <= unreadCountMax,
            let cell = takeCells(count, sparingUnread: true)
        else { return false }
        for offset in 0..<count { slabs.markUnread(cell + Int32(offset)) }
        filledAt[slabs.slab(of: cell)] = clock
        start(version, piece: piece, firstCell: cell, count: count, purpose: purpose, &effects)
        return true
    }

    /// GETs after which bytes that were fetched ahead count as forgotten: their reader stalls, or went elsewhere.
    private static let forgottenAfter: UInt64 = 256

    private mutating func dropForgotten() {
        guard let slab = slabs.oldestUnread, clock - filledAt[Int(slab)] > Self.forgottenAfter else { return }
        evict(slab)
    }

    /// Whether bytes of the range that were asked for ahead of the reader are gone again: the window is too wide for the
    /// memory that there is.
    func hasLost(_ id: SlotID, _ range: Range<UInt64>) -> Bool {
        versions.isCurrent(id) && geometry.pieces(of: range).contains { cell(id.index, piece: $0) < 0 }
    }

    // MARK: Giving up

    /// Nobody follows these runs any more.
    mutating func abandon(_ stream: UInt64, runs: [UInt32], _ effects: inout CacheEffects) {
        guard !runs.isEmpty else { return }
        cancelReadAhead(&effects) { fetch in
            fetch.purpose?.stream == stream && runs.contains(fetch.purpose?.run ?? 0)
        }
    }

    /// The handle is closed.
    mutating func end(stream: UInt64, _ effects: inout CacheEffects) {
        streams.remove(stream)
        cancelReadAhead(&effects) { $0.purpose?.stream == stream }
    }

    /// A reader is closed; after a version's last one its blocks are plain cache, and nothing is fetched ahead.
    mutating func close(_ id: SlotID, _ effects: inout CacheEffects) {
        guard versions.isCurrent(id) else { return }
        if versions[id.index]?.readerCount == 1 {
            cancelReadAhead(&effects) { $0.version == id.index }
            forgetUnread(id.index)
            // An open file each is too much for versions that only have blocks here; it stays for what is to be saved.
            if let file = versions.detachFile(id) { released.append(file) }
        }
        versions.close(id.index)
    }

    private mutating func forgetUnread(_ version: Int32) {
        guard slabs.unreadCount > 0 else { return }
        for cell in cells.indices where cells[cell].block >= 0 && cells[cell].fetch < 0 {
            guard index.version(of: cells[cell].block) == version else { continue }
            if slabs.clearUnread(Int32(cell)) { statistics.readAheadWaste += UInt64(geometry.pieceSize) }
        }
    }
}

extension CacheState {
    // MARK: Plans

    /// Does what a stream's plan says. Gives the place where memory was short, or `nil`.
    mutating func follow(
        _ id: SlotID,
        _ plan: ReadAhead.Plan,
        _ stream: UInt64,
        _ effects: inout CacheEffects
    ) -> UInt64? {
        abandon(stream, runs: plan.abandoned, &effects)
        return fetchAhead(id, plan.ranges, for: Fetch.Purpose(stream: stream, run: plan.run), &effects)
    }

    /// Notes a read outside of any stream, before it is begun. Gives the block to fetch whole, if such reads gather
    /// there.
    mutating func hotBlock(_ id: SlotID, _ range: Range<UInt64>, length: UInt64) -> Range<UInt64>? {
        let blockSize = UInt64(geometry.blockSize)
        let block = range.lowerBound / blockSize
        guard hasLost(id, range), versions.noteMiss(id, block: block) else { return nil }
        return block * blockSize..<min((block + 1) * blockSize, length)
    }

    /// Fetches a block because reads of any handle gather in it.
    mutating func promote(_ id: SlotID, _ block: Range<UInt64>, _ effects: inout CacheEffects) {
        // The stream 0 is nobody's: no handle's end cancels it.
        _ = fetchAhead(id, [block], for: Fetch.Purpose(stream: 0, run: 0), &effects)
    }
}
