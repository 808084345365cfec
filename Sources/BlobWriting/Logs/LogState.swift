package import BlobStorage
internal import LocalStore
internal import Synchronization

extension DirtyFile {
    /// What a file that grows in an append blob is besides its bytes.
    struct LogState: Sendable {
        var plan: AppendPlan
        /// While it is sent: bytes below stay as they are, and writes behind them go on.
        var frozenEnd: UInt64?
        /// As it was sent; `nil` while there is no blob.
        var metadata: BlobMetadata?
        /// As the store tells it, with what the client adds to it.
        var foundMetadata: BlobMetadata?
        /// The blob on its way into fewer blocks, with a journal entry of its own.
        var compactor: DirtyFile?
    }

    /// Whether the file grows in an append blob.
    package var isLog: Bool { state.withLock { $0.log != nil } }

    /// From the beginning: nothing is staged, since all goes up by appends.
    func follow(_ plan: AppendPlan, metadata: BlobMetadata?) {
        state.withLock { state in
            state.log = LogState(plan: plan, metadata: metadata)
            _ = state.plan.stopStaging()
        }
        // With the first byte it is on the disk.
        try? journal?.log(plan.position, local: plan.position.sent, isUrgent: false)
    }

    /// A change that an append blob cannot take makes the file one like others. That is recorded before the change.
    func leaveLog(unless isPermitted: (AppendPlan, _ size: UInt64) -> Bool) throws(LocalStoreError) {
        let mustLeave = state.withLock { state in
            guard let log = state.log, state.isWritable else { return false }
            return !isPermitted(log.plan, state.plan.content.size)
        }
        guard mustLeave else { return }
        try journal?.log(nil, local: 0)
        state.withLock { $0.log = nil }
    }

    /// The data file was cut: what was sent is void when nothing is left.
    func truncateLog(to size: UInt64) {
        let position = state.withLock { state in
            state.log?.plan.truncated(to: size)
            return state.log?.plan.position
        }
        if let position { try? journal?.log(position, local: position.sent) }
    }

    /// After a move: one whose bytes were never sent begins under its new name.
    func noteLog(movedOver isOver: Bool) {
        let (position, isLog) = state.withLock { state -> (AppendPosition?, Bool) in
            if isOver, state.log?.plan.position.start == .absent { state.log?.plan.startOver() }
            return (state.log?.plan.position, state.log != nil)
        }
        if isLog { try? journal?.log(position, local: position?.sent ?? 0, isUrgent: false) }
    }

    /// The append blob got longer by what others appended, and nothing waits here: the file is what the blob is. `false`
    /// if it is not so, or cannot be noted.
    package func adoptGrowth(_ blob: BlobProperties) async -> Bool {
        let old = state.withLock { state -> AppendPosition? in
            guard let plan = state.log?.plan, state.isWritable, state.isQuiet, !state.isDirty, blob.type == .append,
                plan.position.start == .standing, plan.position.creationTime == blob.creationTime,
                blob.length > plan.position.end, !plan.mustRebase
            else { return nil }
            state.isChangingShape = true
            return plan.position
        }
        guard let old else { return false }
        var position = old
        (position.sent, position.end, position.version) = (blob.length, blob.length, blob.version)
        let (journal, spool, next) = (journal, spool, position)
        let isDone = await scheduler.disk.perform { () -> Bool in
            do throws(LocalStoreError) {
                // In this order: a longer data file alone would pass for bytes that wait.
                try journal?.log(next, local: old.sent)
                try spool.truncate(to: blob.length)
                return true
            } catch { return false }
        }
        let waiters = state.withLock { state -> [CheckedContinuation<Void, Never>] in
            state.isChangingShape = false
            if isDone {
                state.log?.plan.followed(blob)
                state.base = blob
                state.plan.content.grewInStore(to: blob.length)
            }
            return state.takeWritableWaiters()
        }
        for waiter in waiters { waiter.resume() }
        return isDone
    }
}

extension DirtyFile.LogState {
    func carries(_ metadata: BlobMetadata) -> Bool {
        let items = Set(metadata.items)
        return self.metadata.map { Set($0.items) } == items || foundMetadata.map { Set($0.items) } == items
    }
}

extension DirtyFile.State {
    /// Bytes wait, or are about to: a write that is under way is not in the file's size yet.
    var hasUnsentLog: Bool {
        log.map { $0.plan.position.sent < plan.content.size || plan.hasOpenWrites } ?? false
    }

    /// Every byte of the file is here, at its place.
    var holdsWholeLog: Bool { plan.content.missing.isEmpty && log?.plan.mustRebase == false }

    /// Whether a write there changes nothing of what is being sent, and leaves the file a log. `UInt64.max`: at its end.
    func isBehindLog(_ offset: UInt64) -> Bool {
        guard let log, let end = log.frozenEnd, !isChangingShape else { return false }
        return offset == .max || offset >= end && log.plan.permitsWrite(at: offset, size: plan.content.size)
    }

    /// From here on only what is behind the file's present end may change. Those who wait try again.
    mutating func freezeLog() -> [CheckedContinuation<Void, Never>] {
        guard log != nil else { return [] }
        log?.frozenEnd = plan.content.size
        defer { writableWaiters = [:] }
        return Array(writableWaiters.values)
    }

    func mayWrite(_ range: Range<UInt64>) -> Bool {
        guard let log else { return isWritable }
        let isPermitted = log.plan.permitsWrite(at: range.lowerBound, size: plan.content.size)
        return isPermitted && (isWritable || isBehindLog(range.lowerBound))
    }

    /// A copy under another name is a block blob; what is not in the store at all begins anew there.
    mutating func moveLog(isStored: Bool) {
        guard let log else { return }
        if isStored || !plan.content.missing.isEmpty {
            self.log = nil
            base?.type = .block
        } else {
            self.log?.plan.lost()
            self.log?.metadata = nil
            if log.plan.position.start != .absent { isDirty = true }
        }
    }
}
