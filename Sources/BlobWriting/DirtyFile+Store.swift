internal import BlobStorage
internal import Checksums
internal import LocalStore
internal import Synchronization

/// What a commit needs from the store before it can send anything.
extension DirtyFile {
    // MARK: The base version

    /// Brings into the spool what was never local.
    func fetchBase() async throws(CommitError) {
        try await fetch(state.withLock { $0.plan.content.missing })
    }

    /// Brings ranges of the base into the spool, in pieces of 4 MiB, several at a time.
    func fetch(_ missing: [Range<UInt64>]) async throws(CommitError) {
        let (blob, base) = state.withLock { ($0.source ?? $0.blob, $0.base) }
        guard let base, !missing.isEmpty else { return }
        let pieces = missing.flatMap(Self.pieces)
        let failure = await withTaskGroup(of: CommitError?.self) { group in
            var (rest, failure) = (pieces[...], CommitError?.none)
            // As many tasks as may run: a large file must not make a task for each of its pieces.
            for _ in 0..<scheduler.configuration.fetchesInFlightMax {
                guard let piece = rest.popFirst() else { break }
                group.addTask { await self.fetch(piece, of: blob, base) }
            }
            while let result = await group.next() {
                if failure == nil { failure = result }
                guard failure == nil else {
                    group.cancelAll()
                    continue
                }
                guard let piece = rest.popFirst() else { continue }
                group.addTask { await self.fetch(piece, of: blob, base) }
            }
            return failure
        }
        if let failure { throw failure }
    }

    private static func pieces(_ range: Range<UInt64>) -> [Range<UInt64>] {
        stride(from: range.lowerBound, to: range.upperBound, by: RangeVerification.lengthMax).map { start in
            start..<min(range.upperBound, start + UInt64(RangeVerification.lengthMax))
        }
    }

    private func fetch(_ range: Range<UInt64>, of blob: BlobAddress, _ base: BlobProperties) async -> CommitError? {
        // What an append blob has it keeps, whatever is appended: its creation time tells it from another.
        let grows = base.type == .append && base.creationTime != nil
        let (configuration, spool, journal) = (scheduler.configuration, spool, journal)
        return await scheduler.fetches.withSlot {
            do throws(CommitError) {
                let bytes = FetchedBytes(count: range.count)
                let result = await scheduler.store.read(
                    range,
                    of: blob,
                    grows ? .any : .matches(base.version.etag),
                    configuration.verification,
                    into: bytes
                )
                let read = try result.mapError(CommitError.storage).get()
                guard read.byteCount == range.count else { throw .storage(.cutShort(blob, range, read.byteCount)) }
                if grows, let created = read.creationTime, created != base.creationTime {
                    throw .storage(.beganAnew(blob))
                }
                let failure = await scheduler.disk.perform {
                    let failure = spool.write(bytes.buffer, at: range.lowerBound).failure
                    // Not recorded, it would be fetched again.
                    if failure == nil { try? journal?.wrote(range) }
                    return failure
                }
                if let failure { throw .local(failure) }
                state.withLock { $0.plan.fetched(range) }
                return nil
            } catch { return error }
        }
    }

    // MARK: Leftovers

    /// Makes the service forget the uncommitted blocks under this name, by committing what is committed already; it
    /// gives the blob a new ETag and nothing else. Under a name without a blob an empty one is there for a moment.
    ///
    /// A blob that came from one Put Blob has no blocks to commit again: that would empty it, so the commit fails.
    /// It takes a blob over 5,000 MiB and leftovers of another program to get there: shorter ones need no blocks.
    func clearLeftovers(
        of blob: BlobAddress,
        _ condition: VersionCondition
    ) async throws(CommitError) -> VersionCondition {
        do throws(StorageError) {
            let store = scheduler.store
            let list = try await store.blockList(of: blob)
            guard let version = list.version else {
                let empty = try await store.putBlockList([], of: blob, headers: BlobHeaders(), condition: .absent)
                try await store.delete(blob, condition: .matches(empty.etag))
                return condition
            }
            let properties = try await store.properties(of: blob)
            guard !list.committed.isEmpty || properties.length == 0, properties.version == version else {
                throw .leftoversInTheWay(blob)
            }
            let renewed = try await store.putBlockList(
                list.committed.map { .committed($0.id) },
                of: blob,
                headers: BlobHeaders(of: properties),
                condition: .matches(version.etag)
            )
            return condition == .matches(version.etag) ? .matches(renewed.etag) : condition
        } catch { throw .storage(error) }
    }
}

extension StorageError {
    fileprivate static func cutShort(_ blob: BlobAddress, _ range: Range<UInt64>, _ count: Int) -> StorageError {
        StorageError(
            .corrupted,
            .persistent,
            operation: "Get Blob",
            resource: blob.description,
            message: "\(count) bytes came instead of \(range.count)"
        )
    }

    static func beganAnew(_ blob: BlobAddress) -> StorageError {
        StorageError(
            .conditionFailed,
            .permanent,
            operation: "Get Blob",
            resource: blob.description,
            message: "somebody made the log anew"
        )
    }

    fileprivate static func leftoversInTheWay(_ blob: BlobAddress) -> StorageError {
        StorageError(
            .conflict,
            .permanent,
            operation: "Put Block",
            resource: blob.description,
            message: "another program left uncommitted blocks under this name that ours cannot be mixed with"
        )
    }
}
