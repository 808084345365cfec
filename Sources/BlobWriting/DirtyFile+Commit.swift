package import BlobStorage
internal import Checksums
internal import LocalStore
internal import Logging
internal import Synchronization

/// Commits: the store holds exactly these bytes, or an error says that it does not.
extension DirtyFile {
    /// Makes the store hold exactly the bytes that were written so far, by one Put Blob or by blocks and one Put Block
    /// List. Writes wait meanwhile.
    ///
    /// Commits of one file run one at a time. Whoever asks while one runs, and for the same headers, shares its
    /// outcome. For others, a `condition` other than `.any` then means the version that the earlier commit made:
    /// they could not know it.
    ///
    /// A base that was not changed is not sent again, whatever the headers: for those there is `setMetadata`.
    /// `headers.contentMD5` is not looked at: what is stored is the MD5 of these bytes, where it is known.
    package func commit(
        headers: BlobHeaders,
        condition: VersionCondition
    ) async throws(CommitError) -> CommittedFile {
        var condition = condition
        while true {
            let (step, blob) = state.withLock { state in (state.nextStep(headers, condition), state.blob) }
            guard !Task.isCancelled else { throw .cancelled("commit", blob) }
            switch step {
            case .discarded: throw .cancelled("commit", blob)
            case .nothing(let file): return file
            case .begin(let round):
                round.start { await self.run(round) }
                return try await round.wait().get()
            case .join(let round):
                let outcome = await round.wait()
                guard !Task.isCancelled else { throw .cancelled("commit", blob) }
                switch outcome {
                // What was written to a log meanwhile is not in the round.
                case .success where state.withLock({ $0.log != nil && $0.isDirty }): continue
                case .success(let file) where round.headers == headers: return file
                case .success(let file): if condition != .any { condition = .matches(file.version.etag) }
                // Whoever began it went away.
                case .failure(let error) where error.isCancelled: continue
                case .failure(let error): if round.headers == headers { throw error }
                }
            }
        }
    }

    private func run(_ round: CommitRound) async {
        scheduler.meter.commitStarted()
        let blob = state.withLock { $0.blob }
        await noteDue(round.headers)
        let outcome: CommitRound.Outcome
        do throws(CommitError) {
            outcome = .success(try await commitContent(round, blob))
        } catch { outcome = .failure(error) }
        await noteOutcome(outcome)
        scheduler.meter.commitEnded(outcome, of: blob)
        let (waiters, outdated, old) = state.withLock { state in
            state.end(round, outcome)
            return (state.takeWritableWaiters(), state.moveAfterCommit(), state.source)
        }
        if let old { journal?.leavesBase(at: old) }
        for task in outdated { task.cancel() }
        round.finish(outcome)
        for waiter in waiters { waiter.resume() }
    }

    private func commitContent(_ round: CommitRound, _ blob: BlobAddress) async throws(CommitError) -> CommittedFile {
        if let file = try await commitLog(round, blob) { return file }
        await wait { $0.isQuiet }
        var condition = round.condition
        var attemptsLeft = 3
        while true {
            condition = try await prepareBase(blob, condition)
            if state.withLock({ $0.plan.mustClearLeftovers }) {
                condition = try await clearLeftovers(of: blob, condition)
                state.withLock { $0.plan.unblockStaging() }
            }
            let (upload, size) = state.withLock { state in
                state.stageFailure = nil
                return (state.plan.flush(), state.plan.content.size)
            }
            attemptsLeft -= 1
            do throws(CommitError) {
                let (version, md5) = try await send(upload, size, blob, round.headers, condition)
                state.withLock { $0.plan.committed(upload) }
                return CommittedFile(blob: blob, version: version, size: size, contentMD5: md5)
            } catch {
                guard attemptsLeft > 0, !Task.isCancelled,
                    error.isOfLeftovers || error.isOfLostBlocks || error.isOfCopying
                else { throw error }
                scheduler.logger.notice("a commit begins anew", metadata: ["error": "\(error)"])
                state.withLock { state in
                    if error.isOfLostBlocks {
                        _ = state.plan.restageAll()
                    } else if error.isOfCopying {
                        state.mayCopy = false
                    } else {
                        state.plan.blockStaging()
                    }
                }
            }
        }
    }

    private func send(
        _ upload: UploadPlan.Upload,
        _ size: UInt64,
        _ blob: BlobAddress,
        _ headers: BlobHeaders,
        _ condition: VersionCondition
    ) async throws(CommitError) -> (version: BlobVersion, md5: String?) {
        switch upload {
        case .putBlob(let crc): try await sendWhole(size, crc, blob, headers, condition)
        case .blocks(let isHashed): try await sendBlocks(isHashed, blob, headers, condition)
        }
    }

    // MARK: One Put Blob

    private func sendWhole(
        _ size: UInt64,
        _ crc: UInt64?,
        _ blob: BlobAddress,
        _ headers: BlobHeaders,
        _ condition: VersionCondition
    ) async throws(CommitError) -> (version: BlobVersion, md5: String?) {
        let configuration = scheduler.configuration
        var headers = headers
        let (checksum, md5) = try await wholeChecksums(size, crc)
        headers.contentMD5 = configuration.storesWholeMD5 ? md5 : nil
        let body = spool.body(0..<size, checksum: checksum)
        // What is on its way and not wanted any more must not come after it, and stay for a week.
        await wait { $0.runningStageCount == 0 }
        guard !Task.isCancelled else { throw .cancelled("commit", blob) }
        let store = scheduler.store
        do throws(StorageError) {
            let version = try await scheduler.commits.withSlot { () async throws(StorageError) in
                try await store.putBlob(blob, body, headers: headers, condition: condition)
            }
            return (version, headers.contentMD5)
        } catch { throw .storage(error) }
    }

    private func wholeChecksums(
        _ size: UInt64,
        _ crc: UInt64?
    ) async throws(CommitError) -> (body: BodyChecksum, md5: String?) {
        let (configuration, spool, journal) = (scheduler.configuration, spool, journal)
        let wantsMD5 = configuration.storesWholeMD5 || configuration.checksum == .md5
        let wantsCRC = configuration.checksum == .crc64 && crc == nil
        var sums: (crc: UInt64?, md5: [UInt8]?) = (nil, nil)
        if wantsMD5 || wantsCRC {
            do throws(LocalStoreError) {
                sums = try await scheduler.disk.perform { () throws(LocalStoreError) in
                    let sums = try spool.checksums(of: 0..<size, crc: wantsCRC, md5: wantsMD5)
                    // What is there may have these bytes when the process that follows asks, and the file others by then.
                    if let md5 = sums.md5 { journal?.sendingWhole(md5: Base64.encode(md5)) }
                    return sums
                }
            } catch { throw .local(error) }
        }
        let body: BodyChecksum =
            switch configuration.checksum {
            case .none: .none
            case .md5: sums.md5.map(BodyChecksum.md5) ?? .none
            case .crc64: (crc ?? sums.crc).map(BodyChecksum.crc64) ?? .none
            }
        return (body, sums.md5.map { Base64.encode($0) })
    }

    // MARK: Blocks and one Put Block List

    private func sendBlocks(
        _ isHashed: Bool,
        _ blob: BlobAddress,
        _ headers: BlobHeaders,
        _ condition: VersionCondition
    ) async throws(CommitError) -> (version: BlobVersion, md5: String?) {
        async let digest = isHashed && scheduler.configuration.storesWholeMD5 ? finishHash() : nil
        scheduler.enqueue(self, isUrgent: true)
        await wait { $0.plan.isSettled || $0.stageFailure != nil }
        let (list, failure) = state.withLock { ($0.plan.blockList($0.names), $0.stageFailure) }
        if let failure { throw failure }
        await wait { $0.runningStageCount == 0 }
        guard let list, !Task.isCancelled else { throw .cancelled("commit", blob) }
        await noteSending(list)
        var headers = headers
        let copied = scheduler.configuration.storesWholeMD5 ? state.withLock { $0.copiedMD5 } : nil
        headers.contentMD5 = await digest ?? copied
        let (store, finalHeaders) = (scheduler.store, headers)
        do throws(StorageError) {
            let version = try await scheduler.commits.withSlot { () async throws(StorageError) in
                try await store.putBlockList(list, of: blob, headers: finalHeaders, condition: condition)
            }
            return (version, headers.contentMD5)
        } catch {
            guard let version = await landed(list, of: blob, after: error) else { throw .storage(error) }
            return (version, headers.contentMD5)
        }
    }

    /// An edit that is refused because its base is gone may be what replaced it: an attempt whose answer was lost, and that
    /// the store could not tell from another's.
    private func landed(
        _ list: [BlockReference],
        of blob: BlobAddress,
        after error: StorageError
    ) async -> BlobVersion? {
        guard error.kind == .conditionFailed, state.withLock({ $0.plan.needsBase }),
            let found = try? await scheduler.store.blockList(of: blob),
            found.committed.map(\.id) == list.map(\.id)
        else { return nil }
        return found.version
    }

    /// Waits until `condition` holds, or the commit is cancelled. Only the one commit that runs may wait so.
    func wait(_ condition: @Sendable (borrowing State) -> Bool) async {
        while !Task.isCancelled, !state.withLock({ condition($0) }) {
            await withTaskCancellationHandler {
                await withCheckedContinuation { continuation in
                    let mustWait = state.withLock { state in
                        let mustWait = !condition(state) && !Task.isCancelled
                        if mustWait { state.settledWaiter = continuation }
                        return mustWait
                    }
                    if !mustWait { continuation.resume() }
                }
            } onCancel: {
                state.withLock { $0.settledWaiter.take() }?.resume()
            }
        }
    }
}

extension DirtyFile.State {
    enum CommitStep {
        case discarded
        case nothing(CommittedFile)
        case begin(CommitRound)
        case join(CommitRound)
    }

    fileprivate mutating func nextStep(
        _ headers: BlobHeaders,
        _ condition: VersionCondition
    ) -> CommitStep {
        if isDiscarded { return .discarded }
        if let round { return .join(round) }
        if !isDirty, lastCommit == nil, let base {
            let md5 = base.contentMD5
            return .nothing(CommittedFile(blob: blob, version: base.version, size: base.length, contentMD5: md5))
        }
        if !isDirty, let lastCommit, lastCommit.headers == headers { return .nothing(lastCommit.file) }
        let next = CommitRound(blob: blob, headers: headers, condition: condition)
        round = next
        return .begin(next)
    }

    fileprivate mutating func end(_ ended: CommitRound, _ outcome: CommitRound.Outcome) {
        round = nil
        stageFailure = nil
        settledWaiter = nil
        switch outcome {
        case .success(let file):
            isDirty = hasUnsentLog
            if log == nil { rebase(on: file) }
            lastCommit = (file, ended.headers)
            lastError = nil
        case .failure(let error):
            plan.commitFailed()
            lastError = error
        }
    }
}
