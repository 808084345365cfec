internal import BlobStorage
internal import DequeModule

extension CacheState {
    // MARK: Hits

    /// Pins the cells that hold the range, if all of it is there, and notes that they are being read. Allocates nothing.
    mutating func pinPresent(
        _ id: SlotID,
        _ range: Range<UInt64>,
        into pinned: UnsafeMutableBufferPointer<Int32>
    ) -> Bool {
        guard versions.isCurrent(id) else { return false }
        let version = id.index
        var count = 0
        var block: Int32 = -1
        var blockNumber = UInt64.max
        for piece in geometry.pieces(of: range) {
            let number = geometry.blockNumber(ofPiece: piece)
            if number != blockNumber {
                block = index.block(version, number)
                blockNumber = number
            }
            let cell = index.cell(block, geometry.slot(ofPiece: piece))
            guard cell >= 0, isFilled(cell, piece, upTo: range.upperBound) else { return false }
            pinned[count] = cell
            count += 1
        }
        for cell in pinned[..<count] {
            slabs.pin(cell)
            slabs.touch(cell)
        }
        statistics.hits += 1
        statistics.bytesServed += UInt64(range.count)
        return true
    }

    func isFilled(_ cell: Int32, _ piece: UInt64, upTo end: UInt64) -> Bool {
        Int(cells[Int(cell)].valid) >= geometry.need(ofPiece: piece, upTo: end)
    }

    /// The bytes of these cells were handed over.
    mutating func unpin(_ pinned: some Sequence<Int32>, _ effects: inout CacheEffects) {
        for cell in pinned { slabs.unpin(cell) }
        moveLine(&effects)
    }

    // MARK: Misses

    /// Starts or joins what a read is missing; the read is answered when all of it is there. `nil` when it is answered
    /// already, through `effects`.
    mutating func read(
        _ id: SlotID,
        _ range: Range<UInt64>,
        _ completion: @escaping ReadCompletion,
        _ effects: inout CacheEffects
    ) -> SlotID? {
        let read = WaitingRead(version: id.index, range: range, completion: completion)
        guard !isShutDown, versions.isCurrent(id) else {
            effects.failed.append(.init(completion: read.completion, error: cancelled(read.version)))
            return nil
        }
        guard read.range.count <= readCountMax else {
            let error = failure(
                .tooLarge,
                read.version,
                "a read of \(read.range.count) bytes exceeds the memory for it"
            )
            effects.failed.append(.init(completion: read.completion, error: error))
            return nil
        }
        statistics.misses += 1
        versions.retain(read.version)
        let id = reads.insert(read)
        // Whoever waits in line was here first.
        if !line.isEmpty || !attempt(id, &effects) { enqueue(id, atFront: false, &effects) }
        return reads[id] == nil ? nil : id
    }

    /// The reader does not want to wait any more.
    mutating func cancelRead(_ id: SlotID, _ effects: inout CacheEffects) {
        guard let read = reads[id] else { return }
        line.removeAll { $0 == id }
        detach(id, &effects)
        effects.failed.append(.init(completion: read.completion, error: cancelled(read.version)))
        end(id)
        moveLine(&effects)
    }

    /// Lets reads go on that wait for memory, in their order.
    mutating func moveLine(_ effects: inout CacheEffects) {
        while let id = line.first {
            guard attempt(id, &effects) else { return }
            line.removeFirst()
        }
    }

    private mutating func enqueue(_ id: SlotID, atFront: Bool, _ effects: inout CacheEffects) {
        if atFront { line.prepend(id) } else { line.append(id) }
        statistics.queuedReadsEver += 1
        // Somebody waits for memory: nobody fetches on suspicion.
        cancelReadAhead(&effects) { _ in true }
    }

    // MARK: Planning

    /// Pieces that a read needs and nobody is fetching.
    private struct Gap {
        let piece: UInt64
        var count: Int
        /// The cell that holds the piece's beginning, if there is one.
        var partial: Int32 = -1
    }

    /// Cells taken for a gap, or a part of it.
    private struct Run {
        let piece: UInt64
        let cell: Int32
        let count: Int
    }

    /// Pins what is there, joins what is under way, starts what is missing: all of it, or nothing of it and `false`.
    private mutating func attempt(_ id: SlotID, _ effects: inout CacheEffects) -> Bool {
        guard let read = reads[id] else { return true }
        let pieces = geometry.pieces(of: read.range)
        var pinned: [Int32] = []
        pinned.reserveCapacity(pieces.count)
        var gaps: [Gap] = []
        for piece in pieces {
            let cell = cell(read.version, piece: piece)
            if cell >= 0 {
                slabs.pin(cell)
                pinned.append(cell)
                let isUnderWay = cells[Int(cell)].fetch >= 0 || isFilled(cell, piece, upTo: read.range.upperBound)
                if !isUnderWay { gaps.append(Gap(piece: piece, count: 1, partial: cell)) }
            } else {
                extend(&gaps, with: piece)
            }
        }
        widenIfSmall(&gaps, read.version)
        var runs: [Run] = []
        for gap in gaps where gap.partial < 0 {
            guard takeRuns(gap.piece, gap.count, into: &runs) else {
                for run in runs { giveBack(run) }
                for cell in pinned { slabs.unpin(cell) }
                return false
            }
        }
        for run in runs {
            start(read.version, piece: run.piece, firstCell: run.cell, count: run.count, purpose: nil, &effects)
            for offset in 0..<run.count where pieces.contains(run.piece + UInt64(offset)) {
                let cell = run.cell + Int32(offset)
                slabs.pin(cell)
                pinned.append(cell)
            }
        }
        for gap in gaps where gap.partial >= 0 { startTail(read.version, gap.piece, gap.partial, &effects) }
        join(id, pieces, pinned, &effects)
        return true
    }

    private func extend(_ gaps: inout [Gap], with piece: UInt64) {
        let isNext = gaps.last.map { gap in
            gap.partial < 0 && gap.piece + UInt64(gap.count) == piece && geometry.slot(ofPiece: piece) != 0
        }
        if isNext == true { gaps[gaps.count - 1].count += 1 } else { gaps.append(Gap(piece: piece, count: 1)) }
    }

    /// A blob of a few pieces comes whole: one request for a small file, not one for each piece of it.
    private func widenIfSmall(_ gaps: inout [Gap], _ version: Int32) {
        guard gaps.count == 1, gaps[0].partial < 0, let length = versions[version]?.length else { return }
        let all = geometry.pieces(of: 0..<length)
        guard all.count <= geometry.smallBlobPieces else { return }
        guard all.allSatisfy({ cell(version, piece: $0) < 0 }) else { return }
        gaps[0] = Gap(piece: 0, count: all.count)
    }

    /// Takes cells for a gap: in one run if there is such a run, else in several.
    private mutating func takeRuns(_ piece: UInt64, _ count: Int, into runs: inout [Run]) -> Bool {
        if let cell = takeCells(count, sparingUnread: false) {
            runs.append(Run(piece: piece, cell: cell, count: count))
            return true
        }
        guard count > 1 else { return false }
        let half = count / 2
        return takeRuns(piece, half, into: &runs) && takeRuns(piece + UInt64(half), count - half, into: &runs)
    }

    private mutating func giveBack(_ run: Run) {
        for cell in run.cell..<run.cell + Int32(run.count) {
            slabs.unpin(cell)
            slabs.free(cell)
        }
    }

    /// Makes the read wait for every fetch that fills one of its cells; without any it is answered.
    private mutating func join(
        _ id: SlotID,
        _ pieces: Range<UInt64>,
        _ pinned: [Int32],
        _ effects: inout CacheEffects
    ) {
        guard var read = reads[id] else { return }
        read.cells = pinned
        read.fetches = []
        for piece in pieces {
            let cell = cell(read.version, piece: piece)
            guard !isFilled(cell, piece, upTo: read.range.upperBound) else { continue }
            let fetchID = fetches.id(at: cells[Int(cell)].fetch)
            guard read.fetches.last != fetchID else { continue }
            fetches.update(fetchID) { fetch in
                let need = Int(min(read.range.upperBound, fetch.range.upperBound) - fetch.range.lowerBound)
                fetch.waiters.append(.init(read: id, need: need))
            }
            raise(fetchID, &effects)
            read.fetches.append(fetchID)
        }
        read.outstanding = read.fetches.count
        reads[id] = read
        if read.outstanding == 0 { finish(id, &effects) }
    }

    // MARK: Ends

    /// What the read waited for has ended: it is answered, or tries again (the fetch that it had joined was being
    /// cancelled, or was from before the blob grew).
    mutating func finish(_ id: SlotID, _ effects: inout CacheEffects) {
        guard let read = reads[id] else { return }
        let pieces = geometry.pieces(of: read.range)
        var ordered: [Int32] = []
        ordered.reserveCapacity(pieces.count)
        for piece in pieces {
            let cell = cell(read.version, piece: piece)
            guard cell >= 0, isFilled(cell, piece, upTo: read.range.upperBound) else {
                detach(id, &effects)
                if !attempt(id, &effects) { enqueue(id, atFront: true, &effects) }
                return
            }
            ordered.append(cell)
        }
        for cell in ordered { slabs.touch(cell) }
        statistics.bytesServed += UInt64(read.range.count)
        effects.ready.append(.init(cells: ordered, range: read.range, completion: read.completion))
        end(id)
    }

    /// The read fails, and takes nothing else with it.
    mutating func fail(_ id: SlotID, _ error: StorageError, _ effects: inout CacheEffects) {
        guard let read = reads[id] else { return }
        detach(id, &effects)
        effects.failed.append(.init(completion: read.completion, error: error))
        end(id)
    }

    /// Takes the read out of everything that it waits for, and lets go of its cells. A fetch that nobody wants any more
    /// may be cancelled, unless it is read-ahead.
    mutating func detach(_ id: SlotID, cancelsUnwanted: Bool = true, _ effects: inout CacheEffects) {
        guard let read = reads[id] else { return }
        reads.update(id) { read in
            read.cells = []
            read.fetches = []
            read.outstanding = 0
        }
        for cell in read.cells { slabs.unpin(cell) }
        for fetchID in read.fetches {
            let isUnwanted = fetches.update(fetchID) { fetch in
                fetch.waiters.removeAll { $0.read == id }
                return fetch.waiters.isEmpty && fetch.purpose == nil
            }
            if cancelsUnwanted, isUnwanted == true { cancelFetch(fetchID, &effects) }
        }
    }

    private mutating func end(_ id: SlotID) {
        guard let read = reads.remove(id) else { return }
        versions.release(read.version)
    }

    // MARK: Errors

    func cancelled(_ version: Int32) -> StorageError { failure(.cancelled, version, "the read was cancelled") }

    func failure(_ kind: StorageError.Kind, _ version: Int32, _ message: String) -> StorageError {
        StorageError(
            kind,
            .permanent,
            operation: "Get Blob",
            resource: versions[version]?.key.blob.description ?? "",
            message: message
        )
    }
}
