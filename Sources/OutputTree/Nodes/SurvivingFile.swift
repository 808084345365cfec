import BlobStorage
import BlobWriting
import FileSystemModel
import HandOver
import LocalStore
import OutputConventions

/// A file that was open when the process was killed: what of its state cannot be asked for again.
struct SurvivingFile {
    let node: NodeID
    let inode: UInt64
    /// Without reader, local bytes and opens.
    var state: FileState
    /// The journal's entry of its local bytes, if it had any.
    let journalName: String?
    /// Nobody has it open any more, and not all of it was sent.
    let isClosed: Bool

    init?(_ key: UInt64, _ bytes: [UInt8], learnedAt: Duration) {
        var reader = RecordReader(bytes)
        guard let inode = reader.integer(UInt64.self), let container = reader.text(), let name = reader.text(),
            let flags = reader.integer(UInt16.self).map({ Flags(rawValue: $0) }),
            let facts = reader.optional({ FileFacts(reading: &$0) }),
            let journalName = reader.optional({ $0.text() }), let pending = PendingAttributes(reading: &reader)
        else { return nil }
        let origin = reader.optional { RenameOrigin(reading: &$0) }
        (node, self.inode, self.journalName) = (NodeID(rawValue: key), inode, journalName)
        isClosed = flags.contains(.closed)
        state = FileState(address: BlobAddress(container: container, name: name), facts: facts, learnedAt: learnedAt)
        state.isUnlinked = flags.contains(.unlinked)
        state.isRemovalPending = flags.contains(.removalPending)
        state.isDetached = flags.contains(.detached)
        state.isPlacementPending = flags.contains(.placementPending)
        state.mustBeNew = flags.contains(.mustBeNew)
        state.hasWrites = flags.contains(.hasWrites)
        state.coversStoredBlob = flags.contains(.coversStoredBlob)
        state.isOvertaken = flags.contains(.overtaken)
        state.pending = pending
        state.renamedFrom = origin ?? nil
    }

    fileprivate struct Flags: OptionSet {
        let rawValue: UInt16

        static let unlinked = Flags(rawValue: 1 << 0)
        static let removalPending = Flags(rawValue: 1 << 1)
        static let detached = Flags(rawValue: 1 << 2)
        static let placementPending = Flags(rawValue: 1 << 3)
        static let mustBeNew = Flags(rawValue: 1 << 4)
        static let hasWrites = Flags(rawValue: 1 << 5)
        static let coversStoredBlob = Flags(rawValue: 1 << 6)
        static let overtaken = Flags(rawValue: 1 << 7)
        static let closed = Flags(rawValue: 1 << 8)
    }
}

extension FileState {
    /// Tells the process that follows this one about the file, as long as it is open, and behind its last close until what
    /// the program left is sent: an empty file has nothing in the journal, and of what was written through a mapping
    /// that has only the bytes. About 1 µs.
    mutating func record(_ node: NodeID, inode: UInt64, in survivors: Survivors) {
        if let lease, !isLeaseKept, let keeper = survivors.keeper {
            isLeaseKept = keeper.send(.keep(node.rawValue), descriptor: lease.lockDescriptor)
        }
        guard openCount > 0 || hasUnsentContent else {
            survivors.remove(.file, node.rawValue)
            if isLeaseKept { survivors.keeper?.send(.drop(node.rawValue)) }
            isLeaseKept = false
            return
        }
        var writer = RecordWriter()
        writer.add(inode)
        writer.add(address.container)
        writer.add(address.name)
        writer.add(survivingFlags.rawValue)
        writer.add(facts) { $1.write(to: &$0) }
        writer.add(local?.journalName) { $0.add($1) }
        pending.write(to: &writer)
        writer.add(renamedFrom) { $1.write(to: &$0) }
        survivors.set(.file, node.rawValue, writer.bytes)
    }

    private var survivingFlags: SurvivingFile.Flags {
        var flags: SurvivingFile.Flags = []
        if isUnlinked { flags.insert(.unlinked) }
        if isRemovalPending { flags.insert(.removalPending) }
        if isDetached { flags.insert(.detached) }
        if isPlacementPending { flags.insert(.placementPending) }
        if mustBeNew { flags.insert(.mustBeNew) }
        if hasWrites { flags.insert(.hasWrites) }
        if coversStoredBlob { flags.insert(.coversStoredBlob) }
        if isOvertaken { flags.insert(.overtaken) }
        if openCount == 0 { flags.insert(.closed) }
        return flags
    }
}

extension RenameOrigin {
    fileprivate func write(to writer: inout RecordWriter) {
        writer.add(address.container)
        writer.add(address.name)
        writer.add(etag.text)
    }

    fileprivate init?(reading reader: inout RecordReader) {
        guard let container = reader.text(), let name = reader.text(), let etag = reader.text() else { return nil }
        self.init(address: BlobAddress(container: container, name: name), etag: ETag(etag))
    }
}

extension FileFacts {
    func write(to writer: inout RecordWriter) {
        writer.add(etag.text)
        writer.add(lastModified)
        writer.add(length)
        writer.add(UInt8(type == .append ? 1 : type == .page ? 2 : 0))
        writer.add(creationTime) { $0.add($1) }
        writer.add(contentMD5) { $0.add($1) }
        posix.write(to: &writer)
    }

    init?(reading reader: inout RecordReader) {
        guard let etag = reader.text(), let modified = reader.integer(Int64.self),
            let length = reader.integer(UInt64.self),
            let type = reader.integer(UInt8.self), let creation = reader.optional({ $0.integer(Int64.self) }),
            let md5 = reader.optional({ $0.text() }), let posix = PosixMetadata(reading: &reader)
        else { return nil }
        var metadata: BlobMetadata = [:]
        posix.write(to: &metadata, kind: posix.isSymbolicLink ? .symbolicLink : .file)
        self.init(
            BlobProperties(
                version: BlobVersion(etag: ETag(etag), lastModified: modified),
                length: length,
                type: type == 1 ? .append : type == 2 ? .page : .block,
                creationTime: creation,
                contentMD5: md5,
                metadata: metadata
            )
        )
    }
}

extension PosixMetadata {
    fileprivate func write(to writer: inout RecordWriter) {
        writer.add(modificationTime) { $0.add($1) }
        writer.add(permissions) { $0.add($1) }
        writer.add(userID) { $0.add($1) }
        writer.add(groupID) { $0.add($1) }
        writer.add(isSymbolicLink)
    }

    fileprivate init?(reading reader: inout RecordReader) {
        self.init()
        guard let time = reader.optional({ $0.timestamp() }),
            let permissions = reader.optional({ $0.integer(UInt16.self) }),
            let user = reader.optional({ $0.integer(UInt32.self) }),
            let group = reader.optional({ $0.integer(UInt32.self) }),
            let isLink = reader.bool()
        else { return nil }
        (modificationTime, self.permissions, userID, groupID) = (time, permissions, user, group)
        isSymbolicLink = isLink
    }
}

extension PendingAttributes {
    fileprivate func write(to writer: inout RecordWriter) {
        writer.add(permissions) { $0.add($1) }
        writer.add(userID) { $0.add($1) }
        writer.add(groupID) { $0.add($1) }
        writer.add(modificationTime) { $0.add($1) }
        writer.add(hasExplicitTime)
        writer.add(UInt32(extended.count))
        for (key, value) in extended {
            writer.add(key)
            writer.add(value) { $0.add($1) }
        }
    }

    fileprivate init?(reading reader: inout RecordReader) {
        guard let permissions = reader.optional({ $0.integer(UInt16.self) }),
            let user = reader.optional({ $0.integer(UInt32.self) }),
            let group = reader.optional({ $0.integer(UInt32.self) }),
            let time = reader.optional({ $0.timestamp() }), let isExplicit = reader.bool(),
            let count = reader.integer(UInt32.self)
        else { return nil }
        (self.permissions, userID, groupID, modificationTime) = (permissions, user, group, time)
        hasExplicitTime = isExplicit
        for _ in 0..<count {
            guard let key = reader.text(), let value = reader.optional({ $0.text() }) else { return nil }
            extended[key] = .some(value)
        }
    }
}

extension RecordWriter {
    fileprivate mutating func add(_ time: Timestamp) {
        add(time.seconds)
        add(time.nanoseconds)
    }
}

extension RecordReader {
    fileprivate mutating func timestamp() -> Timestamp? {
        guard let seconds = integer(Int64.self), let nanoseconds = integer(Int32.self) else { return nil }
        return Timestamp(seconds: seconds, nanoseconds: nanoseconds)
    }
}
