import BlobStorage
import FileSystemModel

/// What the tree keeps of a blob that it knows from a listing or a HEAD: enough for stat, without the strings.
struct FileFacts: Sendable, Hashable {
    var etag: ETag
    var length: UInt64
    var type: BlobType
    /// Seconds since the epoch; tells one append blob from its successor.
    var creationTime: Int64?
    var lastModified: Int64
    var contentMD5: String?
    var isArchived: Bool
    var posix: PosixMetadata

    init(_ properties: BlobProperties) {
        etag = properties.version.etag
        length = properties.length
        type = properties.type
        creationTime = properties.creationTime
        lastModified = properties.version.lastModified
        contentMD5 = properties.contentMD5
        isArchived = properties.isArchived
        posix = PosixMetadata(properties.metadata)
        if properties.isDirectory { posix.isDirectory = true }
    }

    /// Whether the blob is no file but keeps a directory alive: marked so, and without bytes that could be lost.
    var isDirectoryMarker: Bool { posix.isDirectory && length == 0 }

    var kind: FileKind { posix.isSymbolicLink ? .symbolicLink : .file }

    /// How a version that the store shows now relates to this one.
    func relation(to newer: FileFacts) -> VersionRelation {
        if newer.etag == etag { return .same }
        guard newer.type == type, newer.posix.isSymbolicLink == posix.isSymbolicLink else { return .replaced }
        switch type {
        case .append:
            // An append blob only grows; a new creation time or a smaller size means that it started over.
            return newer.creationTime == creationTime && newer.length >= length ? .grown : .replaced
        case .block, .page:
            // A foreign chmod or touch changes the ETag and not the bytes.
            guard newer.length == length, let old = contentMD5, let new = newer.contentMD5, old == new else {
                return .replaced
            }
            return .sameBytes
        }
    }
}

enum VersionRelation: Sendable, Hashable {
    case same
    /// Only metadata or properties changed.
    case sameBytes
    /// An append blob with more at its end.
    case grown
    case replaced
}
