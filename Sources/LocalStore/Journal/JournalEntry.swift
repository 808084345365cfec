internal import CLinux
internal import Glibc
internal import Synchronization

/// One file that is not, or not wholly, in the store: its bytes in `<id>.data`, and what is to become of them in
/// `<id>.log`, which is made with the first record.
///
/// A data file without a log has no meaning yet; a log without a data file has none any more. So the log is made
/// before the first byte is written, and the data file goes first.
package final class JournalEntry: Sendable {
    private struct Log {
        /// `nil` before the first record.
        var file: LogFile?
        /// Where the next record goes; what a failed write left behind it is written over.
        var end = 0
        var isRemoved = false
    }

    package let id: String
    package let data: SpoolFile
    /// Of the folder that it is in.
    private let folder: String
    private let ownerLine: OwnerLine
    private let threads: WorkerThreads
    private let gate: FileGate
    private let log: Mutex<Log>

    private init(
        id: String,
        data: SpoolFile,
        folder: String,
        _ ownerLine: OwnerLine,
        threads: WorkerThreads,
        gate: FileGate,
        log: Log
    ) {
        (self.id, self.data, self.folder, self.threads, self.gate) = (id, data, folder, threads, gate)
        self.ownerLine = ownerLine
        self.log = Mutex(log)
    }

    /// Unique within the directory; see `JournalSurvivors.Entry.name`.
    package var name: String {
        String(folder[(folder.lastIndex(of: "/").map { folder.index(after: $0) } ?? folder.startIndex)...].dropFirst(2))
            + "-" + id
    }

    package var dataPath: String { "\(folder)/\(id).data" }
    private var logPath: String { "\(folder)/\(id).log" }

    // MARK: Making and finding

    static func make(
        id: String,
        in folder: String,
        _ ownerLine: OwnerLine,
        threads: WorkerThreads,
        gate: FileGate
    ) throws(LocalStoreError) -> JournalEntry {
        let path = "\(folder)/\(id).data"
        if let number = gate.refusal(.open) { throw LocalStoreError(errno: number, operation: "open", path: path) }
        let descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw LocalStoreError(errno: errno, operation: "open", path: path) }
        let data = SpoolFile(descriptor: descriptor, path: path, threads: threads, gate: gate)
        return JournalEntry(id: id, data: data, folder: folder, ownerLine, threads: threads, gate: gate, log: Log())
    }

    /// An entry that another process left, for this one alone as long as it is held; `nil` if somebody has it, or it is
    /// gone. The data file carries the lock.
    static func claim(
        id: String,
        in folder: String,
        threads: WorkerThreads
    ) throws(LocalStoreError) -> JournalEntry? {
        let path = "\(folder)/\(id).data"
        let descriptor = open(path, O_RDWR | O_CLOEXEC)
        if descriptor < 0 {
            guard errno == ENOENT else { throw LocalStoreError(errno: errno, operation: "open", path: path) }
            unlink("\(folder)/\(id).log")
            return nil
        }
        let data = SpoolFile(descriptor: descriptor, path: path, threads: threads)
        var status = stat()
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0, fstat(descriptor, &status) == 0, status.st_nlink > 0 else {
            return nil
        }
        let logPath = "\(folder)/\(id).log"
        let logDescriptor = open(logPath, O_RDWR | O_CLOEXEC)
        guard logDescriptor >= 0 || errno == ENOENT else {
            throw LocalStoreError(errno: errno, operation: "open", path: logPath)
        }
        // Nothing was recorded and nothing written: the process ended between the two, or before.
        let isUnrecorded = logDescriptor < 0 || (fstat(logDescriptor, &status) == 0 && status.st_size == 0)
        if isUnrecorded, lseek(descriptor, 0, Int32(clinux_seek_data)) < 0, errno == ENXIO {
            unlink(path)
            unlink(logPath)
            if logDescriptor >= 0 { close(logDescriptor) }
            return nil
        }
        return JournalEntry(
            id: id,
            data: data,
            folder: folder,
            OwnerLine(folder: folder),
            threads: threads,
            gate: FileGate(),
            log: Log(file: logDescriptor < 0 ? nil : LogFile(logDescriptor))
        )
    }

    // MARK: The log

    /// All records that are whole; what is appended later goes behind them.
    package func records() throws(LocalStoreError) -> JournalFraming.Content {
        let result = log.withLock { log -> Result<JournalFraming.Content, LocalStoreError> in
            guard let descriptor = log.file?.descriptor else { return .success(JournalFraming.Content()) }
            var status = stat()
            guard fstat(descriptor, &status) == 0 else { return .failure(failure("fstat")) }
            var bytes = [UInt8](repeating: 0, count: Int(status.st_size))
            var done = 0
            while done < bytes.count {
                let count = bytes.withUnsafeMutableBytes { buffer in
                    pread(descriptor, buffer.baseAddress.map { $0 + done }, buffer.count - done, done)
                }
                if count > 0 {
                    done += count
                } else if count == 0 {
                    break
                } else if errno != EINTR {
                    return .failure(failure("pread"))
                }
            }
            let content = JournalFraming.parse(Array(bytes[..<done]))
            log.end = content.end
            return .success(content)
        }
        return try result.get()
    }

    /// Adds records with one write(2); on failure none of them is there.
    package func append(_ payloads: [[UInt8]]) throws(LocalStoreError) {
        let failure = log.withLock { log -> LocalStoreError? in
            guard !log.isRemoved, !payloads.isEmpty else { return nil }
            var bytes = JournalFraming.framed(payloads)
            let file: LogFile
            if let made = log.file {
                file = made
            } else {
                if let number = gate.refusal(.open) { return self.failure("open", number) }
                let descriptor = open(logPath, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
                guard descriptor >= 0 else { return self.failure("open") }
                file = LogFile(descriptor)
                log.file = file
            }
            if log.end == 0 { bytes = JournalFraming.magic + bytes }
            if let failure = write(bytes, to: file.descriptor, at: log.end) { return failure }
            log.end += bytes.count
            return nil
        }
        if let failure { throw failure }
    }

    /// Puts these records in place of all others, in one step.
    package func replace(_ payloads: [[UInt8]]) throws(LocalStoreError) {
        let failure = log.withLock { log -> LocalStoreError? in
            guard !log.isRemoved else { return nil }
            let bytes = JournalFraming.magic + JournalFraming.framed(payloads)
            let path = logPath + "-new"
            if let number = gate.refusal(.open) { return self.failure("open", number) }
            let descriptor = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
            guard descriptor >= 0 else { return self.failure("open") }
            let file = LogFile(descriptor)
            var failure = write(bytes, to: descriptor, at: 0)
            if failure == nil, let number = gate.refusal(.rename) { failure = self.failure("rename", number) }
            if failure == nil, rename(path, logPath) != 0 { failure = self.failure("rename") }
            guard failure == nil else {
                unlink(path)
                return failure
            }
            (log.file, log.end) = (file, bytes.count)
            return nil
        }
        if let failure { throw failure }
    }

    /// In bytes.
    package var logSize: Int { log.withLock { $0.end } }

    /// The log, and both names, to the disk. Of one that is replaced meanwhile, the new one.
    package func synchronizeLog() throws(LocalStoreError) {
        guard var file = log.withLock({ $0.file }) else { return }
        while true {
            if let number = gate.refusal(.fsync) { throw failure("fdatasync", number) }
            guard fdatasync(file.descriptor) == 0 else { throw failure("fdatasync") }
            guard let latest = log.withLock({ $0.file }), latest !== file else { break }
            file = latest
        }
        gate.synchronized?(logPath)
        let directory = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard directory >= 0 else { throw failure("open") }
        defer { close(directory) }
        if let number = gate.refusal(.fsync) { throw failure("fsync", number) }
        guard fsync(directory) == 0 else { throw failure("fsync") }
        gate.synchronized?(folder)
        try ownerLine.synchronize(gate)
    }

    /// Takes both names away; the disk space is free when nobody reads any more. Nothing is recorded after it.
    package func remove() {
        let mustUnlink = log.withLock { log in
            defer { log.isRemoved = true }
            return !log.isRemoved
        }
        guard mustUnlink else { return }
        // In this order: a log alone says nothing, bytes alone would be kept for somebody to look at.
        unlink(dataPath)
        unlink(logPath)
    }

    /// As `remove`, soon, on a thread that may wait for the disk.
    package func removeSoon() { threads.run { self.remove() } }

    // MARK: Parts

    private func write(_ bytes: [UInt8], to descriptor: Int32, at offset: Int) -> LocalStoreError? {
        if let number = gate.refusal(.pwrite) { return failure("pwrite", number) }
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes { buffer in
                pwrite(descriptor, buffer.baseAddress.map { $0 + done }, buffer.count - done, offset + done)
            }
            if count > 0 {
                done += count
            } else if count == 0 || errno != EINTR {
                return failure("pwrite", count == 0 ? ENOSPC : errno)
            }
        }
        return nil
    }

    private func failure(_ operation: String, _ number: Int32? = nil) -> LocalStoreError {
        LocalStoreError(errno: number ?? errno, operation: operation, path: logPath)
    }
}

/// The descriptor of a log, open for as long as somebody uses it: one that is put on the disk may be replaced meanwhile,
/// and its number be another file's then.
private final class LogFile: Sendable {
    let descriptor: Int32

    /// Takes the descriptor over.
    init(_ descriptor: Int32) { self.descriptor = descriptor }

    deinit { close(descriptor) }
}
