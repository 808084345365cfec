/// Changes as journal records. A record's first byte is its kind; kinds and the order of fields never change, new
/// fields need a new kind.
enum RecordKind: UInt8 {
    case container = 1
    case containerRemoved
    case blob
    case blobRemoved
    case snapshot
    case snapshotRemoved
    case staged
    case unstaged
    case appended
    case lease
    /// The bytes of a small extent, before the first change that names it.
    case extent
    /// As their namesakes, with what protects the blob behind it.
    case protectedBlob
    case protectedSnapshot
    case softDeleted
    case softDeletedRemoved
    case retention
    /// As `protectedBlob`, with its owner, group and access list behind that.
    case ownedBlob
    case renamed
}

extension RecordWriter {
    mutating func change(_ change: Change, account: String, container: String) {
        func header(_ kind: RecordKind, _ name: Name? = nil) {
            byte(kind.rawValue)
            text(account)
            text(container)
            if let name { raw(name.bytes) }
        }
        switch change {
        case .container(let properties):
            header(.container)
            write(properties)
        case .containerRemoved:
            header(.containerRemoved)
        case .blob(let name, let blob?) where blob.access != nil:
            header(.ownedBlob, name)
            write(blob)
            write(blob.protection)
            text(blob.pathAccess.owner)
            text(blob.pathAccess.group)
            text(blob.pathAccess.acl)
        case .blob(let name, let blob?):
            header(blob.protection == BlobProtection() ? .blob : .protectedBlob, name)
            write(blob)
            if blob.protection != BlobProtection() { write(blob.protection) }
        case .blob(let name, nil):
            header(.blobRemoved, name)
        case .snapshot(let name, let time, let blob?):
            header(blob.protection == BlobProtection() ? .snapshot : .protectedSnapshot, name)
            integer(time.ticks)
            write(blob)
            if blob.protection != BlobProtection() { write(blob.protection) }
        case .snapshot(let name, let time, nil):
            header(.snapshotRemoved, name)
            integer(time.ticks)
        case .softDeleted(let name, let blob?):
            header(.softDeleted, name)
            write(blob)
            write(blob.protection)
        case .softDeleted(let name, nil):
            header(.softDeletedRemoved, name)
        case .staged(let name, let id, let content):
            header(.staged, name)
            text(id)
            write(content)
        case .unstaged(let name):
            header(.unstaged, name)
        case .appended(let name, let content, let etag, let modified):
            header(.appended, name)
            write(content)
            integer(etag.ticks)
            integer(modified.ticks)
        case .lease(let name, let lease):
            header(.lease, name)
            write(lease)
        case .renamed(let old, from: let source, to: let new):
            header(.renamed, old)
            text(source)
            raw(new.bytes)
        case .retention(let days):
            header(.retention)
            integer(days ?? -1)
        }
    }

    private mutating func write(_ content: Content) {
        list(Array(content.slices)) { writer, slice in
            writer.integer(slice.extent.id)
            writer.integer(slice.offset)
            writer.integer(slice.length)
        }
    }

    private mutating func write(_ metadata: Metadata) {
        list(metadata.entries) { writer, entry in
            writer.text(entry.name)
            writer.text(entry.value)
        }
    }

    private mutating func write(_ lease: Lease) {
        byte(lease.phase.rawValue)
        text(lease.id)
        integer(lease.duration ?? -1)
        time(lease.end)
    }

    private mutating func write(_ properties: ContainerProperties) {
        integer(properties.etag.ticks)
        integer(properties.modified.ticks)
        write(properties.metadata)
        text(properties.publicAccess?.rawValue)
        list(properties.policies) { writer, policy in
            writer.text(policy.id)
            writer.text(policy.start)
            writer.text(policy.expiry)
            writer.text(policy.permissions)
        }
        write(properties.lease)
    }

    private mutating func write(_ blob: Blob) {
        byte(blob.kind.rawValue)
        write(blob.content)
        list(blob.blocks) { writer, block in
            writer.text(block.id)
            writer.integer(block.length)
        }
        integer(blob.appendedBlockCount)
        integer(blob.etag.ticks)
        integer(blob.modified.ticks)
        integer(blob.created.ticks)
        text(blob.headers.type)
        for header in [
            blob.headers.encoding, blob.headers.language, blob.headers.disposition, blob.headers.cacheControl,
            blob.headers.md5,
        ] {
            text(header)
        }
        write(blob.metadata)
        list(blob.tags) { writer, tag in
            writer.text(tag.key)
            writer.text(tag.value)
        }
        text(blob.tier?.rawValue)
        time(blob.tierChanged)
        text(blob.rehydratesTo?.rawValue)
        flag(blob.copy != nil)
        if let copy = blob.copy {
            text(copy.id)
            text(copy.source)
            text(copy.status.rawValue)
            integer(copy.copied)
            integer(copy.total)
            time(copy.completed)
            time(copy.settles)
        }
        flag(blob.isSealed)
        integer(blob.sequenceNumber)
    }
}

/// What a record says, with the extents found by `extent`.
struct ChangeDecoder {
    /// The extent of an id; nil if its bytes are gone.
    let extent: (UInt64) -> Extent?

    func change(
        _ kind: RecordKind,
        _ reader: inout RecordReader
    ) throws(RecordError) -> (account: String, container: String, change: Change) {
        let account = try reader.text()
        let container = try reader.text()
        let change: Change
        switch kind {
        case .container: change = .container(try properties(&reader))
        case .containerRemoved: change = .containerRemoved
        case .blob: change = .blob(Name(try reader.raw()), try blob(&reader))
        case .blobRemoved: change = .blob(Name(try reader.raw()), nil)
        case .snapshot:
            change = .snapshot(Name(try reader.raw()), Timestamp(ticks: try reader.integer()), try blob(&reader))
        case .protectedBlob: change = .blob(Name(try reader.raw()), try protectedBlob(&reader))
        case .protectedSnapshot:
            change = .snapshot(
                Name(try reader.raw()),
                Timestamp(ticks: try reader.integer()),
                try protectedBlob(&reader)
            )
        case .ownedBlob: change = .blob(Name(try reader.raw()), try ownedBlob(&reader))
        case .renamed: change = .renamed(Name(try reader.raw()), from: try reader.text(), to: Name(try reader.raw()))
        case .softDeleted: change = .softDeleted(Name(try reader.raw()), try protectedBlob(&reader))
        case .softDeletedRemoved: change = .softDeleted(Name(try reader.raw()), nil)
        case .retention:
            let days = try reader.integer(Int.self)
            change = .retention(days: days < 0 ? nil : days)
        case .snapshotRemoved:
            change = .snapshot(Name(try reader.raw()), Timestamp(ticks: try reader.integer()), nil)
        case .staged:
            change = .staged(Name(try reader.raw()), id: try reader.text(), try content(&reader))
        case .unstaged: change = .unstaged(Name(try reader.raw()))
        case .appended:
            change = .appended(
                Name(try reader.raw()),
                try content(&reader),
                ETag(ticks: try reader.integer()),
                Timestamp(ticks: try reader.integer())
            )
        case .lease: change = .lease(Name(try reader.raw()), try lease(&reader))
        case .extent: throw RecordError()
        }
        return (account, container, change)
    }

    private func content(_ reader: inout RecordReader) throws(RecordError) -> Content {
        var content = Content()
        let slices = try reader.list { (reader) throws(RecordError) in
            (
                id: try reader.integer(UInt64.self), offset: try reader.integer(Int.self),
                length: try reader.integer(Int.self)
            )
        }
        for slice in slices {
            guard let extent = slice.id == 0 ? Extent.zeros : extent(slice.id), slice.offset >= 0, slice.length >= 0,
                slice.length <= extent.length - slice.offset
            else { throw RecordError() }
            content.append(StoredSlice(extent: extent, offset: slice.offset, length: slice.length))
        }
        return content
    }

    private func metadata(_ reader: inout RecordReader) throws(RecordError) -> Metadata {
        Metadata(
            entries: try reader.list { (reader) throws(RecordError) in
                (name: try reader.text(), value: try reader.text())
            }
        )
    }

    private func lease(_ reader: inout RecordReader) throws(RecordError) -> Lease {
        guard let phase = Lease.Phase(rawValue: try reader.byte()) else { throw RecordError() }
        let id = try reader.optionalText()
        let duration = try reader.integer(Int.self)
        return Lease(phase: phase, id: id, duration: duration < 0 ? nil : duration, end: try reader.time())
    }

    private func properties(_ reader: inout RecordReader) throws(RecordError) -> ContainerProperties {
        var properties = ContainerProperties(
            etag: ETag(ticks: try reader.integer()),
            modified: Timestamp(ticks: try reader.integer())
        )
        properties.metadata = try metadata(&reader)
        properties.publicAccess = try reader.optionalText().flatMap(PublicAccess.init(rawValue:))
        properties.policies = try reader.list { (reader) throws(RecordError) in
            AccessPolicy(
                id: try reader.text(),
                start: try reader.optionalText(),
                expiry: try reader.optionalText(),
                permissions: try reader.optionalText()
            )
        }
        properties.lease = try lease(&reader)
        return properties
    }

    private func ownedBlob(_ reader: inout RecordReader) throws(RecordError) -> Blob {
        var blob = try protectedBlob(&reader)
        blob.access = PathAccess(owner: try reader.text(), group: try reader.text(), acl: try reader.text())
        return blob
    }

    private func protectedBlob(_ reader: inout RecordReader) throws(RecordError) -> Blob {
        var blob = try blob(&reader)
        blob.protection = try reader.protection()
        return blob
    }

    private func blob(_ reader: inout RecordReader) throws(RecordError) -> Blob {
        guard let kind = BlobKind(rawValue: try reader.byte()) else { throw RecordError() }
        let content = try content(&reader)
        let blocks = try reader.list { (reader) throws(RecordError) in
            CommittedBlock(id: try reader.text(), length: try reader.integer())
        }
        let appended = try reader.integer(Int.self)
        var blob = Blob(
            kind: kind,
            content: content,
            blocks: blocks,
            appendedBlockCount: appended,
            etag: ETag(ticks: try reader.integer()),
            modified: Timestamp(ticks: try reader.integer()),
            created: Timestamp(ticks: try reader.integer())
        )
        blob.headers.type = try reader.text()
        blob.headers.encoding = try reader.optionalText()
        blob.headers.language = try reader.optionalText()
        blob.headers.disposition = try reader.optionalText()
        blob.headers.cacheControl = try reader.optionalText()
        blob.headers.md5 = try reader.optionalText()
        blob.metadata = try metadata(&reader)
        blob.tags = try reader.list { (reader) throws(RecordError) in
            Tag(key: try reader.text(), value: try reader.text())
        }
        blob.tier = try reader.optionalText().flatMap(AccessTier.init(rawValue:))
        blob.tierChanged = try reader.time()
        blob.rehydratesTo = try reader.optionalText().flatMap(AccessTier.init(rawValue:))
        if try reader.flag() {
            blob.copy = CopyState(
                id: try reader.text(),
                source: try reader.text(),
                status: CopyState.Status(rawValue: try reader.text()) ?? .failed,
                copied: try reader.integer(),
                total: try reader.integer(),
                completed: try reader.time(),
                settles: try reader.time()
            )
        }
        blob.isSealed = try reader.flag()
        blob.sequenceNumber = try reader.integer()
        return blob
    }
}
