import BlobStorage
import FileSystemModel
import OutputConventions

/// What the tree keeps of a blob that it knows from a listing or a HEAD: enough for stat and to tell versions apart.
///
/// 68 bytes without heap strings, since there may be millions: the ETag as the number in it, the MD5 as its 16 bytes,
/// what is there and what not as bits. Texts of another form than the service's (`"0x8DE…"`, base64 of 16 bytes) are
/// kept as they came, in an object of their own.
struct FileFacts: Sendable, Hashable {
    private struct Flags: OptionSet, Hashable {
        let rawValue: UInt16

        static let etag = Flags(rawValue: 1 << 0)
        static let contentMD5 = Flags(rawValue: 1 << 1)
        static let creationTime = Flags(rawValue: 1 << 2)
        static let append = Flags(rawValue: 1 << 3)
        static let page = Flags(rawValue: 1 << 4)
        static let archived = Flags(rawValue: 1 << 5)
        static let modificationTime = Flags(rawValue: 1 << 6)
        static let permissions = Flags(rawValue: 1 << 7)
        static let userID = Flags(rawValue: 1 << 8)
        static let groupID = Flags(rawValue: 1 << 9)
        static let symbolicLink = Flags(rawValue: 1 << 10)
        static let directory = Flags(rawValue: 1 << 11)
        static let incomplete = Flags(rawValue: 1 << 12)
        static let secret = Flags(rawValue: 1 << 13)

        /// What is the blob's, and not the file's.
        var stored: Flags { subtracting(.secret) }
    }

    private var etagNumber: UInt64 = 0
    var length: UInt64
    /// What tells a version's bytes from another's: of an append blob its creation time (in the first half), of others
    /// the MD5.
    private var identity: (UInt64, UInt64) = (0, 0)
    /// `lastModified` in the high 34 bits (signed: until the year 2242), below it the nanoseconds of the POSIX time.
    private var times: Int64 = 0
    private var posixSeconds: Int64 = 0
    private var uncommon: UncommonText?
    private var userID: UInt32 = 0
    private var groupID: UInt32 = 0
    private var permissions: UInt16 = 0
    private var flags: Flags = []

    init(_ properties: BlobProperties) {
        length = properties.length
        switch properties.type {
        case .block: break
        case .append: flags.insert(.append)
        case .page: flags.insert(.page)
        }
        if properties.isArchived { flags.insert(.archived) }
        etag = properties.version.etag
        lastModified = properties.version.lastModified
        creationTime = properties.creationTime
        contentMD5 = properties.contentMD5
        var posix = PosixMetadata(properties.metadata)
        if properties.isDirectory { posix.isDirectory = true }
        self.posix = posix
    }

    /// Of a directory in a listing of a hierarchical namespace, which does not tell its metadata: owner, mode and time
    /// that were set are not known.
    init(listedDirectory properties: BlobProperties) {
        self.init(properties)
        flags.insert(.incomplete)
    }

    /// Whether attributes may be stored that are not known here.
    var isIncomplete: Bool { flags.contains(.incomplete) }

    /// As those of the blob at `address`: some may be read by their owner only, unless their mode was set.
    func with(_ address: BlobAddress) -> FileFacts {
        guard ForeachBlob.mayHoldTokens(address.name, in: address.container) else { return self }
        var facts = self
        facts.flags.insert(.secret)
        return facts
    }

    /// Of a file without a mode of its own.
    static func defaultPermissions(at address: BlobAddress, _ options: TreeOptions) -> UInt16 {
        ForeachBlob.mayHoldTokens(address.name, in: address.container)
            ? options.filePermissions & 0o400 : options.filePermissions
    }

    var etag: ETag {
        get { flags.contains(.etag) ? ETag(PackedText.etag(of: etagNumber)) : ETag(uncommon?.etag ?? "") }
        set {
            let number = PackedText.number(ofETag: newValue.text)
            etagNumber = number ?? 0
            set(.etag, number != nil)
            uncommon = UncommonText(
                etag: number == nil && !newValue.text.isEmpty ? newValue.text : nil,
                contentMD5: uncommon?.contentMD5
            )
        }
    }

    /// Of block and page blobs.
    private(set) var contentMD5: String? {
        get { flags.contains(.contentMD5) ? PackedText.base64(of: identity) : uncommon?.contentMD5 }
        set {
            guard !flags.contains(.append) else { return }
            let bytes = newValue.flatMap { PackedText.bytes(ofBase64: $0) }
            identity = bytes ?? (0, 0)
            set(.contentMD5, bytes != nil)
            uncommon = UncommonText(etag: uncommon?.etag, contentMD5: bytes == nil ? newValue : nil)
        }
    }

    var type: BlobType { flags.contains(.append) ? .append : flags.contains(.page) ? .page : .block }

    /// Seconds since the epoch; tells one append blob from its successor, and is kept of those only.
    var creationTime: Int64? {
        get { flags.contains(.creationTime) ? Int64(bitPattern: identity.0) : nil }
        set {
            guard flags.contains(.append) else { return }
            identity = (UInt64(bitPattern: newValue ?? 0), 0)
            set(.creationTime, newValue != nil)
        }
    }

    /// Seconds since the epoch.
    var lastModified: Int64 {
        get { times >> 30 }
        set { times = min(max(newValue, -(1 << 33)), 1 << 33 - 1) << 30 | times & (1 << 30 - 1) }
    }

    /// As much as a reader of these bytes has to know.
    var version: BlobProperties {
        BlobProperties(
            version: BlobVersion(etag: etag, lastModified: lastModified),
            length: length,
            type: type,
            creationTime: creationTime
        )
    }

    var isArchived: Bool { flags.contains(.archived) }

    private(set) var posix: PosixMetadata {
        get {
            var posix = PosixMetadata()
            posix.modificationTime = modificationTime
            if flags.contains(.permissions) { posix.permissions = permissions }
            if flags.contains(.userID) { posix.userID = userID }
            if flags.contains(.groupID) { posix.groupID = groupID }
            posix.isSymbolicLink = isSymbolicLink
            posix.isDirectory = flags.contains(.directory)
            return posix
        }
        set {
            posixSeconds = newValue.modificationTime?.seconds ?? 0
            times = (times & ~(1 << 30 - 1)) | Int64(newValue.modificationTime?.nanoseconds ?? 0)
            set(.modificationTime, newValue.modificationTime != nil)
            permissions = newValue.permissions ?? 0
            set(.permissions, newValue.permissions != nil)
            userID = newValue.userID ?? 0
            set(.userID, newValue.userID != nil)
            groupID = newValue.groupID ?? 0
            set(.groupID, newValue.groupID != nil)
            set(.symbolicLink, newValue.isSymbolicLink)
            set(.directory, newValue.isDirectory)
        }
    }

    /// The time that programs set, where one is stored.
    var modificationTime: Timestamp? {
        guard flags.contains(.modificationTime) else { return nil }
        return Timestamp(seconds: posixSeconds, nanoseconds: Int32(times & (1 << 30 - 1)))
    }

    private var isSymbolicLink: Bool { flags.contains(.symbolicLink) }

    /// Whether the blob is no file but keeps a directory alive: marked so, and without bytes that could be lost.
    var isDirectoryMarker: Bool { flags.contains(.directory) && length == 0 }

    var kind: FileKind { isSymbolicLink ? .symbolicLink : .file }

    func attributes(inode: UInt64, options: TreeOptions) -> Attributes {
        let stored = Timestamp(seconds: lastModified)
        let modified = modificationTime ?? stored
        let isPosix = options.usesPosixMetadata
        return Attributes(
            inode: inode,
            kind: kind,
            permissions: isSymbolicLink
                ? 0o777
                : isPosix && flags.contains(.permissions)
                    ? permissions
                    : flags.contains(.secret) ? options.filePermissions & 0o400 : options.filePermissions,
            userID: isPosix && flags.contains(.userID) ? userID : options.userID,
            groupID: isPosix && flags.contains(.groupID) ? groupID : options.groupID,
            size: length,
            accessTime: modified,
            modificationTime: modified,
            changeTime: max(modified, stored)
        )
    }

    private mutating func set(_ flag: Flags, _ isSet: Bool) {
        if isSet { flags.insert(flag) } else { flags.remove(flag) }
    }

    func hasSameETag(as other: FileFacts) -> Bool {
        etagNumber == other.etagNumber && flags.contains(.etag) == other.flags.contains(.etag)
            && uncommon?.etag == other.uncommon?.etag
    }

    /// How a version that the store shows now relates to this one.
    func relation(to newer: FileFacts) -> VersionRelation {
        if hasSameETag(as: newer) { return .same }
        guard newer.type == type, newer.isSymbolicLink == isSymbolicLink else { return .replaced }
        switch type {
        case .append:
            // An append blob only grows; a new creation time or a smaller size means that it started over.
            return newer.creationTime == creationTime && newer.length >= length ? .grown : .replaced
        case .block, .page:
            // A foreign chmod or touch changes the ETag and not the bytes.
            return newer.length == length && hasSameMD5(as: newer) ? .sameBytes : .replaced
        }
    }

    /// Whether both have one, and the same.
    private func hasSameMD5(as other: FileFacts) -> Bool {
        switch (flags.contains(.contentMD5), other.flags.contains(.contentMD5)) {
        case (true, true): identity == other.identity
        case (false, false): uncommon?.contentMD5 != nil && uncommon?.contentMD5 == other.uncommon?.contentMD5
        default: false
        }
    }

    static func == (one: FileFacts, other: FileFacts) -> Bool {
        one.hasSameETag(as: other) && one.length == other.length && one.identity == other.identity
            && one.times == other.times && one.posixSeconds == other.posixSeconds && one.userID == other.userID
            && one.groupID == other.groupID && one.permissions == other.permissions
            && one.flags.stored == other.flags.stored
            && one.uncommon?.contentMD5 == other.uncommon?.contentMD5
    }

    func hash(into hasher: inout Hasher) {
        hasher.combine(etagNumber)
        hasher.combine(length)
        hasher.combine(identity.0)
        hasher.combine(flags.stored)
    }
}

/// Texts of a form that `FileFacts` has no numbers for.
private final class UncommonText: Sendable {
    let etag: String?
    let contentMD5: String?

    /// `nil` if there is nothing to keep.
    init?(etag: String?, contentMD5: String?) {
        guard etag != nil || contentMD5 != nil else { return nil }
        self.etag = etag
        self.contentMD5 = contentMD5
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
