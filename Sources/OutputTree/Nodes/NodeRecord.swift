import BlobStorage
import FileSystemModel

/// What the table keeps of every node that the kernel knows: 96 bytes, and its name beside it.
///
/// A file is known by a record alone as long as nothing is done with it but looking it up and stat. What more there is
/// to a file, or to a directory that is read, is in an object for as long as it is needed: see `LiveNodes`.
struct NodeRecord {
    enum Content {
        /// Nobody's; `next` is the next one of its page that is free.
        case free(next: UInt16)
        case selfLink
        case file(DormantFile)
        /// A `FileNode` under this number in `LiveNodes`.
        case liveFile(UInt32)
        /// With the facts of the blob that marks the directory, if one is known.
        case directory(FileFacts?)
        /// A `DirectoryNode` under this number in `LiveNodes`.
        case liveDirectory(UInt32)
    }

    struct Flags: OptionSet {
        let rawValue: UInt8
        /// The inode number is not that of the address, as the file was renamed: it is kept behind the name.
        static let hasOwnInode = Flags(rawValue: 1 << 0)
    }

    var content: Content
    var flags: Flags = []
    /// Of directories: what kind of place, see `PlaceKind`.
    var kind: PlaceKind = .file
    /// How many nodes had this slot before.
    var useCount: UInt32
    /// Not yet forgotten by the kernel. A count that has come to `UInt32.max` stays there, and the node for ever.
    var lookups: UInt32 = 0
    /// The number in `NamePrefixes` of what the names of all blobs in a directory begin with: a file's is that of the
    /// directory that it is in, a directory's is its own.
    var prefix: UInt32 = 0
    /// Where its page keeps what follows the prefix in the name.
    var name = noName

    static let noName = UInt32.max

    mutating func countLookup() { if lookups < .max { lookups += 1 } }

    mutating func forget(_ count: UInt64) {
        if lookups < .max { lookups -= UInt32(min(UInt64(lookups), count)) }
    }
}

/// A file of which nothing is known but what the store said: nobody has it open, nothing of it is unsent.
struct DormantFile {
    /// When the request that told `facts` began, in nanoseconds of `TreeClock.monotonic`.
    private var learnedAtNanoseconds: Int64
    private(set) var facts: FileFacts
    private var bits: UInt8

    init(facts: FileFacts, learnedAt: Duration, isShadowed: Bool, hasPages: Bool) {
        learnedAtNanoseconds = learnedAt.nanoseconds
        self.facts = facts
        bits = (isShadowed ? 1 : 0) | (hasPages ? 2 : 0)
    }

    var learnedAt: Duration { .nanoseconds(learnedAtNanoseconds) }

    /// Shown under an escaped name, perhaps because a directory has its plain one.
    var isShadowed: Bool {
        get { bits & 1 != 0 }
        set { bits = newValue ? bits | 1 : bits & ~1 }
    }

    /// The kernel's page cache holds bytes of this very version.
    private(set) var hasPages: Bool {
        get { bits & 2 != 0 }
        set { bits = newValue ? bits | 2 : bits & ~2 }
    }

    /// Takes over what a HEAD or a listing that began at `startedAt` says: as `FileState.observe`, without anything
    /// here that could know better.
    mutating func observe(_ newer: FileFacts, startedAt: Duration) -> VersionRelation {
        let startedAtNanoseconds = startedAt.nanoseconds
        guard startedAtNanoseconds >= learnedAtNanoseconds else { return .same }
        let relation = facts.relation(to: newer)
        guard relation != .replaced else { return relation }
        // The pages of a log that grew end too early.
        if relation == .grown { hasPages = false }
        facts = newer
        learnedAtNanoseconds = startedAtNanoseconds
        return relation
    }
}

extension Duration {
    /// Rounded down; from the year 1678 to 2262 if counted from 1970.
    fileprivate var nanoseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds &* 1_000_000_000 &+ attoseconds / 1_000_000_000
    }
}

/// What the table tells of a file without giving it an object.
enum KnownFile: Sendable {
    case node(FileNode)
    case dormant(NodeID, inode: UInt64, FileFacts, learnedAt: Duration, isShadowed: Bool)

    var isShadowed: Bool {
        switch self {
        case .node(let node): node.withState { $0.isShadowed }
        case .dormant(_, _, _, _, let isShadowed): isShadowed
        }
    }
}

/// What the table tells of a directory without giving it an object.
struct KnownDirectory: Sendable {
    let id: NodeID
    let inode: UInt64
    let facts: FileFacts?
}

/// What stands behind a node id, with no object made for it.
enum KnownNode: Sendable {
    case file(KnownFile)
    case directory(KnownDirectory)
    case selfLink
}
