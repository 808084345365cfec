internal import BlobStorage
internal import LocalStore
internal import Synchronization

/// Keeps the log of one dirty file: says what is to be recorded when, and what need not be.
///
/// Its lock is held over one small write(2) at most, and nothing else is taken under it.
final class DirtyJournal: Sendable {
    /// Past it a log whose file is in the store is written anew: it takes thousands of commits, or of small changes.
    static let logSizeMax = 1 << 20

    private enum Phase { case untouched, changed, committed }

    private struct State {
        var identity: JournalIdentity
        var phase: Phase
        /// Since the last close or fsync that was recorded nothing changed.
        var isDue = false
        /// A close or fsync was recorded that no commit has followed: recovery uploads the file.
        var isOwed = false
        /// Records that are not in the log yet; they go in front of the next one.
        var backlog: [JournalRecord] = []
        /// What of the base's range the log knows to be in the data file.
        var claimed = RangeSet<UInt64>()
        var baseLimit: UInt64
        var hasLog: Bool
        /// Of a file that grows in an append blob, as recorded last.
        var position: AppendPosition?
        /// The file was given up here, and stays for somebody to decide.
        var isReleased = false

        mutating func note(_ source: BlobAddress, _ base: JournalIdentity.Base) {
            (identity.source, identity.base, baseLimit) = (source, base, base.length)
            backlog.append(.source(source, base))
        }
    }

    let entry: JournalEntry
    /// How many processes had the file before this one.
    let predecessors: UInt32
    private let state: Mutex<State>
    /// Held while the disk is at it: the two records of one time stand beside no other's.
    private let synchronizing = Mutex(())

    init(entry: JournalEntry, identity: JournalIdentity) {
        (self.entry, predecessors) = (entry, 0)
        state = Mutex(
            State(identity: identity, phase: .untouched, baseLimit: identity.base?.length ?? 0, hasLog: false)
        )
    }

    /// Goes on with a log that another process began.
    init(entry: JournalEntry, replay: JournalReplay) {
        (self.entry, predecessors) = (entry, replay.resumptions &+ 1)
        state = Mutex(
            State(
                identity: replay.identity,
                phase: .changed,
                isOwed: replay.isDue,
                backlog: [.resumed],
                claimed: replay.extents,
                baseLimit: replay.baseLimit,
                hasLog: true,
                position: replay.log
            )
        )
    }

    var known: KnownName { state.withLock { $0.identity.known } }

    /// There are changes that no close or fsync has covered.
    var hasOpenChanges: Bool { state.withLock { $0.phase == .changed && !$0.isDue } }

    // MARK: What the program does

    /// Before the first byte of a change: a log must be there to say what the bytes are.
    func willChange() throws(LocalStoreError) {
        let failure = state.withLock { state -> LocalStoreError? in
            state.isDue = false
            guard state.phase != .changed || !state.hasLog || !state.backlog.isEmpty else { return nil }
            if state.phase == .committed { state.backlog.append(.changed) }
            state.phase = .changed
            return flush(&state)
        }
        if let failure { throw failure }
    }

    /// The bytes are in the data file. Only what replaces bytes of the base needs a record.
    func wrote(_ range: Range<UInt64>) throws(LocalStoreError) {
        let failure = state.withLock { state -> LocalStoreError? in
            let range = range.clamped(to: 0..<state.baseLimit)
            guard !range.isEmpty else { return nil }
            var new = RangeSet(range)
            new.subtract(state.claimed)
            guard !new.isEmpty else { return nil }
            state.claimed.insert(contentsOf: range)
            state.backlog += new.ranges.map { .extent($0) }
            return flush(&state)
        }
        if let failure { throw failure }
    }

    func truncated(to size: UInt64) throws(LocalStoreError) {
        let failure = state.withLock { state -> LocalStoreError? in
            guard size < state.baseLimit else { return nil }
            state.claimed.remove(contentsOf: size..<state.baseLimit)
            state.baseLimit = size
            state.backlog.append(.truncated(size))
            return flush(&state)
        }
        if let failure { throw failure }
    }

    // MARK: Logs

    /// How far the append blob has come; `nil`: the file does not grow in one any more. `local`: below it, the data file
    /// still has what it had. With `isUrgent` it is in the log when this returns; else it goes in front of the next record.
    func log(_ position: AppendPosition?, local: UInt64, isUrgent: Bool = true) throws(LocalStoreError) {
        let failure = state.withLock { state -> LocalStoreError? in
            state.backlog.append(.log(position, local: local))
            state.position = position
            if let position {
                if local > state.baseLimit { state.claimed.insert(contentsOf: state.baseLimit..<local) }
                state.claimed.remove(contentsOf: local..<UInt64.max)
                state.baseLimit = position.sent
                state.identity.base = position.version.map { version in
                    JournalIdentity.Base(version: version, length: position.end, type: .append)
                }
            }
            return isUrgent && state.hasLog ? flush(&state) : nil
        }
        if let failure { throw failure }
    }

    /// The file is, so far, the beginning of that version of another blob.
    func copies(_ source: BlobAddress, _ base: JournalIdentity.Base) throws(LocalStoreError) {
        let failure = state.withLock { state -> LocalStoreError? in
            let old = (state.identity, state.baseLimit)
            state.note(source, base)
            let failure = flush(&state)
            if failure != nil {
                state.backlog.removeLast()
                (state.identity, state.baseLimit) = old
            }
            return failure
        }
        if let failure { throw failure }
    }

    // MARK: What becomes of it

    func due(_ headers: BlobHeaders, at time: Int64) throws(LocalStoreError) {
        let failure = state.withLock { state -> LocalStoreError? in
            state.backlog.append(.due(headers, at: time))
            state.phase = .changed
            (state.isDue, state.isOwed) = (true, true)
            return flush(&state)
        }
        if let failure { throw failure }
    }

    /// What is stored beside the bytes changed, and no byte: what is owed is uploaded with these. `false` if nothing is.
    func headersChanged(_ headers: BlobHeaders, at time: Int64) throws(LocalStoreError) -> Bool {
        let result = state.withLock { state -> Result<Bool, LocalStoreError> in
            guard state.isOwed else { return .success(false) }
            state.backlog.append(.due(headers, at: time))
            return flush(&state).map { .failure($0) } ?? .success(true)
        }
        return try result.get()
    }

    /// Bytes, log and names to the disk. Takes as long as the disk does. What is written meanwhile is not among them.
    func synchronize() throws(LocalStoreError) {
        let result = synchronizing.withLock { _ -> Result<Void, LocalStoreError> in
            do throws(LocalStoreError) {
                try noteUnlessCommitted(.syncing(size: try entry.data.size()))
                try entry.data.synchronize()
                try noteUnlessCommitted(.synced)
                try entry.synchronizeLog()
                return .success(())
            } catch { return .failure(error) }
        }
        try result.get()
    }

    /// A log may have more than the commit that ended was about.
    private func noteUnlessCommitted(_ record: JournalRecord) throws(LocalStoreError) {
        let failure = state.withLock { state -> LocalStoreError? in
            guard state.phase == .changed || state.position != nil else { return nil }
            state.backlog.append(record)
            return flush(&state)
        }
        if let failure { throw failure }
    }

    /// A log that lacks this makes the list somebody else's, and the file a conflict.
    func sending(_ digest: UInt64) {
        state.withLock { state in
            state.backlog.append(.sending(digest))
            _ = flush(&state)
        }
    }

    /// As `sending`, of a whole file.
    func sendingWhole(md5: String) {
        state.withLock { state in
            state.backlog.append(.sendingWhole(md5: md5))
            _ = flush(&state)
        }
    }

    /// Nothing is written yet: see `flush`. A log that lacks this says that the file is due, and recovery finds it done.
    /// So it stays where the commit went to a name that is not the file's any more.
    func committed(_ version: BlobVersion, of blob: BlobAddress) {
        state.withLock { state in
            guard state.identity.blob == blob else { return }
            state.identity.known = .version(version.etag)
            state.identity.base?.version = version
            state.identity.source = nil
            (state.phase, state.isOwed) = (.committed, false)
            state.backlog.append(.committed(version))
        }
    }

    /// The file was renamed while it was committed: its base is the version that the old name got.
    func leavesBase(at old: BlobAddress) {
        state.withLock { state in
            guard state.identity.source != old, var base = state.identity.base else { return }
            base.length = state.baseLimit
            state.note(old, base)
        }
    }

    /// `nil` keeps what is known of the name.
    func moved(to blob: BlobAddress, _ known: KnownName?, base: BlobVersion?) {
        state.withLock { state in
            let old = state.identity.blob
            let isOwn = state.identity.source == nil
            state.identity.blob = blob
            if let known { state.identity.known = known }
            let version = isOwn ? base : nil
            if let version { state.identity.base?.version = version }
            if state.hasLog { state.backlog.append(.moved(blob, state.identity.known, base: version)) }
            // The base stays where it was.
            guard base == nil, isOwn, blob != old, var source = state.identity.base else { return }
            source.length = state.baseLimit
            state.note(old, source)
        }
    }

    /// Records what waits. A log that has grown long is written anew.
    func flush() {
        state.withLock { state in
            guard state.hasLog else { return }
            if state.phase == .committed, entry.logSize > Self.logSizeMax, compact(&state) { return }
            _ = flush(&state)
        }
    }

    /// Leaves the entry to whoever decides about it: `outputfs recover`, or a later mount.
    func release(_ reason: String?) {
        state.withLock { state in
            if let reason { state.backlog.append(.kept(reason)) }
            _ = flush(&state)
            state.isReleased = true
        }
    }

    /// The file is in the store, or nobody wants it any more.
    func remove() {
        let (isReleased, isCommitted) = state.withLock { ($0.isReleased, $0.phase != .changed) }
        guard !isReleased else { return }
        // What is not in the store must not come back: its names are gone before anybody hears that it is.
        if isCommitted { entry.removeSoon() } else { entry.remove() }
    }

    // MARK: Parts

    private func flush(_ state: inout State) -> LocalStoreError? {
        guard !state.isReleased, !state.backlog.isEmpty || !state.hasLog else { return nil }
        let first: [JournalRecord] = state.hasLog ? [] : [.identity(state.identity)]
        do throws(LocalStoreError) {
            try entry.append((first + state.backlog).map(\.payload))
            state.hasLog = true
            state.backlog = []
            return nil
        } catch { return error }
    }

    private func compact(_ state: inout State) -> Bool {
        var records: [JournalRecord] = [.identity(state.identity)]
        records += [JournalRecord](repeating: .resumed, count: Int(predecessors))
        if let base = state.identity.base, state.baseLimit < base.length { records.append(.truncated(state.baseLimit)) }
        records += state.claimed.ranges.map { .extent($0) }
        if let position = state.position {
            records.append(.log(position, local: state.claimed.ranges.last?.upperBound ?? 0))
        }
        guard case .committed(let version) = state.backlog.last else { return false }
        records.append(.committed(version))
        do throws(LocalStoreError) { try entry.replace(records.map(\.payload)) } catch { return false }
        state.backlog = []
        return true
    }
}
