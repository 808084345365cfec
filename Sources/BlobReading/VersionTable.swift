internal import BlobStorage
internal import LocalStore

/// What makes two readers read the same bytes.
///
/// An append blob only grows: it is the same as long as its creation time is. Everything else is the same as long as
/// its ETag is.
struct VersionKey: Hashable, Sendable {
    fileprivate enum Identity: Hashable {
        case etag(ETag)
        case appendedSince(Int64)
    }

    let blob: BlobAddress
    fileprivate let identity: Identity
    /// As it was when this was made: on the disk, where nobody sees it grow, only that tells the blob from another that
    /// was put anew in its place, which leaves the creation time.
    private let etag: ETag

    init(_ blob: BlobAddress, _ properties: BlobProperties) {
        self.blob = blob
        etag = properties.version.etag
        if properties.type == .append, let creationTime = properties.creationTime {
            identity = .appendedSince(creationTime)
        } else {
            identity = .etag(properties.version.etag)
        }
    }

    /// Of a blob that does not grow.
    init(_ blob: BlobAddress, _ etag: ETag) {
        self.blob = blob
        identity = .etag(etag)
        self.etag = etag
    }

    static func == (one: VersionKey, other: VersionKey) -> Bool {
        one.identity == other.identity && one.blob == other.blob
    }

    func hash(into hasher: inout Hasher) {
        hasher.combine(blob)
        hasher.combine(identity)
    }

    /// The same bytes under another ETag; for blobs that grow, the same key.
    func adopting(_ etag: ETag) -> VersionKey {
        switch identity {
        case .etag: VersionKey(blob, etag)
        case .appendedSince: self
        }
    }

    /// What every GET of this version is bound to.
    var condition: VersionCondition {
        switch identity {
        case .etag(let etag): .matches(etag)
        case .appendedSince: .any
        }
    }

    /// For blobs that grow: what an answer's creation time must be.
    var creationTime: Int64? {
        switch identity {
        case .etag: nil
        case .appendedSince(let creationTime): creationTime
        }
    }
}

/// The versions that have an open reader, a cached block, or a request under way, each under a small number.
struct VersionTable: Sendable {
    struct Version: Sendable {
        var key: VersionKey
        /// In bytes; grows with an append blob.
        var length: UInt64
        /// Readers, blocks, reads and fetches that refer to it.
        var references = 0
        /// Readers that are open.
        var readerCount = 0
        var hotBlocks = HotBlocks()
        /// The blob of this key began anew: what is in memory may be read, and nothing more belongs to it.
        var isSuperseded = false
        /// Its bytes on disk, while a reader is open or something is to be saved.
        var file: AttachedFile?
        /// Cells that are to be saved, or being saved.
        var unsavedCount = 0
        /// They came faster than the page cache took them: from then on they may go past it.
        var isLate = false
    }

    private var numbers: [VersionKey: SlotID] = [:]
    private var versions = SlotTable<Version>()

    var numbersInUse: [Int32] { versions.ids.map(\.index) }

    /// The number of a version, known or new, with one more reference.
    ///
    /// An append blob that is shorter than it was has been put anew in place, which leaves its creation time: nothing
    /// of the old one is the new one's.
    mutating func open(_ key: VersionKey, length: UInt64) -> SlotID {
        if key.creationTime != nil, let id = numbers[key], let known = versions[id], length < known.length {
            versions.update(id) { $0.isSuperseded = true }
            numbers[key] = nil
        }
        if let id = numbers[key] {
            versions.update(id) { version in
                version.references += 1
                version.readerCount += 1
                version.length = max(version.length, length)
            }
            return id
        }
        let id = versions.insert(Version(key: key, length: length, references: 1, readerCount: 1))
        numbers[key] = id
        return id
    }

    func number(of key: VersionKey) -> SlotID? { numbers[key] }

    /// Whether the number still means what it meant.
    func isCurrent(_ id: SlotID) -> Bool { versions.contains(id) }

    subscript(_ number: Int32) -> Version? { versions[versions.id(at: number)] }

    /// The version's bytes are those of `etag`: its blocks stay, its requests name the new version from now on.
    mutating func adopt(_ id: SlotID, _ etag: ETag) {
        versions.update(id) { version in
            let key = version.key.adopting(etag)
            if numbers[version.key] == id { numbers[version.key] = nil }
            // Somebody who opened the new version by itself has blocks of its own; both are right.
            if numbers[key] == nil { numbers[key] = id }
            version.key = key
        }
    }

    /// Whether the version needs its file looked for.
    mutating func attach(_ file: AttachedFile, to id: SlotID) -> Bool {
        versions.update(id) { version in
            guard version.file == nil else { return false }
            version.file = file
            return true
        } ?? false
    }

    func file(of id: SlotID) -> AttachedFile? { versions[id]?.file }

    /// `nil` as long as something is to be saved there.
    mutating func detachFile(_ id: SlotID) -> AttachedFile? {
        versions.update(id) { $0.unsavedCount == 0 ? $0.file.take() : nil } ?? nil
    }

    /// So many more cells are to be saved: to `file`, if the version has let go of its own.
    mutating func addUnsaved(_ number: Int32, _ count: Int, _ file: AttachedFile) {
        versions.update(versions.id(at: number)) { version in
            version.unsavedCount += count
            if version.file == nil { version.file = file }
        }
    }

    mutating func noteLate(_ number: Int32) { versions.update(versions.id(at: number)) { $0.isLate = true } }

    /// So many are saved, or will not be. Gives the file with the last one, if no reader has it open.
    mutating func removeUnsaved(_ number: Int32, _ count: Int) -> AttachedFile? {
        versions.update(versions.id(at: number)) { version in
            version.unsavedCount -= count
            return version.unsavedCount == 0 && version.readerCount == 0 ? version.file.take() : nil
        } ?? nil
    }

    mutating func extend(_ id: SlotID, to length: UInt64) {
        versions.update(id) { $0.length = max($0.length, length) }
    }

    mutating func retain(_ number: Int32) { versions.update(versions.id(at: number)) { $0.references += 1 } }

    mutating func release(_ number: Int32) {
        let id = versions.id(at: number)
        let isLast = versions.update(id) { version in
            version.references -= 1
            return version.references == 0
        }
        guard isLast == true, let version = versions.remove(id) else { return }
        if numbers[version.key] == id { numbers[version.key] = nil }
    }

    /// Takes a reader's reference.
    mutating func close(_ number: Int32) {
        versions.update(versions.id(at: number)) { $0.readerCount -= 1 }
        release(number)
    }

    /// Notes a miss outside of any stream; says whether the block is hot.
    mutating func noteMiss(_ id: SlotID, block: UInt64) -> Bool {
        versions.update(id) { $0.hotBlocks.note(block) } ?? false
    }
}

extension VersionKey {
    /// Its clean file's name.
    func cleanFileKey(account: String) -> CleanFileKey {
        let version =
            switch identity {
            case .etag: "etag:" + etag.text
            case .appendedSince: "append:" + etag.text
            }
        // The same file, whichever mount shows it: its account's own, or another with a datastore in it.
        let place = ForeignContainer(blob.container) ?? ForeignContainer(endpoint: account, name: blob.container)
        return CleanFileKey(account: place.endpoint, container: place.name, blob: blob.name, version: version)
    }
}
