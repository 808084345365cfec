internal import Glibc
internal import Synchronization

/// The append-only log of a data directory: every change, checksummed, on disk before it is acknowledged.
///
/// Group commit: whoever finds no flush under way writes and syncs all that has gathered, for everybody; those who
/// come meanwhile gather for the next flush. With n writers about two syncs serve all n.
///
/// A pthread mutex and condition, since Synchronization has no condition variable to wait on.
final class Journal: @unchecked Sendable {
    private let descriptor: Int32
    private let content: ContentDirectory
    private let lock: UnsafeMutablePointer<pthread_mutex_t>
    private let flushed: UnsafeMutablePointer<pthread_cond_t>
    // Guarded by `lock`.
    private var gathered: [UInt8] = []
    private var appendedCount: UInt64 = 0
    private var durableCount: UInt64 = 0
    private var isFlushing = false
    private var hasFailed = false

    /// `descriptor` is open for appending, at the end of the last good record.
    init(descriptor: Int32, content: ContentDirectory) {
        (self.descriptor, self.content) = (descriptor, content)
        lock = .allocate(capacity: 1)
        flushed = .allocate(capacity: 1)
        pthread_mutex_init(lock, nil)
        pthread_cond_init(flushed, nil)
    }

    deinit {
        close(descriptor)
        pthread_mutex_destroy(lock)
        pthread_cond_destroy(flushed)
        lock.deallocate()
        flushed.deallocate()
    }

    /// Adds a change to what the next commit writes. Called under the lock of what changed, so that the log has the
    /// changes of one container in their order.
    func append(account: String, container: String, _ change: Change) {
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        for extent in change.inlineExtents where extent.claimJournalEntry() {
            gathered.append(contentsOf: JournalFormat.record(extent))
        }
        var writer = RecordWriter()
        writer.change(change, account: account, container: container)
        gathered.append(contentsOf: JournalFormat.framed(writer.bytes))
        appendedCount += 1
    }

    /// Returns when everything appended before this call is on disk; false if the disk refused, now or earlier.
    func commit() -> Bool {
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        let goal = appendedCount
        while durableCount < goal, !hasFailed {
            if isFlushing { pthread_cond_wait(flushed, lock) } else { flush() }
        }
        return !hasFailed
    }

    /// Writes what has gathered, without the lock while it waits for the disk.
    private func flush() {
        isFlushing = true
        let bytes = gathered
        gathered = []
        let reached = appendedCount
        let retired = content.takeRetired()
        pthread_mutex_unlock(lock)
        let isDurable = bytes.withUnsafeBytes { writeAll(descriptor, $0) } && fdatasync(descriptor) == 0
        if isDurable { content.delete(retired) }
        pthread_mutex_lock(lock)
        isFlushing = false
        durableCount = isDurable ? reached : durableCount
        hasFailed = hasFailed || !isDurable
        pthread_cond_broadcast(flushed)
    }
}

extension Change {
    /// The extents in memory that this change names: their bytes have to be in the log before it.
    var inlineExtents: [Extent] {
        let content: Content
        switch self {
        case .blob(_, let blob?), .snapshot(_, _, let blob?), .softDeleted(_, let blob?): content = blob.content
        case .staged(_, _, let staged): content = staged
        case .appended(_, let appended, _, _): content = appended
        default: return []
        }
        return content.slices.compactMap { slice in
            if case .memory = slice.extent.place { slice.extent } else { nil }
        }
    }
}

/// How records lie in the log: length (4 bytes), CRC-64 of the payload (8 bytes), payload; little-endian.
enum JournalFormat {
    static let magic = Array("outputfs blob journal 1\n".utf8)

    static func framed(_ payload: [UInt8]) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(payload.count + 12)
        for shift in stride(from: 0, to: 32, by: 8) { bytes.append(UInt8(truncatingIfNeeded: payload.count >> shift)) }
        let crc = CRC64.of(payload)
        for shift in stride(from: 0, to: 64, by: 8) { bytes.append(UInt8(truncatingIfNeeded: crc >> UInt64(shift))) }
        bytes.append(contentsOf: payload)
        return bytes
    }

    static func record(_ extent: Extent) -> [UInt8] {
        var writer = RecordWriter()
        writer.byte(RecordKind.extent.rawValue)
        writer.integer(extent.id)
        StoredSlice(extent: extent, offset: 0, length: extent.length).forEachPiece { writer.raw($0) }
        return framed(writer.bytes)
    }

    /// The payload of the record at `position` and the position after it; nil at the end, or where a crash tore it.
    static func payload(in log: [UInt8], at position: Int) -> (payload: ArraySlice<UInt8>, next: Int)? {
        guard log.count - position >= 12 else { return nil }
        let length = (0..<4).reduce(0) { $0 | Int(log[position + $1]) << (8 * $1) }
        let crc = (0..<8).reduce(UInt64(0)) { $0 | UInt64(log[position + 4 + $1]) << UInt64(8 * $1) }
        let start = position + 12
        guard length <= log.count - start else { return nil }
        let payload = log[start..<start + length]
        guard CRC64.of(Array(payload)) == crc else { return nil }
        return (payload, start + length)
    }
}

/// Where containers put their changes: nowhere until the journal is open, which is after its records were replayed.
final class JournalDoor: Sendable {
    private let journal = Mutex<Journal?>(nil)

    func open(_ journal: Journal) {
        self.journal.withLock { $0 = journal }
    }

    func append(account: String, container: String, _ change: Change) {
        journal.withLock { $0 }?.append(account: account, container: container, change)
    }
}
