package import BlobStorage
package import LocalStore
internal import Synchronization

/// The bytes of one file that are not, or not all, in the store: an entry of the journal and a plan for the blob.
/// One per inode with unsent bytes.
///
/// Writes go to the page cache at once, on the caller's thread, and several may run at a time. While a commit runs
/// nobody writes (`.busy`), so that what it reports is exactly what the program had written when it asked.
///
/// Locks: `state` is held for decisions only, never over a system call, and no other lock is taken under it.
package final class DirtyFile: Sendable {
    struct State {
        var blob: BlobAddress
        /// The version that is edited, where it is now.
        var base: BlobProperties?
        /// Whose version the base is: `nil` for this blob's own.
        var source: BlobAddress?
        var names: BlockNames
        /// The blob that is there takes ids as long as these.
        var hasFittingNames = true
        /// Block lists that were sent for this base and not answered, by their digest: one of them may have landed.
        var unanswered: Set<UInt64> = []
        /// MD5s, base64, of whole files that an earlier process sent and heard nothing of.
        var unansweredWhole: Set<String> = []
        /// The service refused to copy from the base: it is fetched.
        var mayCopy = true
        var plan: UploadPlan
        /// Of a file that grows in an append blob; then nothing of `plan` but its content counts.
        var log: LogState?
        var isDirty: Bool
        var hasChanged = false
        /// Goes up with the beginning and with the end of each change.
        var changeCount = 0
        var isDiscarded = false
        /// A truncation or hole is being made: writes wait.
        var isChangingShape = false
        var round: CommitRound?
        /// Where the file goes when the commit that runs has ended.
        var nextPlace: (blob: BlobAddress, version: BlobVersion?)?
        var lastCommit: (file: CommittedFile, headers: BlobHeaders)?
        var lastError: CommitError?
        /// Why the commit that runs cannot succeed.
        var stageFailure: CommitError?
        var stages: [UInt32: Task<Void, Never>] = [:]
        /// Those, and the ones that were cancelled and have not ended yet.
        var runningStageCount = 0
        /// A hashing thread is at this file, or will be.
        var isHashing = false
        /// The commit that runs, waiting for the hash.
        var hashWaiter: CheckedContinuation<Void, Never>?
        var writableWaiters: [Int: CheckedContinuation<Void, Never>] = [:]
        var nextWaiter = 0
        /// The commit that runs, waiting for open writes or for its blocks.
        var settledWaiter: CheckedContinuation<Void, Never>?
    }

    let scheduler: UploadScheduler
    let spool: SpoolFile
    /// `nil` in tests of a file alone.
    let journal: DirtyJournal?
    let hash: ContentHash
    let state: Mutex<State>

    /// `base`: the version of the blob that is edited; `nil` for a file that starts empty, new or truncated. `known`:
    /// what the name holds, for the recovery of a file without a base. `log`: a file without a base is to grow in an
    /// append blob; one whose base is an append blob does so anyway.
    package convenience init(
        scheduler: UploadScheduler,
        blob: BlobAddress,
        base: BlobProperties?,
        known: KnownName = .unknown,
        log: AppendPosition.Start? = nil
    ) throws(LocalStoreError) {
        let entry = try scheduler.journal.makeEntry()
        do throws(LocalStoreError) {
            if let base { try entry.data.truncate(to: base.length) }
        } catch {
            entry.remove()
            throw error
        }
        let uploadID = UInt128.random(in: 0...UInt128.max)
        let identity = JournalIdentity(
            blob: blob,
            base: base.map { JournalIdentity.Base(version: $0.version, length: $0.length, type: $0.type) },
            known: base.map { .version($0.version.etag) } ?? known,
            uploadID: uploadID,
            bootID: BootID.current
        )
        let journal = DirtyJournal(entry: entry, identity: identity)
        self.init(
            scheduler: scheduler,
            blob: blob,
            base: base,
            spool: entry.data,
            uploadID: uploadID,
            journal: journal
        )
        let blockCountMax = scheduler.configuration.appendBlockCountMax
        if let base, base.type == .append {
            follow(AppendPlan(base: base, blockCountMax: blockCountMax), metadata: base.metadata)
        } else if base == nil, let log {
            follow(AppendPlan(start: log, blockCountMax: blockCountMax), metadata: nil)
        }
    }

    /// Goes on with what another process left.
    package convenience init(scheduler: UploadScheduler, recovered file: RecoveredFile) {
        let identity = file.replay.identity
        // What lies behind must not be found when the file gets longer again.
        if let size = try? file.entry.data.size(), size != file.size { try? file.entry.data.truncate(to: file.size) }
        self.init(
            scheduler: scheduler,
            blob: identity.blob,
            base: identity.base.map { base in
                var properties = BlobProperties(base)
                if let log = file.replay.log { properties.creationTime = log.creationTime }
                return properties
            },
            spool: file.entry.data,
            uploadID: identity.uploadID,
            journal: DirtyJournal(entry: file.entry, replay: file.replay)
        )
        state.withLock { state in
            state.plan.content = file.replay.content(size: file.size)
            (state.source, state.unanswered) = (identity.source, file.replay.unanswered)
            state.unansweredWhole = file.replay.unansweredWhole
            // What the process before sent may arrive still: no block of another content has the number of one of its.
            if let predecessors = journal?.predecessors { state.plan.beginSerials(after: predecessors) }
            (state.isDirty, state.hasChanged) = (true, true)
            if let position = file.replay.log {
                let plan = AppendPlan(position, blockCountMax: scheduler.configuration.appendBlockCountMax)
                state.log = LogState(plan: plan, metadata: file.replay.headers?.metadata)
                state.log?.compactor = file.compactors.first.map { DirtyFile(scheduler: scheduler, recovered: $0) }
                _ = state.plan.stopStaging()
            }
        }
    }

    /// `spool`: as long as the base, and without a byte of it.
    package convenience init(scheduler: UploadScheduler, blob: BlobAddress, base: BlobProperties?, spool: SpoolFile) {
        let uploadID = UInt128.random(in: 0...UInt128.max)
        self.init(scheduler: scheduler, blob: blob, base: base, spool: spool, uploadID: uploadID, journal: nil)
    }

    private init(
        scheduler: UploadScheduler,
        blob: BlobAddress,
        base: BlobProperties?,
        spool: SpoolFile,
        uploadID: UInt128,
        journal: DirtyJournal?
    ) {
        let configuration = scheduler.configuration
        self.scheduler = scheduler
        self.spool = spool
        self.journal = journal
        hash = ContentHash(spool: spool)
        let plan = UploadPlan(
            baseSize: base?.length ?? 0,
            layout: BlockLayout(base: configuration.blockSize),
            singlePutMax: configuration.singlePutMax,
            copyMin: configuration.copyMin
        )
        let names = BlockNames(uploadID: uploadID)
        state = Mutex(State(blob: blob, base: base, names: names, plan: plan, isDirty: base == nil))
    }

    // MARK: What it is

    package var blob: BlobAddress { state.withLock { $0.nextPlace?.blob ?? $0.blob } }
    /// In bytes.
    package var size: UInt64 { state.withLock { $0.plan.content.size } }
    /// The store does not hold this content: true also for an empty file that was never committed.
    package var isDirty: Bool { state.withLock { $0.isDirty } }
    /// Every byte of it is here.
    package var isWhole: Bool { state.withLock { $0.plan.content.missing.isEmpty } }
    /// Anything was written, truncated or zeroed since the beginning. The shell's `echo hi > f` closes a duplicate
    /// before its first write: such a close need not commit.
    package var hasChanged: Bool { state.withLock { $0.hasChanged } }
    /// Tells whether it was changed in between.
    package var changeCount: Int { state.withLock { $0.changeCount } }
    /// Parts of the file are in the store only.
    package var needsBase: Bool { state.withLock { $0.plan.needsBase } }
    /// What is not here belongs to another blob, of which this one becomes a copy.
    package var isCopy: Bool { state.withLock { $0.source != nil } }
    /// Bytes of an older version of this very blob are part of the file: a commit is good for that version only.
    package var needsOwnBase: Bool { state.withLock { $0.source == nil && $0.plan.needsBase } }
    /// The last commit that succeeded.
    package var lastCommit: CommittedFile? { state.withLock { $0.lastCommit?.file } }
    /// The last failure, of a commit or of a block on its way, until a commit succeeds.
    package var lastError: CommitError? { state.withLock { $0.lastError } }

    /// Where the bytes of a range are; what lies behind the end of the file is left out.
    package func segments(of range: Range<UInt64>) -> [Segment] {
        state.withLock { $0.plan.content.segments(of: range) }
    }

    /// Fills the buffer from a range that `segments` called local (or a hole).
    package func readLocal(
        _ range: Range<UInt64>,
        into buffer: UnsafeMutableRawBufferPointer
    ) throws(LocalStoreError) {
        try spool.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<range.count]), at: range.lowerBound)
    }

    // MARK: Names

    /// The blob has another name now. What was staged under the old one is staged again; the service forgets it there
    /// after a week. While a commit runs, it finishes under the old name: `CommittedFile.blob` tells.
    ///
    /// `version`: of the blob under its new name, if there is one that holds what the base, or the last commit, was.
    /// Without it, parts of the base that are not local come from the old name, as long as they are there.
    /// `known`: what the new name holds where no version is given.
    package func move(to blob: BlobAddress, version: BlobVersion? = nil, known: KnownName? = nil) {
        journal?.moved(to: blob, version.map { .version($0.etag) } ?? known, base: version)
        let outdated = state.withLock { state -> [Task<Void, Never>] in
            guard state.round == nil else {
                state.nextPlace = (blob, version)
                return []
            }
            return state.move(to: blob, version)
        }
        for task in outdated { task.cancel() }
        noteLog(movedOver: known != .absent)
    }

    /// The file has no name any more (unlinked, still open): nothing more is sent; it can be read and written on.
    package func stopUploading() {
        let (outdated, round, compactor) = state.withLock { state in
            let outdated = state.plan.stopStaging()
            return (state.takeTasks(outdated), state.round, state.log?.compactor.take())
        }
        for task in outdated { task.cancel() }
        round?.cancel()
        compactor?.discard()
        journal?.remove()
    }

    /// Ends everything. Commits that wait fail as cancelled; the disk space is free when the last read has ended.
    package func discard() {
        state.withLock { $0.isDiscarded = true }
        stopUploading()
    }
}

extension DirtyFile.State {
    mutating func move(to blob: BlobAddress, _ version: BlobVersion?) -> [Task<Void, Never>] {
        if let version {
            if source == nil, let old = base?.version, old.etag != version.etag {
                base?.version = version
                plan.forgetKeptBlocks()
            }
            lastCommit?.file.version = version
        }
        if let version { log?.plan.learned(version) }
        guard blob != self.blob else { return [] }
        if version == nil, base != nil, source == nil { source = self.blob }
        (unanswered, unansweredWhole) = ([], [])
        self.blob = blob
        moveLog(isStored: version != nil)
        lastCommit?.file.blob = blob
        return takeTasks(plan.restageAll())
    }

    /// The store has the file: what is not here is in that version from now on.
    mutating func rebase(on file: CommittedFile) {
        (unanswered, unansweredWhole) = ([], [])
        guard base != nil else { return }
        source = nil
        base?.version = file.version
        base?.length = file.size
    }

    /// What a rename asked for while a commit ran. The commit went to the old name: if nothing under the new one holds
    /// these bytes, they have to be sent once more. A version that was told for the same name is older than the commit.
    mutating func moveAfterCommit() -> [Task<Void, Never>] {
        guard let next = nextPlace.take(), next.blob != blob else { return [] }
        if next.version == nil {
            isDirty = true
            lastCommit = nil
        }
        return move(to: next.blob, next.version)
    }

    mutating func takeTasks(_ serials: [UInt32]) -> [Task<Void, Never>] {
        serials.compactMap { stages.removeValue(forKey: $0) }
    }

    /// Those who wait to write, if they may.
    mutating func takeWritableWaiters() -> [CheckedContinuation<Void, Never>] {
        guard isWritable, !writableWaiters.isEmpty else { return [] }
        defer { writableWaiters = [:] }
        return Array(writableWaiters.values)
    }

    var isWritable: Bool { round == nil && !isChangingShape }
    /// Nothing is being written or reshaped at this moment.
    var isQuiet: Bool { !isChangingShape && !plan.hasOpenWrites }
}

extension BlobProperties {
    fileprivate init(_ base: JournalIdentity.Base) {
        self.init(version: base.version, length: base.length, type: base.type)
    }
}
