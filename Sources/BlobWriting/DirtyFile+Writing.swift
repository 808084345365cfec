internal import BlobStorage
internal import Glibc
package import LocalStore
internal import Synchronization

/// What programs do to the bytes.
extension DirtyFile {
    /// Puts the bytes into the spool. ENOSPC or EIO when the disk refuses: what it took of them counts as written, and
    /// nothing accepted earlier is hurt. EFBIG past the length that a blob can have.
    package func write(
        _ bytes: UnsafeRawBufferPointer,
        at offset: UInt64
    ) throws(LocalStoreError) -> WriteOutcome {
        guard !bytes.isEmpty else { return .done }
        let range = try checkedRange(offset, UInt64(bytes.count), "pwrite")
        try journal?.willChange()
        try leaveLog { plan, size in plan.permitsWrite(at: offset, size: size) }
        let begun = state.withLock { state -> (write: UploadPlan.Write, outdated: [Task<Void, Never>])? in
            guard state.mayWrite(range) else { return nil }
            state.noteChange()
            state.log?.plan.announce(range)
            let write = state.plan.beginWrite(range)
            return (write, state.takeTasks(write.outdated))
        }
        guard let begun else { return .busy }
        for task in begun.outdated { task.cancel() }
        // A commit may have ended since: what comes behind it is a change again. No other one begins before this write ends.
        try? journal?.willChange()
        var write = begun.write
        var (count, failure) = spool.write(bytes, at: offset)
        if count > 0, let refusal = record(range.lowerBound..<range.lowerBound + UInt64(count)), failure == nil {
            failure = refusal
        }
        if failure == nil, scheduler.configuration.checksum == .crc64 { write.checksum?.update(bytes) }
        let (canStage, canHash, waiters) = state.withLock { state in
            state.plan.endWrite(write, byteCount: UInt64(count))
            state.changeCount += 1
            let canHash = scheduler.configuration.storesWholeMD5 && state.beginHashing()
            return (state.plan.hasReadyBlocks, canHash, state.takeQuietWaiters())
        }
        for waiter in waiters { waiter.resume() }
        if canHash { hashNext() }
        if canStage { scheduler.enqueue(self, isUrgent: false) }
        if let failure { throw failure }
        return .done
    }

    /// Cuts the file, or lets it end in a hole.
    package func truncate(to size: UInt64) throws(LocalStoreError) -> WriteOutcome {
        _ = try checkedRange(0, size, "ftruncate")
        try leaveLog { plan, oldSize in plan.permitsTruncation(to: size, size: oldSize) }
        return try changeShape { oldSize in
            min(oldSize, size)..<max(oldSize, size)
        } spool: { oldSize throws(LocalStoreError) in
            try spool.truncate(to: size)
            // What cannot be recorded now goes in front of the next record; until then nobody hears of it.
            try? journal?.truncated(to: size)
            truncateLog(to: size)
        } then: { state in
            state.plan.truncated(to: size)
        }
    }

    /// The range reads as zeros (fallocate's PUNCH_HOLE, or with `extends` ZERO_RANGE). The file gets longer only if
    /// `extends`.
    package func zero(_ range: Range<UInt64>, extends: Bool) throws(LocalStoreError) -> WriteOutcome {
        _ = try checkedRange(range.lowerBound, UInt64(range.count), "fallocate")
        guard !range.isEmpty else { return .done }
        try leaveLog { plan, size in plan.permitsZeros(in: range, size: size) }
        return try changeShape { oldSize in
            range
        } spool: { oldSize throws(LocalStoreError) in
            try spool.punchHole(range)
            if extends, range.upperBound > oldSize { try spool.truncate(to: range.upperBound) }
            try? journal?.wrote(range.clamped(to: 0..<max(oldSize, range.upperBound)))
        } then: { state in
            state.plan.zeroed(range, extends: extends)
        }
    }

    /// Returns when a write has a chance again, or the task is cancelled; somebody may have been faster.
    /// `offset`: where a write is to begin; of a log that is being sent, only what is sent has to wait.
    package func waitUntilWritable(at offset: UInt64 = 0) async {
        let number = state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let mustWait = state.withLock { state in
                    let mustWait =
                        !(state.isWritable && state.isQuiet || state.isBehindLog(offset)) && !Task.isCancelled
                    if mustWait { state.writableWaiters[number] = continuation }
                    return mustWait
                }
                if !mustWait { continuation.resume() }
            }
        } onCancel: {
            state.withLock { $0.writableWaiters.removeValue(forKey: number) }?.resume()
        }
    }

    /// A change of the file's shape, which no write may cross. Each step is told the size before: `range` says what is
    /// about to change, `spool` changes it, and if that succeeds `then` tells the plan.
    func changeShape(
        _ range: (_ oldSize: UInt64) -> Range<UInt64>,
        spool change: (_ oldSize: UInt64) throws(LocalStoreError) -> Void,
        then: (inout State) -> Void
    ) throws(LocalStoreError) -> WriteOutcome {
        try journal?.willChange()
        let begun = state.withLock { state -> (oldSize: UInt64, outdated: [Task<Void, Never>])? in
            guard state.isWritable, !state.plan.hasOpenWrites else { return nil }
            state.isChangingShape = true
            state.noteChange()
            let oldSize = state.plan.content.size
            let outdated = state.plan.beginChange(range(oldSize))
            return (oldSize, state.takeTasks(outdated))
        }
        guard let (oldSize, outdated) = begun else { return .busy }
        for task in outdated { task.cancel() }
        // As of a write.
        try? journal?.willChange()
        let result: Result<Void, LocalStoreError>
        do throws(LocalStoreError) { result = .success(try change(oldSize)) } catch { result = .failure(error) }
        let waiters = state.withLock { state in
            if case .success = result { then(&state) }
            state.isChangingShape = false
            state.changeCount += 1
            return state.takeQuietWaiters()
        }
        for waiter in waiters { waiter.resume() }
        try result.get()
        return .done
    }

    /// Why the journal could not note that these bytes are here; it does with the next record.
    private func record(_ range: Range<UInt64>) -> LocalStoreError? {
        do throws(LocalStoreError) {
            try journal?.wrote(range)
            return nil
        } catch { return error }
    }

    private func checkedRange(
        _ offset: UInt64,
        _ count: UInt64,
        _ operation: String
    ) throws(LocalStoreError) -> Range<UInt64> {
        guard !state.withLock({ $0.isDiscarded }) else { throw failure(ESTALE, operation) }
        let (end, overflow) = offset.addingReportingOverflow(count)
        guard !overflow, end <= BlockLayout.fileSizeMax else { throw failure(EFBIG, operation) }
        return offset..<end
    }

    private func failure(_ number: Int32, _ operation: String) -> LocalStoreError {
        LocalStoreError(errno: number, operation: operation, path: blob.description)
    }
}

extension DirtyFile.State {
    fileprivate mutating func noteChange() {
        isDirty = true
        hasChanged = true
        changeCount += 1
    }

    /// Those who wait until nothing is being written: a commit, or other writers.
    fileprivate mutating func takeQuietWaiters() -> [CheckedContinuation<Void, Never>] {
        guard isQuiet else { return [] }
        return takeWritableWaiters() + (settledWaiter.take().map { [$0] } ?? [])
    }
}
