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
    /// Of a file that grows in an append blob.
    package private(set) var log: AppendPosition?
    /// Digests of block lists that were sent since the last commit that was answered.
    package private(set) var unanswered: Set<UInt64> = []
    private(set) var isDue = false
    private(set) var hasChanges = true
    private(set) var isSynced = false
    /// What was the file's when its bytes were last made safe.
    private var safe: (extents: RangeSet<UInt64>, baseLimit: UInt64)?

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
        case .synced:
            isSynced = true
            safe = (extents, baseLimit)
        case .committed(let version):
            (isDue, hasChanges, isSynced, dueSince) = (false, false, false, nil)
            safe = nil
            keptReason = nil
            identity.known = .version(version.etag)
            identity.base?.version = version
            identity.source = nil
            unanswered = []
        case .moved(let blob, let known, let version):
            if blob != identity.blob { unanswered = [] }
            identity.blob = blob
            identity.known = known
            if let version { identity.base?.version = version }
        case .kept(let reason): keptReason = reason
        case .log(let position, let local):
            log = position
            if let position { apply(position, local: local) }
        case .source(let blob, let base):
            (identity.source, identity.base, baseLimit) = (blob, base, base.length)
        case .sending(let digest): unanswered.insert(digest)
        }
    }

    private mutating func apply(_ position: AppendPosition, local: UInt64) {
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
    /// read as zeros then: of a file that was made safe, what came later is the base's again.
    package func afterLossOfPower() -> JournalReplay {
        guard isDue, isSynced, let safe else { return self }
        var replay = self
        (replay.extents, replay.baseLimit) = safe
        return replay
    }

    /// The records that say the same, in one go.
    package var records: [JournalRecord] {
        var records: [JournalRecord] = [.identity(identity)]
        if let source = identity.source, let base = identity.base { records.append(.source(source, base)) }
        if let base = identity.base, baseLimit < base.length { records.append(.truncated(baseLimit)) }
        records += extents.ranges.map { .extent($0) }
        if let log { records.append(.log(log, local: extents.ranges.last?.upperBound ?? 0)) }
        if isDue, let headers { records.append(.due(headers, at: dueSince ?? 0)) }
        if isSynced { records.append(.synced) }
        records += unanswered.sorted().map { .sending($0) }
        if !isDue, !hasChanges, case .version(let etag) = identity.known {
            records.append(.committed(BlobVersion(etag: etag, lastModified: identity.base?.version.lastModified ?? 0)))
        }
        if let keptReason { records.append(.kept(keptReason)) }
        return records
    }

    /// Where the bytes are; the data file's length is the file's.
    func content(size: UInt64) -> LocalContent {
        LocalContent(size: size, baseLimit: min(baseLimit, size), local: extents)
    }
}
