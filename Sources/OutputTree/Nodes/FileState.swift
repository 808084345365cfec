import BlobReading
import BlobStorage
import BlobWriting
import FileSystemModel
import LocalStore
import OutputConventions

/// Everything that is true of one file on this mount: which version the store has, which bytes are here only, who has
/// it open. Reading, writing and naming all ask this one value.
///
/// ```
///            write, truncate, O_TRUNC               commit succeeds
///  clean  ────────────────────────────►  unsent  ────────────────────►  clean, local copy kept while open
///    ▲                                      │ ▲                            │
///    │                                      └─┘ commit fails: bytes stay   │ last close
///    └─────────────────────────────────────────────────────────────────────┘
/// ```
struct FileState: Sendable {
    /// Where the blob lives, or will.
    var address: BlobAddress { didSet { revision &+= 1 } }
    /// The committed version that this file stands for; `nil` while nothing is in the store.
    var facts: FileFacts? { didSet { revision &+= 1 } }
    /// When the request that told `facts` began.
    var learnedAt: Duration
    /// All that the store knows of that version; there once the file was opened or committed.
    var properties: BlobProperties?
    /// The bytes of that version.
    var reader: BlobReader?
    /// An open that fetches its first bytes: those who open it meanwhile wait for them.
    var firstRead: SharedWork<Bool>?
    /// The bytes as this mount's programs see them, when they were changed here.
    var local: DirtyFile? { didSet { revision &+= 1 } }
    /// Created or truncated here, and not committed since: to be committed even if nobody writes a byte.
    var isPlacementPending = false { didSet { if isPlacementPending != oldValue { revision &+= 1 } } }
    /// Something was written since the last open of an untouched file: tells `echo x > f`, whose shell closes a
    /// duplicate before the first write, from a close that must place the file.
    var hasWrites = false { didSet { if hasWrites != oldValue { revision &+= 1 } } }
    /// A log that will be sent when its interval is over.
    var isFlushScheduled = false
    /// The first commit must find no blob (O_EXCL).
    var mustBeNew = false { didSet { if mustBeNew != oldValue { revision &+= 1 } } }
    /// O_EXCL was lost to somebody elsewhere: the name is theirs, these bytes go nowhere, and every close says EEXIST.
    var isOvertaken = false { didSet { if isOvertaken != oldValue { revision &+= 1 } } }
    /// An earlier process wrote it: the store is asked before it is uploaded.
    var recovery: PendingRecovery?
    /// Attributes that were set here and are not in the store yet.
    var pending = PendingAttributes() { didSet { if pending.mustSurvive(oldValue) { revision &+= 1 } } }
    /// Open handles, and those of them that may write.
    var openCount = 0 { didSet { revision &+= 1 } }
    var writerCount = 0
    /// Those that the kernel serves from a local copy.
    var backedCount = 0
    /// That copy, which must not be evicted under them.
    var lease: CleanFileLease?
    /// A keeper has the lock of that copy, too: it stays whole although this process is killed.
    var isLeaseKept = false
    /// Another node stands for the blob: its readers of a local copy cannot see what is written there.
    var isDetached = false { didSet { if isDetached != oldValue { revision &+= 1 } } }
    /// Somebody is about to open it for writing, or has: no reader is sent to a local copy.
    var expectsChange = false
    /// Shown under an escaped name, perhaps because a directory has its plain one.
    var isShadowed = false
    /// The name is gone; the bytes live as long as somebody has them open.
    var isUnlinked = false { didSet { if isUnlinked != oldValue { revision &+= 1 } } }
    /// The store's delete waits for the last handle: until then the name must not come back from there.
    var isRemovalPending = false { didSet { if isRemovalPending != oldValue { revision &+= 1 } } }
    /// Made while the blob of an unlinked file was still in the store: unlinking this one has to delete it.
    var coversStoredBlob = false { didSet { if coversStoredBlob != oldValue { revision &+= 1 } } }
    /// It was copied here from another name, which is about to be deleted: a rename that is sent again meanwhile, as its
    /// process was killed, finds both, and this file must not pass for one that is to be replaced.
    var renamedFrom: RenameOrigin? { didSet { if renamedFrom != oldValue { revision &+= 1 } } }
    /// The version whose bytes the kernel's page cache holds.
    var pageCacheVersion: ETag?
    var linkTarget: String?
    /// The last commit's failure, until one succeeds.
    var lastFailure: FileSystemError?
    var failedCommits = 0

    /// Changes with everything that the process after this one has to know of a file that is open.
    private(set) var revision: UInt32 = 0

    init(address: BlobAddress, facts: FileFacts?, learnedAt: Duration) {
        self.address = address
        self.facts = facts
        self.learnedAt = learnedAt
    }

    /// Whether the store lacks something that this mount has.
    var hasUnsentContent: Bool { !isUnlinked && (isPlacementPending || local?.isDirty == true) }
    var hasUnsentChanges: Bool { hasUnsentContent || (!isUnlinked && !pending.isEmpty) }
    /// Whether the node must outlive the kernel's interest in it.
    var isBusy: Bool { openCount > 0 || hasUnsentChanges }

    var size: UInt64 {
        if let local { return local.size }
        if let reader { return max(reader.length, facts?.length ?? 0) }
        return facts?.length ?? 0
    }

    var kind: FileKind { facts?.kind ?? .file }

    func attributes(inode: UInt64, options: TreeOptions, now: Timestamp) -> Attributes {
        var attributes =
            facts?.with(address).attributes(inode: inode, options: options)
            ?? Attributes(
                inode: inode,
                kind: .file,
                permissions: FileFacts.defaultPermissions(at: address, options),
                userID: options.userID,
                groupID: options.groupID,
                size: 0,
                accessTime: now,
                modificationTime: now,
                changeTime: now
            )
        attributes.size = size
        if kind != .symbolicLink, let permissions = pending.permissions { attributes.permissions = permissions }
        if let user = pending.userID { attributes.userID = user }
        if let group = pending.groupID { attributes.groupID = group }
        if let modified = pending.modificationTime {
            attributes.accessTime = modified
            attributes.modificationTime = modified
            attributes.changeTime = max(modified, facts.map { Timestamp(seconds: $0.lastModified) } ?? modified)
        }
        if isUnlinked { attributes.linkCount = 0 }
        return attributes
    }

    /// What is left of the file when nobody uses it: what the store said. `nil` while there is more to it.
    var dormant: DormantFile? {
        guard let facts, local == nil, openCount == 0, !isUnlinked, !isPlacementPending, !hasWrites, !mustBeNew,
            !isRemovalPending, !coversStoredBlob, !isDetached, !expectsChange, lastFailure == nil,
            pending == PendingAttributes()
        else { return nil }
        return DormantFile(
            facts: facts.with(address),
            learnedAt: learnedAt,
            isShadowed: isShadowed,
            hasPages: pageCacheVersion == facts.etag
        )
    }

    /// The metadata that the next commit stores: what is there, with what was set here laid over it.
    func metadata(options: TreeOptions) -> BlobMetadata {
        var (metadata, pending) = (properties?.metadata ?? [:], pending)
        // A log's time is that of its last append, whoever made it; only one that was set is kept.
        if local?.isLog == true, !pending.hasExplicitTime, pending.modificationTime != nil {
            pending.modificationTime = nil
            (metadata["modtime"], metadata["mtime"]) = (nil, nil)
        }
        pending.apply(to: &metadata, kind: kind, options: options)
        return metadata
    }

    /// What the next commit stores beside the bytes.
    func headers(options: TreeOptions) -> BlobHeaders {
        var headers = properties.map { BlobHeaders(of: $0) } ?? BlobHeaders()
        if headers.contentType == nil || headers.contentType == ContentTypes.unknown {
            headers.contentType = ContentTypes.type(forName: address.name)
        }
        // The bytes change: their MD5 is the uploader's to know, and an encoding of the old bytes says nothing of the new.
        headers.contentMD5 = nil
        headers.contentEncoding = nil
        headers.metadata = metadata(options: options)
        return headers
    }

    /// Takes over what a HEAD or a listing that began at `startedAt` says, unless this mount knows better.
    mutating func observe(_ newer: FileFacts, startedAt: Duration) -> VersionRelation {
        guard let facts, startedAt >= learnedAt else { return .same }
        let relation = facts.relation(to: newer)
        switch relation {
        case .same, .sameBytes:
            // Also under changes made here: they build on the same bytes under another version now.
            if relation == .sameBytes { adopt(BlobVersion(etag: newer.etag, lastModified: newer.lastModified)) }
            self.facts = newer
            learnedAt = startedAt
        case .grown:
            // What this mount has in hand wins over what it hears.
            guard !hasUnsentContent else { return .same }
            properties = nil
            pageCacheVersion = nil
            reader?.extend(to: newer.length)
            self.facts = newer
            learnedAt = startedAt
        case .replaced:
            // What this mount has in hand is no other file, nor is what it has just sent and not noted here yet: a second
            // node would build on a version that this one's writers go on from.
            if hasUnsentContent || local?.lastCommit?.version.etag == newer.etag { return .same }
        }
        return relation
    }

    /// Only metadata changed: the same bytes have another version now, for the reader, for what builds on them, and for
    /// the kernel's pages. What is in the metadata has to be asked for.
    mutating func adopt(_ version: BlobVersion) {
        properties = nil
        if pageCacheVersion == facts?.etag { pageCacheVersion = version.etag }
        if local?.isCopy != true { reader?.adopt(version.etag) }
        local?.move(to: address, version: version)
    }
}

/// The name and version that a file had before a rename.
struct RenameOrigin: Sendable, Hashable {
    var address: BlobAddress
    var etag: ETag
}

/// Owner, mode, times and user attributes that wait for the next commit.
struct PendingAttributes: Sendable, Hashable {
    var permissions: UInt16?
    var userID: UInt32?
    var groupID: UInt32?
    var modificationTime: Timestamp?
    /// Metadata keys of extended attributes; `nil` removes.
    var extended: [String: String?] = [:]
    /// Whether they need a commit by themselves; the time of a write does not, it rides with the bytes.
    var isEmpty: Bool { permissions == nil && userID == nil && groupID == nil && !hasExplicitTime && extended.isEmpty }
    var hasExplicitTime = false

    /// Whether a change of `old` into this is worth telling the process that follows: not the time of every write.
    func mustSurvive(_ old: PendingAttributes) -> Bool {
        permissions != old.permissions || userID != old.userID || groupID != old.groupID
            || hasExplicitTime != old.hasExplicitTime || (hasExplicitTime && modificationTime != old.modificationTime)
            || extended != old.extended
    }

    func apply(to metadata: inout BlobMetadata, kind: FileKind, options: TreeOptions) {
        var posix = PosixMetadata()
        posix.modificationTime = modificationTime
        if options.usesPosixMetadata {
            posix.permissions = permissions
            posix.userID = userID
            posix.groupID = groupID
        }
        posix.write(to: &metadata, kind: kind)
        for (key, value) in extended { metadata[key] = value }
    }
}
