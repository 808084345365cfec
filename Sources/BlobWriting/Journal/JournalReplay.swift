package import BlobStorage

/// What a log says in the end: a pure value.
package struct JournalReplay: Sendable {
    /// What recovery owes the file.
    package enum Duty: Sendable, Hashable {
        /// Nothing: the store has it.
        case none
        /// close or fsync was asked for: it is uploaded.
        case publish
        /// Written and never closed, or closed by a machine whose power went before anything was safe: it is offered.
        case offer(String)
    }

    package private(set) var identity: JournalIdentity
    /// Of the last close or fsync; with what is to be stored beside the bytes.
    package private(set) var headers: BlobHeaders?
    /// Seconds since the epoch.
    package private(set) var dueSince: Int64?
    /// Ranges of the data file, below the base's length, that are the file's.
    package private(set) var extents = RangeSet<UInt64>()
    /// Bytes of the base from here on are not the file's.
    package private(set) var baseLimit: UInt64
    package private(set) var keptReason: String?
    /// What the store has of it since the last commit that was answered, while the name is the same.
    package private(set) var committed: BlobVersion?
    /// Of a file that grows in an append blob.
    package private(set) var log: AppendPosition?
    /// Digests of block lists that were sent since the last commit that was answered.
    package private(set) var unanswered: Set<UInt64> = []
    /// MD5s, base64, of whole files that were sent since then.
    private(set) var unansweredWhole: Set<String> = []
    /// How many processes went on with the file after the one that began it.
    private(set) var resumptions: UInt32 = 0
    /// Where the file ends if its data file is longer; in bytes.
    private(set) var sizeMax = UInt64.max
    private(set) var isDue = false
    private(set) var hasChanges = true
    private(set) var isSynced = false
    /// What was the file's when its bytes were last made safe, and what is being made so.
    private var safe: SafeContent?
    private var nextSafe: SafeContent?

    /// `nil` when the log does not say what the file is.
    package init?(_ records: [JournalRecord]) {
        guard case .identity(let identity) = records.first else { return nil }
        self.identity = identity
        baseLimit = identity.base?.length ?? 0
        for record in records.dropFirst() { apply(record) }
    }

    private mutating func apply(_ record: JournalRecord) {
        switch record {
        case .identity(let newer):
            identity = newer
            (hasChanges, isDue, isSynced) = (true, false, false)
        case .extent(let range): extents.insert(contentsOf: range)
        case .truncated(let size):
            if size < baseLimit { extents.remove(contentsOf: size..<baseLimit) }
            baseLimit = min(baseLimit, size)
        case .changed: hasChanges = true
        case .due(let headers, let time):
            // Since when it waits, not when it was last tried.
            if !isDue { dueSince = time }
            self.headers = headers
            // What an earlier close was told stays true while the next one, or the upload behind it, is under way.
            isDue = true
        case .syncing(let size): nextSafe = SafeContent(extents: extents, baseLimit: baseLimit, size: size)
        case .synced:
            isSynced = true
            safe = nextSafe.take() ?? safe
        case .committed(let version):
            keptReason = nil
            committed = version
            // Of a log what was made safe behind the bytes that were sent waits still, as close was told.
            if !isSafeBehindLog {
                (isDue, hasChanges, isSynced, dueSince) = (false, false, false, nil)
                safe = nil
            }
            identity.known = .version(version.etag)
            identity.base?.version = version
            identity.source = nil
            (unanswered, unansweredWhole) = ([], [])
        case .moved(let blob, let known, let version):
            if blob != identity.blob { (unanswered, unansweredWhole, committed) = ([], [], nil) }
            identity.blob = blob
            identity.known = known
            if let version {
                identity.base?.version = version
                if committed != nil { committed = version }
            }
        case .kept(let reason): keptReason = reason
        case .log(let position, let local):
            log = position
            if let position { apply(position, local: local) }
        case .source(let blob, let base):
            (identity.source, identity.base, baseLimit) = (blob, base, base.length)
        case .sending(let digest): unanswered.insert(digest)
        case .sendingWhole(let md5): unansweredWhole.insert(md5)
        case .resumed: resumptions &+= 1
        }
    }

    private var isSafeBehindLog: Bool {
        guard let log, let safe else { return false }
        return isSynced && safe.size > log.sent
    }

    private mutating func apply(_ position: AppendPosition, local: UInt64) {
        safe?.apply(position, local: local)
        nextSafe?.apply(position, local: local)
        if local > baseLimit { extents.insert(contentsOf: baseLimit..<local) }
        extents.remove(contentsOf: local..<UInt64.max)
        baseLimit = position.sent
        identity.base = position.version.map { version in
            JournalIdentity.Base(version: version, length: position.end, type: .append)
        }
        if position.start == .absent || position.start == .over { identity.base = nil }
    }

    /// `bootID`: of the kernel that runs now. Another one has lost what was only in its page cache. `size`: of the data
    /// file. What was written to a log is wanted also if nobody closed it: it would have been sent at the next interval.
    package func duty(bootID: String, size: UInt64 = 0) -> Duty {
        if let keptReason { return .offer(keptReason) }
        if isDue || log.map({ size > $0.sent }) == true {
            return isSynced || bootID == identity.bootID
                ? .publish : .offer("the machine went down before its bytes were safe on the disk")
        }
        return hasChanges && log == nil ? .offer("written, and never closed") : .none
    }

    /// What another life of the kernel finds. A record may have reached the disk before the bytes that it tells of, which
    /// read as zeros then: of a file that was made safe, what came later is the base's again, or is no part of the file.
    package func afterLossOfPower() -> JournalReplay {
        guard isSynced, let safe else { return self }
        var replay = self
        (replay.extents, replay.baseLimit) = (safe.extents, safe.baseLimit)
        replay.sizeMax = max(safe.size, log?.sent ?? 0)
        return replay
    }

    /// Where the bytes are; the data file's length is the file's.
    func content(size: UInt64) -> LocalContent {
        LocalContent(size: size, baseLimit: min(baseLimit, size), local: extents)
    }
}

/// What a loss of power leaves of a file.
private struct SafeContent: Sendable {
    var extents: RangeSet<UInt64>
    var baseLimit: UInt64
    /// Of the data file. What a log has beyond it is in the blob, if it was sent.
    var size: UInt64

    /// Bytes of a log that were sent are safe in the blob.
    mutating func apply(_ position: AppendPosition, local: UInt64) {
        let end = min(local, size)
        if end > baseLimit { extents.insert(contentsOf: baseLimit..<end) }
        extents.remove(contentsOf: local..<UInt64.max)
        baseLimit = position.sent
        // Places in the data file are others from here on, and nothing waits in it.
        if local < position.sent { size = 0 }
    }
}
