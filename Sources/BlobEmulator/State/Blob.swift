enum BlobKind: UInt8, Sendable {
    case block, append, page

    init?(header: String) {
        switch header {
        case "BlockBlob": self = .block
        case "AppendBlob": self = .append
        case "PageBlob": self = .page
        default: return nil
        }
    }

    var headerValue: String {
        switch self {
        case .block: "BlockBlob"
        case .append: "AppendBlob"
        case .page: "PageBlob"
        }
    }
}

/// The content headers that are stored with a blob and given back with it.
struct ContentHeaders: Sendable, Equatable {
    var type = defaultContentType
    var encoding: String?
    var language: String?
    var disposition: String?
    var cacheControl: String?
    /// Base64 of 16 bytes.
    var md5: String?

    static let defaultContentType = "application/octet-stream"
}

/// Names and values in the order and spelling in which they came; names are unique without case.
struct Metadata: Sendable {
    var entries: [(name: String, value: String)] = []
}

struct Tag: Sendable, Equatable {
    let key: String
    let value: String
}

enum AccessTier: String, Sendable {
    case hot = "Hot"
    case cool = "Cool"
    case cold = "Cold"
    case archive = "Archive"
}

/// A block of a committed block blob: its id and how many bytes of the content are its own.
struct CommittedBlock: Sendable {
    let id: String
    let length: Int
}

/// What became of a copy into this blob.
struct CopyState: Sendable {
    enum Status: String, Sendable {
        case pending, success, aborted, failed
    }

    var id: String
    var source: String
    var status: Status
    var copied: Int
    var total: Int
    var completed: Timestamp?
    /// When a pending copy is to be found finished.
    var settles: Timestamp?
}

/// One committed version of a blob: content, properties, metadata. Snapshots are such versions too.
struct Blob: Sendable {
    var kind: BlobKind
    var content = Content()
    /// Of block blobs; empty if the content came in one piece.
    var blocks: [CommittedBlock] = []
    /// Of append blobs: how many blocks were appended.
    var appendedBlockCount = 0
    var etag: ETag
    var modified: Timestamp
    var created: Timestamp
    var headers = ContentHeaders()
    var metadata = Metadata()
    var tags: [Tag] = []
    /// Nil: the account's default, Hot, as `AccessTierInferred`.
    var tier: AccessTier?
    var tierChanged: Timestamp?
    /// The tier that an archived blob is being brought back to.
    var rehydratesTo: AccessTier?
    var copy: CopyState?
    var isSealed = false
    /// Of page blobs.
    var sequenceNumber = 0
    var protection = BlobProtection()
    /// Nil: as it was made.
    var access: PathAccess?
}

struct Snapshot: Sendable {
    let time: Timestamp
    var blob: Blob
}

/// Blocks that were put but not committed.
struct StagedBlocks: Sendable {
    var blocks: [String: Content] = [:]
}

/// All there is under one name: the blob, its snapshots, staged blocks and lease. Guarded by its container's lock.
final class BlobNode: @unchecked Sendable {
    var current: Blob?
    /// Oldest first; also those that were deleted and are kept for a while.
    var snapshots: [Snapshot] = []
    /// What was deleted last, as long as it can be brought back.
    var deleted: Blob?
    var staged: StagedBlocks?
    var lease = Lease()

    /// Snapshots stay in the order of their times, also one that is put back.
    func add(_ snapshot: Snapshot) {
        let index = snapshots.lastIndex { $0.time <= snapshot.time }.map { $0 + 1 } ?? 0
        snapshots.insert(snapshot, at: index)
    }

    var isEmpty: Bool {
        current == nil && snapshots.isEmpty && staged == nil && deleted == nil
    }
}
