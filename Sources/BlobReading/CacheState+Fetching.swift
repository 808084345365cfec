internal import BlobStorage

extension CacheState {
    // MARK: Starting

    /// Starts the GET for pieces that have just been given cells, pinned once for it.
    mutating func start(
        _ version: Int32,
        piece: UInt64,
        firstCell: Int32,
        count: Int,
        purpose: Fetch.Purpose?,
        _ effects: inout CacheEffects
    ) {
        guard let length = versions[version]?.length else { return }
        for offset in 0..<count { assign(firstCell + Int32(offset), version, piece: piece + UInt64(offset)) }
        let end = min(geometry.start(ofPiece: piece + UInt64(count)), length)
        start(
            Fetch(
                version: version,
                range: geometry.start(ofPiece: piece)..<end,
                firstCell: firstCell,
                cellCount: count,
                lead: 0,
                purpose: purpose,
                file: versions[version]?.file
            ),
            &effects
        )
    }

    /// Starts the GET for the rest of a piece whose beginning is there: the blob has grown.
    mutating func startTail(_ version: Int32, _ piece: UInt64, _ cell: Int32, _ effects: inout CacheEffects) {
        guard let length = versions[version]?.length else { return }
        let valid = Int(cells[Int(cell)].valid)
        let start = geometry.start(ofPiece: piece)
        slabs.pin(cell)
        self.start(
            Fetch(
                version: version,
                range: start + UInt64(valid)..<min(start + UInt64(geometry.pieceSize), length),
                firstCell: cell,
                cellCount: 1,
                lead: valid,
                purpose: nil,
                file: versions[version]?.file
            ),
            &effects
        )
    }

    private mutating func start(_ fetch: Fetch, _ effects: inout CacheEffects) {
        guard let key = versions[fetch.version]?.key else { return }
        versions.retain(fetch.version)
        clock += 1
        if fetch.purpose != nil { statistics.readAheadBytes += UInt64(fetch.range.count) }
        var fetch = fetch
        fetch.condition = key.condition
        let id = fetches.insert(fetch)
        for cell in fetch.cells { cells[Int(cell)].fetch = id.index }
        effects.starts.append(
            .init(
                fetch: id,
                blob: key.blob,
                condition: key.condition,
                range: fetch.range,
                memoryOffset: Int(fetch.firstCell) * geometry.pieceSize + fetch.lead,
                isForeground: fetch.purpose == nil,
                // What goes on where a cell's bytes end was never saved.
                file: fetch.lead == 0 ? fetch.file : nil
            )
        )
    }

    /// The store took the GET. Says what the operation is to be told that was decided meanwhile.
    mutating func attach(
        _ operation: any ReadOperation,
        to id: SlotID,
        isForeground: Bool
    ) -> (isCancelled: Bool, isRaised: Bool) {
        statistics.requests += 1
        if !isForeground { statistics.readAheadRequests += 1 }
        return fetches.update(id) { fetch in
            fetch.operation = operation
            return (fetch.isCancelled, fetch.isRaised)
        } ?? (false, false)
    }

    /// A read waits for a fetch: it is not read-ahead any more to the store.
    mutating func raise(_ id: SlotID, _ effects: inout CacheEffects) {
        let operation = fetches.update(id) { fetch -> (any ReadOperation)? in
            guard fetch.purpose != nil, !fetch.isRaised else { return nil }
            fetch.isRaised = true
            return fetch.operation
        }
        if let operation = operation ?? nil { effects.raises.append(operation) }
    }

    // MARK: Arrival

    /// So many bytes of a fetch may be read.
    mutating func progress(_ id: SlotID, _ count: Int, _ effects: inout CacheEffects) {
        guard let fetch = fetches[id], count > fetch.filled else { return }
        fill(fetch, upTo: count)
        var satisfied: [SlotID] = []
        fetches.update(id) { fetch in
            fetch.filled = count
            fetch.waiters.removeAll { waiter in
                guard waiter.need <= count else { return false }
                satisfied.append(waiter.read)
                return true
            }
        }
        for read in satisfied { arrived(read, id, &effects) }
    }

    /// The GET has ended.
    mutating func complete(
        _ id: SlotID,
        _ result: Result<BlobReadResult, StorageError>,
        _ effects: inout CacheEffects
    ) {
        guard let fetch = fetches[id] else { return }
        end(id, checked(result, fetch), isFromDisk: false, &effects)
    }

    /// Bytes have arrived in cells that nobody knew to be this version's until now.
    mutating func arrive(_ fetch: Fetch, _ effects: inout CacheEffects) {
        for (offset, cell) in fetch.cells.enumerated() { assign(cell, fetch.version, piece: UInt64(offset)) }
        versions.retain(fetch.version)
        let id = fetches.insert(fetch)
        for cell in fetch.cells { cells[Int(cell)].fetch = id.index }
        end(id, .success(fetch.range.count), isFromDisk: false, &effects)
    }

    /// The bytes have arrived, or will not.
    mutating func end(
        _ id: SlotID,
        _ result: Result<Int, StorageError>,
        isFromDisk: Bool,
        _ effects: inout CacheEffects
    ) {
        // Out of the table first: a waiter that looks again must not join what has ended.
        guard let fetch = fetches.remove(id) else { return }
        for cell in fetch.cells { cells[Int(cell)].fetch = -1 }
        switch result {
        case .success(let count):
            fill(fetch, upTo: count)
            if isFromDisk {
                statistics.diskHits += 1
                statistics.bytesFromDisk += UInt64(count)
            } else {
                statistics.bytesFromStore += UInt64(count)
                save(fetch, &effects)
            }
            letGo(fetch)
            for waiter in fetch.waiters { arrived(waiter.read, id, &effects) }
        case .failure(let error):
            statistics.bytesFromStore += UInt64(fetch.filled)
            statistics.failedRequests += 1
            if fetch.purpose != nil { statistics.readAheadWaste += UInt64(fetch.range.count) }
            // We cancelled it, and somebody joined before it ended; or it named the ETag that these bytes had before a change
            // of metadata: he tries again. Everybody else gets the error.
            let isOutdated = error.kind == .conditionFailed && fetch.condition != versions[fetch.version]?.key.condition
            let isRetried = (isOutdated || (fetch.isCancelled && error.kind == .cancelled)) && !isShutDown
            for waiter in fetch.waiters { detach(waiter.read, cancelsUnwanted: !isRetried, &effects) }
            letGo(fetch)
            for waiter in fetch.waiters {
                if isRetried { finish(waiter.read, &effects) } else { fail(waiter.read, error, &effects) }
            }
        }
        versions.release(fetch.version)
        moveLine(&effects)
    }

    private mutating func fill(_ fetch: Fetch, upTo count: Int) {
        guard count > fetch.filled else { return }
        let size = geometry.pieceSize
        let firstChanged = (fetch.lead + fetch.filled) / size
        let lastChanged = min((fetch.lead + count - 1) / size, fetch.cellCount - 1)
        for offset in firstChanged...lastChanged {
            cells[Int(fetch.firstCell) + offset].valid = Int32(min(fetch.lead + count - offset * size, size))
        }
    }

    /// Takes the answer for what it is only if it keeps the version apart from every other.
    private func checked(
        _ result: Result<BlobReadResult, StorageError>,
        _ fetch: Fetch
    ) -> Result<Int, StorageError> {
        switch result {
        case .failure(let error): return .failure(error)
        case .success(let answer):
            if let expected = versions[fetch.version]?.key.creationTime {
                let isOther = answer.creationTime.map { $0 != expected } ?? false
                let isSuperseded = versions[fetch.version]?.isSuperseded ?? true
                if isOther || isSuperseded || answer.blobLength < fetch.range.upperBound {
                    return .failure(failure(.conditionFailed, fetch.version, "the append blob was replaced"))
                }
            }
            guard answer.byteCount == fetch.range.count else {
                let message = "\(answer.byteCount) bytes came instead of \(fetch.range.count)"
                return .failure(failure(.corrupted, fetch.version, message))
            }
            return .success(answer.byteCount)
        }
    }

    /// One of the fetches that a read waits for has brought what it needs, or has ended.
    private mutating func arrived(_ read: SlotID, _ fetch: SlotID, _ effects: inout CacheEffects) {
        let outstanding = reads.update(read) { read in
            read.fetches.removeAll { $0 == fetch }
            read.outstanding -= 1
            return read.outstanding
        }
        if outstanding == 0 { finish(read, &effects) }
    }

    /// A fetch's cells stay where they hold something, and are free otherwise.
    private mutating func letGo(_ fetch: Fetch) {
        for cell in fetch.cells {
            slabs.unpin(cell)
            guard cells[Int(cell)].valid == 0, !slabs.isPinned(cell) else { continue }
            freeCell(cell)
        }
    }

    // MARK: Cancelling

    mutating func cancelFetch(_ id: SlotID, _ effects: inout CacheEffects) {
        let operation = fetches.update(id) { fetch -> (any ReadOperation)? in
            guard !fetch.isCancelled else { return nil }
            fetch.isCancelled = true
            return fetch.operation
        }
        if let operation = operation ?? nil { effects.cancels.append(operation) }
    }

    /// Cancels read-ahead that nobody waits for, where the condition holds.
    mutating func cancelReadAhead(_ effects: inout CacheEffects, where isUnwanted: (Fetch) -> Bool) {
        for id in fetches.ids {
            guard let fetch = fetches[id], fetch.purpose != nil, fetch.waiters.isEmpty, isUnwanted(fetch) else {
                continue
            }
            cancelFetch(id, &effects)
        }
    }

    /// Ends everything: what is under way is cancelled, who waits gets `.cancelled`.
    mutating func shutDown(_ effects: inout CacheEffects) {
        isShutDown = true
        line.removeAll()
        for id in reads.ids {
            guard let version = reads[id]?.version else { continue }
            fail(id, cancelled(version), &effects)
        }
        for id in fetches.ids { cancelFetch(id, &effects) }
    }
}
