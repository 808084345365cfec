internal import BlobStorage
internal import Glibc
internal import LocalStore
internal import Logging
internal import Synchronization

/// Commits of logs: what was written since the last one is appended to the blob.
///
/// Only what is sent is frozen; who writes behind it does not wait. Each append names its place, so that none is applied
/// twice; one that is refused because others appended goes behind theirs.
extension DirtyFile {
    /// A log that many mounts append to at once moves on with each refusal, of somebody's append.
    private static let refusalCountMax = 200

    /// `nil` when the file is no log, or no more: then it is committed like others.
    func commitLog(_ round: CommitRound, _ blob: BlobAddress) async throws(CommitError) -> CommittedFile? {
        guard isLog else { return nil }
        await wait { $0.isQuiet }
        let waiters = state.withLock { $0.freezeLog() }
        for waiter in waiters { waiter.resume() }
        defer { state.withLock { $0.log?.frozenEnd = nil } }
        // Else what waits would land in the middle of what goes up again.
        if state.withLock({ $0.log?.compactor != nil }) { try await compact(blob) }
        var (limit, isHeld, refusals) = (state.withLock { $0.log?.frozenEnd ?? 0 }, false, 0)
        while true {
            guard !Task.isCancelled else { throw .cancelled("commit", blob) }
            guard let step = state.withLock({ $0.log?.plan.step(limit: limit, isHeld: isHeld) }) else { return nil }
            do throws(CommitError) {
                switch step {
                case .hold:
                    state.withLock { $0.log?.frozenEnd = nil }
                    await wait { $0.isQuiet }
                    (limit, isHeld) = (state.withLock { $0.plan.content.size }, true)
                case .create(let start): try await create(start, round, blob)
                case .append(let piece): try await append(piece, to: blob)
                case .compact: try await compact(blob)
                case .rebase: try await rebase()
                case .settled: return try await settle(round, blob)
                }
            } catch {
                refusals += 1
                guard refusals < Self.refusalCountMax, try await learn(from: error, at: step, blob) else { throw error }
                // Others are at it, too: not in step with them.
                if refusals > 2 { try? await Task.sleep(for: .milliseconds(Int.random(in: 0...min(refusals, 20)))) }
            }
        }
    }

    // MARK: Steps

    private func create(
        _ start: AppendPosition.Start,
        _ round: CommitRound,
        _ blob: BlobAddress
    ) async throws(CommitError) {
        var condition = VersionCondition.absent
        if start == .rebuild {
            // From here on the bytes are in the data file and nowhere else.
            try await fetchBase()
            try await note { $0.position.version.map { condition = .matches($0.etag) } }
        }
        let (store, headers, wanted) = (scheduler.store, round.headers, condition)
        do throws(StorageError) {
            let version = try await scheduler.commits.withSlot { () async throws(StorageError) in
                try await store.createAppendBlob(blob, headers: headers, condition: wanted)
            }
            state.withLock { state in
                state.log?.plan.created(version)
                state.log?.metadata = headers.metadata
            }
        } catch {
            guard start == .over, error.kind == .alreadyExists, round.condition != .absent else {
                throw .storage(error)
            }
            try await makeRoom(headers, blob)
        }
        try await note { _ in }
    }

    /// A log that starts over is another blob, so that nobody takes it for the old one with more in it. A token that may
    /// not delete empties it in place. Either names the version that goes: done late, it would take a newer log away.
    private func makeRoom(_ headers: BlobHeaders, _ blob: BlobAddress) async throws(CommitError) {
        let store = scheduler.store
        var (known, refusals) = (known, 0)
        do throws(StorageError) {
            while true {
                guard let old = try await versionInTheWay(of: blob, known) else { return }
                do throws(StorageError) {
                    do throws(StorageError) { try await store.delete(blob, condition: old) } catch {
                        guard error.kind == .denied else { throw error }
                        let version = try await store.createAppendBlob(blob, headers: headers, condition: old)
                        state.withLock { state in
                            state.log?.plan.created(version)
                            state.log?.metadata = headers.metadata
                        }
                    }
                    return await noteDeleted()
                } catch {
                    if error.kind == .notFound { return }
                    refusals += 1
                    guard error.kind == .conditionFailed, refusals < Self.refusalCountMax else { throw error }
                    known = .unknown
                }
            }
        } catch { throw .storage(error) }
    }

    /// `nil`: none any more. Who may not look names no version.
    private func versionInTheWay(
        of blob: BlobAddress,
        _ known: KnownName
    ) async throws(StorageError) -> VersionCondition? {
        if case .version(let etag) = known { return .matches(etag) }
        do throws(StorageError) { return .matches(try await scheduler.store.properties(of: blob).version.etag) } catch {
            switch error.kind {
            case .notFound: return nil
            case .denied, .encrypted: return .any
            default: throw error
            }
        }
    }

    private func append(_ piece: AppendPiece, to blob: BlobAddress) async throws(CommitError) {
        let checksum = try await checksum(of: piece.range, crc: nil)
        // Recovery looks at that place first.
        try await note { $0.began(piece) }
        let (store, body) = (scheduler.store, spool.body(piece.range, checksum: checksum))
        scheduler.meter.stageStarted()
        do throws(StorageError) {
            let result = try await scheduler.commits.withSlot { () async throws(StorageError) in
                try await store.append(body, to: blob, at: piece.place)
            }
            scheduler.meter.stageEnded(byteCount: piece.range.count, failure: nil, of: blob)
            state.withLock { $0.log?.plan.appended(piece, result) }
        } catch {
            scheduler.meter.stageEnded(byteCount: piece.range.count, failure: .storage(error), of: blob)
            throw .storage(error)
        }
    }

    /// Everything is in the blob, among what others appended: the file is what the blob is. Nobody writes meanwhile.
    private func rebase() async throws(CommitError) {
        guard var position = state.withLock({ $0.log?.plan.position }) else { return }
        position.sent = position.end
        let (journal, spool, next) = (journal, spool, position)
        do throws(LocalStoreError) {
            try await scheduler.disk.perform { () throws(LocalStoreError) in
                // At every moment the data file is no longer than what was sent: nothing of it passes for new.
                try spool.truncate(to: 0)
                try journal?.log(next, local: 0)
                try spool.truncate(to: next.end)
            }
        } catch { throw .local(error) }
        state.withLock { state in
            state.log?.plan.rebased()
            state.plan.content = LocalContent(baseSize: next.end)
            guard let version = next.version else { return }
            state.base = BlobProperties(
                version: version,
                length: next.end,
                type: .append,
                creationTime: next.creationTime
            )
        }
    }

    /// All bytes are in the blob. What else it is to carry is set where it differs.
    private func settle(_ round: CommitRound, _ blob: BlobAddress) async throws(CommitError) -> CommittedFile {
        let (known, version) = state.withLock { state in
            (state.log?.plan.position.creationTime, state.log?.plan.position.version)
        }
        let store = scheduler.store
        do throws(StorageError) {
            if known == nil {
                do throws(StorageError) {
                    let found = try await store.properties(of: blob)
                    state.withLock { state in
                        state.log?.plan.learned(creationTime: found.creationTime)
                        state.log?.foundMetadata = found.metadata
                    }
                } catch { guard error.kind == .denied else { throw error } }
            }
            if let version, state.withLock({ $0.log?.carries(round.headers.metadata) == false }) {
                try await setMetadata(round.headers.metadata, of: blob, version)
            }
        } catch { throw .storage(error) }
        guard let position = state.withLock({ $0.log?.plan.position }), let version = position.version else {
            throw .cancelled("commit", blob)
        }
        return CommittedFile(
            blob: blob,
            version: version,
            size: position.end,
            type: .append,
            creationTime: position.creationTime
        )
    }

    private func setMetadata(
        _ metadata: BlobMetadata,
        of blob: BlobAddress,
        _ version: BlobVersion
    ) async throws(StorageError) {
        let store = scheduler.store
        var (version, attemptsLeft) = (version, 5)
        while true {
            attemptsLeft -= 1
            do throws(StorageError) {
                let new = try await store.setMetadata(metadata, of: blob, condition: .matches(version.etag))
                state.withLock { state in
                    state.log?.plan.learned(new)
                    state.log?.metadata = metadata
                    state.log?.foundMetadata = nil
                }
                return
            } catch {
                // The bytes are there; a token that only appends can do no more.
                if error.kind == .denied {
                    scheduler.logger.notice("\(blob) keeps its metadata: \(error)")
                    return
                }
                // Somebody appended in between.
                guard error.kind == .conditionFailed, attemptsLeft > 0 else { throw error }
                version = try await store.properties(of: blob).version
            }
        }
    }

    // MARK: Refusals

    /// What the store's refusal says about the blob; `true` when the plan knows what to do next.
    private func learn(
        from error: CommitError,
        at step: AppendPlan.Step,
        _ blob: BlobAddress
    ) async throws(CommitError) -> Bool {
        guard case .storage(let refusal) = error, refusal.kind != .cancelled else { return false }
        do throws(StorageError) {
            switch (step, refusal.kind) {
            case (.create(.absent), .alreadyExists):
                // Also with O_EXCL, and of a file that recovery takes for new: those must find no blob.
                guard state.withLock({ $0.round?.condition != .absent }) else { return false }
                return try await join(blob)
            case (.create(.rebuild), .conditionFailed):
                let found = try await scheduler.store.properties(of: blob)
                let isOurs = state.withLock { state in
                    guard let old = state.log?.plan.position, found.length < old.end else { return false }
                    state.log?.plan.emptied(found)
                    return true
                }
                return isOurs
            case (.append(let piece), .conditionFailed): return try await look(piece, blob)
            case (.append(let piece), _) where refusal.code == "BlockCountExceedsLimit":
                guard try await look(piece, blob) else { return false }
                state.withLock { $0.log?.plan.filled() }
                return true
            case (.append, .notFound) where refusal.code != "ContainerNotFound":
                // Every byte is here: the log is put again. Else what is missing is gone.
                return state.withLock { state in
                    guard state.holdsWholeLog else {
                        state.log?.plan.refused()
                        return false
                    }
                    state.log?.plan.lost()
                    state.log?.metadata = nil
                    state.log?.foundMetadata = nil
                    return true
                }
            case (.append, .conflict) where refusal.code == "InvalidBlobType":
                // Somebody put a block blob in its place: the file replaces it as a whole, if all of it is here.
                return state.withLock { state in
                    guard state.holdsWholeLog else {
                        state.log?.plan.refused()
                        return false
                    }
                    state.log = nil
                    return true
                }
            case (.append, .leased), (.append, .immutable), (.append, .conflict), (.append, .tooLarge),
                (.append, .notFound):
                state.withLock { $0.log?.plan.refused() }
                return false
            default: return false
            }
        } catch {
            // The look failed; what was asked for is as unclear as before.
            if error.kind == .cancelled { throw .storage(error) }
            scheduler.logger.notice("a log could not be looked at", metadata: ["error": "\(error)"])
            return false
        }
    }

    /// Somebody made a blob of this name since it was looked up: a log that others append to is appended to.
    private func join(_ blob: BlobAddress) async throws(StorageError) -> Bool {
        let found = try await scheduler.store.properties(of: blob)
        guard found.type == .append else {
            state.withLock { $0.log = nil }
            return true
        }
        state.withLock { state in
            state.log?.plan.found(found, landed: false)
            state.log?.metadata = found.metadata
        }
        return true
    }

    private func look(_ piece: AppendPiece, _ blob: BlobAddress) async throws(StorageError) -> Bool {
        let found = try await scheduler.store.properties(of: blob)
        guard found.type == .append else { return false }
        let landed = try await hasLanded(piece, in: found, blob)
        state.withLock { $0.log?.plan.found(found, landed: landed) }
        return true
    }

    /// Whether the append, of which an earlier attempt lost its answer, is in the blob.
    private func hasLanded(
        _ piece: AppendPiece,
        in found: BlobProperties,
        _ blob: BlobAddress
    ) async throws(StorageError) -> Bool {
        let wasUnclear = state.withLock { state in state.log?.plan.isUnclear == true }
        guard wasUnclear, found.length >= piece.place + UInt64(piece.range.count) else { return false }
        let bytes = FetchedBytes(count: piece.range.count)
        let range = piece.place..<piece.place + UInt64(piece.range.count)
        let result = await scheduler.store.read(
            range,
            of: blob,
            .any,
            scheduler.configuration.verification,
            into: bytes
        )
        guard try result.get().byteCount == piece.range.count else { return false }
        let spool = spool
        return await scheduler.disk.perform {
            let own = FetchedBytes(count: piece.range.count)
            do throws(LocalStoreError) { try spool.read(into: own.room, at: piece.range.lowerBound) } catch {
                return false
            }
            guard let one = own.buffer.baseAddress, let other = bytes.buffer.baseAddress else { return false }
            return memcmp(one, other, piece.range.count) == 0
        }
    }

    // MARK: Few blocks instead of many

    /// The blob goes up again in place, in as few blocks as hold it; what waits here follows. For a moment it is shorter.
    private func compact(_ blob: BlobAddress) async throws(CommitError) {
        let store = scheduler.store
        if state.withLock({ $0.log?.compactor == nil }) {
            let properties: BlobProperties
            do throws(StorageError) { properties = try await store.properties(of: blob) } catch {
                throw .storage(error)
            }
            let blockCountMax = scheduler.configuration.appendBlockCountMax
            guard AppendPlan.canCompact(length: properties.length, blockCountMax: blockCountMax) else {
                return try await outgrow(properties, blob)
            }
            let compactor = try await makeCompactor(properties, blob)
            state.withLock { $0.log?.compactor = compactor }
        }
        guard let compactor = state.withLock({ $0.log?.compactor }) else { return }
        scheduler.logger.notice("\(blob) has as many blocks as an append blob may have: it is put again in few")
        do throws(CommitError) {
            let headers = compactor.state.withLock { state in state.base.map { BlobHeaders(of: $0) } ?? BlobHeaders() }
            _ = try await compactor.commit(headers: headers, condition: .any)
        } catch {
            // Somebody appended before it began: the next try begins with that.
            if case .storage(let refusal) = error, refusal.kind == .conditionFailed {
                state.withLock { $0.log?.compactor = nil }
                compactor.discard()
            }
            throw error
        }
        state.withLock { $0.log?.compactor = nil }
        compactor.discard()
        do throws(StorageError) {
            let found = try await store.properties(of: blob)
            state.withLock { $0.log?.plan.found(found, landed: false) }
        } catch { throw .storage(error) }
    }

    private func makeCompactor(
        _ properties: BlobProperties,
        _ blob: BlobAddress
    ) async throws(CommitError) -> DirtyFile {
        do throws(LocalStoreError) {
            let known = KnownName.version(properties.version.etag)
            let made = try DirtyFile(scheduler: scheduler, blob: blob, base: properties, known: known)
            made.state.withLock { state in
                state.log?.plan.beginRebuild()
                (state.isDirty, state.hasChanged) = (true, true)
            }
            try await scheduler.disk.perform { () throws(LocalStoreError) in try made.journal?.willChange() }
            return made
        } catch { throw .local(error) }
    }

    /// So long a log would be full again too soon: it becomes a block blob.
    private func outgrow(_ properties: BlobProperties, _ blob: BlobAddress) async throws(CommitError) {
        guard state.withLock({ $0.log?.plan.mustRebase == false }) else {
            throw .storage(
                StorageError(
                    .tooLarge,
                    .permanent,
                    operation: "Append Block",
                    resource: blob.description,
                    message: "the log has as many blocks as an append blob may have, and others append to it"
                )
            )
        }
        let journal = journal
        do throws(LocalStoreError) {
            try await scheduler.disk.perform { () throws(LocalStoreError) in try journal?.log(nil, local: 0) }
        } catch { throw .local(error) }
        state.withLock { $0.log = nil }
    }

    // MARK: Parts

    /// Changes the plan, and has the journal know it before anything follows.
    private func note(_ change: (inout AppendPlan) -> Void) async throws(CommitError) {
        guard
            let position = state.withLock({ state -> AppendPosition? in
                if var plan = state.log?.plan {
                    change(&plan)
                    state.log?.plan = plan
                }
                return state.log?.plan.position
            })
        else { return }
        let journal = journal
        do throws(LocalStoreError) {
            try await scheduler.disk.perform { () throws(LocalStoreError) in
                try journal?.log(position, local: position.sent)
                if position.start == .rebuild { try journal?.synchronize() }
            }
        } catch { throw .local(error) }
    }
}
