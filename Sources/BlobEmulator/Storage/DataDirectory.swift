internal import Glibc

/// Opens a data directory: reads its journal back, drops what a crash left half done, and keeps it short.
///
/// Layout: `journal` (the log), `content/` (bodies), `lock` (held while an emulator uses it).
struct DataDirectory {
    let path: String
    private let lockDescriptor: Int32

    /// What was found: steps to replay, and where numbering goes on.
    struct Recovered {
        var changes: [(account: String, container: String, change: Change)] = []
        var lastExtentID: UInt64 = 0
        var lastTicks: Int64 = 0
        /// How much of the log is good.
        var length = 0
    }

    init(path: String) throws(EmulatorError) {
        self.path = path
        guard makeDirectory(path) else { throw .dataDirectory(path: path, reason: "cannot be made: \(errnoText())") }
        lockDescriptor = open(path + "/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard lockDescriptor >= 0, flock(lockDescriptor, LOCK_EX | LOCK_NB) == 0 else {
            if lockDescriptor >= 0 { close(lockDescriptor) }
            throw .dataDirectory(path: path, reason: "is in use by another emulator, or cannot be locked")
        }
    }

    func unlock() {
        close(lockDescriptor)
    }

    private var journalPath: String { path + "/journal" }

    /// Reads all good records. What follows the first torn one was never acknowledged.
    func recover(content: ContentDirectory) throws(EmulatorError) -> Recovered {
        var recovered = Recovered()
        guard let log = readFile(journalPath) else { return recovered }
        guard log.starts(with: JournalFormat.magic) else {
            if log.count < JournalFormat.magic.count { return recovered }
            throw .dataDirectory(path: path, reason: "its journal is not one that this version can read")
        }
        var extents: [UInt64: Extent] = [:]
        let decoder = ChangeDecoder { id in
            extents[id]
                // A record of the past may name a body that is gone; what still counts is checked in `openJournal`.
                ?? Extent(id: id, length: content.length(of: id) ?? .max, place: .file(content))
        }
        var position = JournalFormat.magic.count
        while let (payload, next) = JournalFormat.payload(in: log, at: position) {
            var reader = RecordReader(payload)
            do throws(RecordError) {
                guard let kind = RecordKind(rawValue: try reader.byte()) else { throw RecordError() }
                if kind == .extent {
                    let id = try reader.integer(UInt64.self)
                    let bytes = try reader.raw()
                    let extent = Extent(id: id, length: bytes.count, place: .memory(ExtentMemory.copy(of: bytes)))
                    _ = extent.claimJournalEntry()
                    extents[id] = extent
                    recovered.lastExtentID = max(recovered.lastExtentID, id)
                } else {
                    let entry = try decoder.change(kind, &reader)
                    for extent in entry.change.allExtents {
                        extents[extent.id] = extent
                        recovered.lastExtentID = max(recovered.lastExtentID, extent.id)
                    }
                    recovered.lastTicks = max(recovered.lastTicks, entry.change.lastTicks)
                    recovered.changes.append(entry)
                }
            } catch {
                throw .dataDirectory(path: path, reason: "a record at byte \(position) of its journal cannot be read")
            }
            position = next
        }
        recovered.length = position
        return recovered
    }

    /// Opens the log for appending, cut to what is good; writes it anew if most of what it says is of the past.
    func openJournal(
        _ recovered: Recovered,
        live: () -> [(account: String, container: String, change: Change)],
        content: ContentDirectory
    ) throws(EmulatorError) -> Journal {
        let current = live()
        for extent in current.flatMap(\.change.allExtents) where extent.length == .max {
            throw .dataDirectory(path: path, reason: "the body \(extent.id) is missing")
        }
        if recovered.length == 0 || recovered.changes.count > 2 * current.count + 1000 {
            var written: Set<UInt64> = []
            var bytes = JournalFormat.magic
            for entry in current {
                for extent in entry.change.inlineExtents where written.insert(extent.id).inserted {
                    bytes.append(contentsOf: JournalFormat.record(extent))
                }
                var writer = RecordWriter()
                writer.change(entry.change, account: entry.account, container: entry.container)
                bytes.append(contentsOf: JournalFormat.framed(writer.bytes))
            }
            guard replaceFile(journalPath, with: bytes), synchronizeDirectory(path) else {
                throw .dataDirectory(path: path, reason: "its journal cannot be written: \(errnoText())")
            }
        } else {
            guard truncate(journalPath, off_t(recovered.length)) == 0 else {
                throw .dataDirectory(path: path, reason: "its journal cannot be cut: \(errnoText())")
            }
        }
        let descriptor = open(journalPath, O_WRONLY | O_APPEND | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw .dataDirectory(path: path, reason: "its journal cannot be opened: \(errnoText())")
        }
        // Bodies that no record names: their write was cut off by a crash, or their blob is gone.
        let named = Set(current.flatMap { $0.change.allExtents.map(\.id) })
        content.delete(content.allIDs().filter { !named.contains($0) })
        return Journal(descriptor: descriptor, content: content)
    }
}

extension Change {
    /// Every stored extent that this change names.
    var allExtents: [Extent] {
        let content: Content
        switch self {
        case .blob(_, let blob?), .snapshot(_, _, let blob?), .softDeleted(_, let blob?): content = blob.content
        case .staged(_, _, let staged): content = staged
        case .appended(_, let appended, _, _): content = appended
        default: return []
        }
        return content.slices.map(\.extent).filter { $0.id != 0 }
    }

    /// The latest version or snapshot time in this change: the next one has to come after it.
    fileprivate var lastTicks: Int64 {
        switch self {
        case .container(let properties): properties.etag.ticks
        case .blob(_, let blob?), .softDeleted(_, let blob?): blob.etag.ticks
        case .snapshot(_, let time, let blob?): max(time.ticks, blob.etag.ticks)
        case .appended(_, _, let etag, _): etag.ticks
        default: 0
        }
    }
}

private func readFile(_ path: String) -> [UInt8]? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { return nil }
    let size = Int(status.st_size)
    return [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
        count = 0
        while count < size {
            let received = pread(descriptor, buffer.baseAddress?.advanced(by: count), size - count, off_t(count))
            guard received > 0 else { break }
            count += received
        }
    }
}

/// Writes a file aside, syncs it, and puts it in place in one step.
private func replaceFile(_ path: String, with bytes: [UInt8]) -> Bool {
    let aside = path + ".new"
    let descriptor = open(aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    return bytes.withUnsafeBytes { writeAll(descriptor, $0) } && fsync(descriptor) == 0 && rename(aside, path) == 0
}

func errnoText() -> String {
    String(cString: strerror(errno))
}
