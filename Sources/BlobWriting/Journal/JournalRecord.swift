package import BlobStorage

/// What this mount knew of a name when it began to write the file: recovery puts the bytes there only if it is so still.
package enum KnownName: Sendable, Hashable {
    /// Nobody asked: whatever is there may be somebody else's.
    case unknown
    case absent
    case version(ETag)
}

/// What a dirty file is: the first record of its log.
package struct JournalIdentity: Sendable, Hashable {
    /// The version that is edited; its bytes are part of the file where no others are here.
    package struct Base: Sendable, Hashable {
        package var version: BlobVersion
        /// In bytes.
        package var length: UInt64
        package var type: BlobType
    }

    package var blob: BlobAddress
    package var base: Base?
    package var known: KnownName
    /// The first 16 bytes of all block ids that this file stages.
    package var uploadID: UInt128
    /// Of the kernel that had the bytes in its page cache.
    package var bootID: String
    /// Whose version the base is; `nil` for this blob's own. A record of its own.
    package var source: BlobAddress?
}

/// One line of a dirty file's log. The numbers are those in the files, for ever.
package enum JournalRecord: Sendable, Hashable {
    /// Also: something was written.
    case identity(JournalIdentity)
    /// These bytes, below the base's length, are in the data file. Written after them.
    case extent(Range<UInt64>)
    /// Bytes of the base from here on are no part of the file any more.
    case truncated(UInt64)
    /// Written to again after a commit.
    case changed
    /// close or fsync asked for the file as it is, with these headers. Seconds since the epoch.
    case due(BlobHeaders, at: Int64)
    /// What is in the data file now, which has this length in bytes, and everything before this record is on its way to
    /// the disk.
    case syncing(size: UInt64)
    /// And is there: it survives a loss of power.
    case synced
    /// The store holds the file as it was due.
    case committed(BlobVersion)
    case moved(BlobAddress, KnownName, base: BlobVersion?)
    /// Recovery does not touch it any more, for this reason: somebody has to decide.
    case kept(String)
    /// The file grows in an append blob, which has come so far; `nil`: it does so no more, and is a file like others.
    /// Below `position.sent`, what the data file had of the file before this record it still has, up to `local`.
    case log(AppendPosition?, local: UInt64)

    /// The base is that version of that blob from now on, to its length here.
    case source(BlobAddress, JournalIdentity.Base)
    /// A list of blocks with this digest, some of them the base's, was sent: it may be what the name holds.
    case sending(UInt64)
    /// The whole file was sent in one piece, with this MD5, base64: it may be what the name holds.
    case sendingWhole(md5: String)
    /// Another process goes on with the file.
    case resumed

    private enum Kind: UInt8 {
        case identity = 1, extent, truncated, changed, due, synced, committed, moved, kept, source, sending, syncing
        case sendingWhole, resumed
        case log = 20
    }

    package var payload: [UInt8] {
        var writer = PayloadWriter()
        switch self {
        case .identity(let identity):
            writer.byte(Kind.identity.rawValue)
            writer.blob(identity.blob)
            writer.optional(identity.base) { $0.base($1) }
            writer.known(identity.known)
            writer.integer(UInt64(truncatingIfNeeded: identity.uploadID >> 64))
            writer.integer(UInt64(truncatingIfNeeded: identity.uploadID))
            writer.string(identity.bootID)
        case .extent(let range):
            writer.byte(Kind.extent.rawValue)
            writer.integer(range.lowerBound)
            writer.integer(range.upperBound)
        case .truncated(let size):
            writer.byte(Kind.truncated.rawValue)
            writer.integer(size)
        case .changed: writer.byte(Kind.changed.rawValue)
        case .due(let headers, let time):
            writer.byte(Kind.due.rawValue)
            writer.integer(UInt64(bitPattern: time))
            writer.headers(headers)
        case .syncing(let size):
            writer.byte(Kind.syncing.rawValue)
            writer.integer(size)
        case .synced: writer.byte(Kind.synced.rawValue)
        case .committed(let version):
            writer.byte(Kind.committed.rawValue)
            writer.version(version)
        case .moved(let blob, let known, let base):
            writer.byte(Kind.moved.rawValue)
            writer.blob(blob)
            writer.known(known)
            writer.optional(base) { $0.version($1) }
        case .kept(let reason):
            writer.byte(Kind.kept.rawValue)
            writer.string(reason)
        case .log(let position, let local):
            writer.byte(Kind.log.rawValue)
            writer.optional(position) { $0.position($1) }
            writer.integer(local)
        case .source(let blob, let base):
            writer.byte(Kind.source.rawValue)
            writer.blob(blob)
            writer.base(base)
        case .sending(let digest):
            writer.byte(Kind.sending.rawValue)
            writer.integer(digest)
        case .sendingWhole(let md5):
            writer.byte(Kind.sendingWhole.rawValue)
            writer.string(md5)
        case .resumed: writer.byte(Kind.resumed.rawValue)
        }
        return writer.bytes
    }

    /// `nil` for what this version did not write.
    package init?(payload: [UInt8]) {
        var reader = PayloadReader(payload)
        guard let kind = reader.byte().flatMap(Kind.init) else { return nil }
        let record: JournalRecord?
        switch kind {
        case .identity: record = reader.identity().map { .identity($0) }
        case .extent:
            guard let lower = reader.integer(), let upper = reader.integer(), lower <= upper else { return nil }
            record = .extent(lower..<upper)
        case .truncated: record = reader.integer().map { .truncated($0) }
        case .changed: record = .changed
        case .due:
            guard let time = reader.integer(), let headers = reader.headers() else { return nil }
            record = .due(headers, at: Int64(bitPattern: time))
        case .syncing: record = reader.integer().map { .syncing(size: $0) }
        case .synced: record = .synced
        case .committed: record = reader.version().map { .committed($0) }
        case .moved:
            guard let blob = reader.blob(), let known = reader.known(), let base = reader.optional({ $0.version() })
            else { return nil }
            record = .moved(blob, known, base: base.value)
        case .kept: record = reader.string().map { .kept($0) }
        case .log:
            guard let position = reader.optional({ $0.appendPosition() }), let local = reader.integer() else {
                return nil
            }
            record = .log(position.value, local: local)
        case .source:
            guard let blob = reader.blob(), let base = reader.base() else { return nil }
            record = .source(blob, base)
        case .sending: record = reader.integer().map { .sending($0) }
        case .sendingWhole: record = reader.string().map { .sendingWhole(md5: $0) }
        case .resumed: record = .resumed
        }
        guard let record, reader.isAtEnd else { return nil }
        self = record
    }
}
