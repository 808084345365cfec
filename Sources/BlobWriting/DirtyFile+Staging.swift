internal import BlobStorage
internal import Checksums
internal import LocalStore
internal import Logging
internal import Synchronization

/// Blocks on their way to the store.
extension DirtyFile {
    var hasReadyBlocks: Bool { state.withLock { $0.plan.hasReadyBlocks } }

    /// Sends the next block, if there is one, and calls `ended` when that has succeeded or failed.
    func startNextStage(_ ended: @escaping @Sendable () -> Void) -> Bool {
        state.withLock { state in
            guard let stage = state.plan.takeStage() else { return false }
            let blob = state.blob
            state.runningStageCount += 1
            state.stages[stage.serial] = Task {
                await self.run(stage, of: blob)
                ended()
            }
            return true
        }
    }

    private func run(_ stage: UploadPlan.Stage, of blob: BlobAddress) async {
        scheduler.meter.stageStarted()
        var failure: CommitError?
        do throws(CommitError) { try await send(stage, of: blob) } catch { failure = error }
        scheduler.meter.stageEnded(byteCount: stage.isCopy ? 0 : stage.range.count, failure: failure, of: blob)
        if let failure, !failure.isCancelled {
            scheduler.logger.notice("a block was not staged; the commit tries again", metadata: ["error": "\(failure)"])
        }
        let (mustQueue, waiter) = state.withLock { state in
            state.end(stage, failure: failure)
            return (state.plan.isFlushing && state.plan.hasReadyBlocks, state.takeSettledWaiter())
        }
        waiter?.resume()
        if mustQueue { scheduler.enqueue(self, isUrgent: true) }
    }

    private func send(_ stage: UploadPlan.Stage, of blob: BlobAddress) async throws(CommitError) {
        let (id, base, source) = state.withLock { ($0.names.id(stage.serial), $0.base, $0.source) }
        if stage.isCopy, let base {
            do throws(StorageError) {
                try await scheduler.store.putBlock(
                    id,
                    of: blob,
                    from: source ?? blob,
                    range: stage.range,
                    sourceCondition: .matches(base.version.etag)
                )
            } catch { throw .storage(error) }
            return
        }
        let checksum = try await checksum(of: stage.range, crc: stage.crc)
        let body = spool.body(stage.range, checksum: checksum)
        do throws(StorageError) { try await scheduler.store.putBlock(id, of: blob, body) } catch {
            throw .storage(error)
        }
    }

    /// Reads the range back where the checksum was not taken from the writer.
    func checksum(of range: Range<UInt64>, crc: UInt64?) async throws(CommitError) -> BodyChecksum {
        let (check, spool) = (scheduler.configuration.checksum, spool)
        if check == .none { return .none }
        if check == .crc64, let crc { return .crc64(crc) }
        do throws(LocalStoreError) {
            return try await scheduler.disk.perform { () throws(LocalStoreError) in
                let sums = try spool.checksums(of: range, crc: check == .crc64, md5: check == .md5)
                return sums.md5.map(BodyChecksum.md5) ?? sums.crc.map(BodyChecksum.crc64) ?? .none
            }
        } catch { throw .local(error) }
    }
}

extension DirtyFile.State {
    fileprivate mutating func end(_ stage: UploadPlan.Stage, failure: CommitError?) {
        stages.removeValue(forKey: stage.serial)
        runningStageCount -= 1
        guard let failure else { return plan.staged(stage) }
        switch plan.failed(stage) {
        case .outdated: return
        case .commitFailed: stageFailure = failure
        case .held, .sentAgain: break
        }
        lastError = failure
        guard !plan.isFlushing else { return }
        if failure.isOfLeftovers { plan.blockStaging() } else if failure.isPermanent { plan.pauseStaging() }
    }

    /// The commit that waits for its blocks, if it has something to look at.
    mutating func takeSettledWaiter() -> CheckedContinuation<Void, Never>? {
        guard plan.isFlushing, plan.isSettled || stageFailure != nil || runningStageCount == 0 else { return nil }
        return settledWaiter.take()
    }
}

extension CommitError {
    /// Blocks that somebody left uncommitted under this name keep ours out: ids of another length, or too many.
    var isOfLeftovers: Bool {
        if case .storage(let error) = self {
            error.code == "InvalidBlobOrBlock" || error.code == "BlockCountExceedsLimit"
        } else {
            false
        }
    }

    /// Asking again gives the same answer.
    var isPermanent: Bool {
        if case .storage(let error) = self { error.persistence == .permanent } else { false }
    }

    /// The service, or what stands in for it, does not copy ranges: the bytes have to come here.
    var isOfCopying: Bool {
        guard case .storage(let error) = self, error.operation == "Put Block From URL", !isOfLeftovers else {
            return false
        }
        return switch error.kind {
        case .denied, .unauthenticated, .unexpected, .invalid: error.persistence == .permanent
        default: false
        }
    }

    /// A block of the list is gone: another writer's commit dropped what was staged, or replaced what was committed.
    var isOfLostBlocks: Bool {
        if case .storage(let error) = self { error.code == "InvalidBlockList" } else { false }
    }
}

extension SpoolFile {
    /// A request body that is read from the page cache when the transport wants it.
    func body(_ range: Range<UInt64>, checksum: BodyChecksum) -> UploadBody {
        UploadBody(byteCount: range.count, checksum: checksum) { offset, buffer in
            let piece = UnsafeMutableRawBufferPointer(rebasing: buffer[..<min(buffer.count, range.count - offset)])
            do throws(LocalStoreError) {
                try self.read(into: piece, at: range.lowerBound + UInt64(offset))
                return piece.count
            } catch { return nil }
        }
    }

    /// Reads the range once for those checksums that are wanted.
    func checksums(
        of range: Range<UInt64>,
        crc wantsCRC: Bool,
        md5 wantsMD5: Bool
    ) throws(LocalStoreError) -> (crc: UInt64?, md5: [UInt8]?) {
        var crc: UInt64 = 0
        var hasher = MD5Hasher()
        if wantsCRC || wantsMD5 {
            try forEachPiece(of: range) { bytes in
                if wantsCRC { crc = CRC64.checksum(bytes, continuing: crc) }
                if wantsMD5 { hasher.update(bytes) }
            }
        }
        return (wantsCRC ? crc : nil, wantsMD5 ? hasher.finish() : nil)
    }
}
