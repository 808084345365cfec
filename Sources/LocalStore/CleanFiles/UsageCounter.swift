internal import CLinux
internal import Checksums
internal import Glibc
internal import Synchronization

/// How much of the cache's capacity is in use: one record in a file that all processes add to and take from.
///
/// Bytes are added before they are written, and taken away after they were freed: wherever a process dies, the record
/// says too much and never too little. What it says too much goes with the next count.
///
/// A file and locks rather than shared memory: a mapped page that cannot be read kills the process (SIGBUS), and the
/// mount with it. A change costs about four system calls; it is made once a save, of 4 MiB when a stream is saved.
final class UsageCounter: Sendable {
    struct Usage: Sendable, Hashable {
        var bytes: UInt64 = 0
        var files: UInt64 = 0
    }

    /// The locks of the file, by byte.
    private enum Lock {
        /// Exclusive, while the record is changed.
        static let record = 0
        /// Shared, while a process changes what the record counts; exclusive, while it is counted anew.
        static let change = 1
    }

    static let fileName = "usage"
    private static let magic: UInt64 = 0x6567_6173_7573_666F

    private let folder: CacheFolder
    private let file: OpenFile
    /// Threads of this process share `file`'s locks. Held over system calls, of a few microseconds.
    private let record = Mutex(())
    private let changes = Mutex(0)

    init(folder: CacheFolder) throws(LocalStoreError) {
        self.folder = folder
        file = try Self.open(folder)
    }

    private static func open(_ folder: CacheFolder) throws(LocalStoreError) -> OpenFile {
        guard let file = try folder.open(fileName, creates: true) else {
            throw LocalStoreError(errno: ENOENT, operation: "open", path: "\(folder.path)/\(fileName)")
        }
        return file
    }

    /// `nil` while nobody knows, or the disk fails.
    func current() -> Usage? {
        record.withLock { _ in
            guard (try? file.lockSoon(Lock.record, .shared)) == true else { return nil }
            defer { file.unlock(Lock.record) }
            return try? load()
        }
    }

    /// Adds, unless there would be more bytes than `capacity`, or nobody knows how many there are: `false` then, and
    /// nothing was added.
    func add(bytes: UInt64, files: UInt64 = 0, capacity: UInt64) throws(LocalStoreError) -> Bool {
        try change { (usage) throws(LocalStoreError) in
            guard let known = usage, known.bytes + bytes <= capacity else { return false }
            usage = Usage(bytes: known.bytes + bytes, files: known.files + files)
            return true
        }
    }

    /// Takes away what was freed.
    func remove(bytes: UInt64, files: UInt64 = 0) throws(LocalStoreError) {
        _ = try change { (usage) throws(LocalStoreError) in
            guard let known = usage else { return false }
            usage = Usage(bytes: known.bytes - min(bytes, known.bytes), files: known.files - min(files, known.files))
            return true
        }
    }

    func set(_ new: Usage) throws(LocalStoreError) {
        _ = try change { (usage) throws(LocalStoreError) in
            usage = new
            return true
        }
    }

    // MARK: Who may change what is counted

    /// Before a change of what is counted; `false` while somebody counts, which may take seconds.
    func beginChange() throws(LocalStoreError) -> Bool {
        try changes.withLock { (count) throws(LocalStoreError) in
            if count == 0, try !file.lock(Lock.change, .shared) { return false }
            count += 1
            return true
        }
    }

    func endChange() {
        changes.withLock { count in
            count -= 1
            if count == 0 { file.unlock(Lock.change) }
        }
    }

    /// Runs `count` while nobody changes anything, and sets the record to what it says. `false` when somebody does.
    func recount(_ count: () throws(LocalStoreError) -> Usage) throws(LocalStoreError) -> Bool {
        // A description of its own excludes this process's changes as well.
        let other = try Self.open(folder)
        guard try other.lockSoon(Lock.change, .exclusive) else { return false }
        try set(try count())
        return true
    }

    // MARK: The record

    /// `body` may replace the usage, and says whether it did.
    private func change(
        _ body: (inout Usage?) throws(LocalStoreError) -> Bool
    ) throws(LocalStoreError) -> Bool {
        try record.withLock { _ throws(LocalStoreError) in
            guard try file.lockSoon(Lock.record, .exclusive) else {
                throw LocalStoreError(errno: EAGAIN, operation: "fcntl", path: Self.fileName, reason: "is locked")
            }
            defer { file.unlock(Lock.record) }
            var usage = try load()
            guard try body(&usage), let usage else { return false }
            try store(usage)
            return true
        }
    }

    /// `nil` when the record is not whole: new, or damaged.
    private func load() throws(LocalStoreError) -> Usage? {
        var words: [4 of UInt64] = [0, 0, 0, 0]
        let count = try withUnsafeMutableBytes(of: &words) { (bytes) throws(LocalStoreError) in
            try file.read(into: bytes, at: 0)
        }
        guard count == 32, words[0] == Self.magic, words[3] == Self.checksum(words) else { return nil }
        return Usage(bytes: words[1], files: words[2])
    }

    private func store(_ usage: Usage) throws(LocalStoreError) {
        var words: [4 of UInt64] = [Self.magic, usage.bytes, usage.files, 0]
        words[3] = Self.checksum(words)
        try withUnsafeBytes(of: words) { (bytes) throws(LocalStoreError) in try file.write(bytes, at: 0) }
    }

    private static func checksum(_ words: [4 of UInt64]) -> UInt64 {
        withUnsafeBytes(of: words) { CRC64.checksum(UnsafeRawBufferPointer(rebasing: $0[..<24])) }
    }
}
