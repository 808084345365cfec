internal import CLinux
internal import Glibc

/// What fstat(2) says about a file.
struct FileStatus: Sendable {
    var size: UInt64
    /// Bytes on disk.
    var allocated: UInt64
    var links: Int
    var inode: UInt64
    var modifiedSeconds: Int
}

/// An open file of the disk cache; closed, and its locks with it, when nobody holds it any more.
///
/// Locks are those of the open file description (F_OFD_SETLK): they exclude other descriptions in this process as well
/// as in others, a killed process's are gone, and one file has as many locks as it has bytes. They are never waited
/// for without an end: whoever holds one might be stopped.
final class OpenFile: Sendable {
    enum LockKind { case shared, exclusive }

    let descriptor: Int32
    private let name: String
    private let gate: FileGate

    init(descriptor: Int32, name: String, gate: FileGate) {
        self.descriptor = descriptor
        self.name = name
        self.gate = gate
    }

    deinit { close(descriptor) }

    /// Fills the buffer as far as the file goes; says how many bytes there were.
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(LocalStoreError) -> Int {
        var done = 0
        while done < buffer.count {
            try pass(.pread)
            let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[done...])
            let count = pread(descriptor, rest.baseAddress, rest.count, Int(offset) + done)
            if count == 0 { return done }
            if count > 0 { done += count } else if errno != EINTR { throw failure(.pread) }
        }
        return done
    }

    /// The same if no disk has to be waited for; `false` when it would, or the file ends before.
    func readAtOnce(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) -> Bool {
        guard (try? pass(.preadv2)) != nil else { return false }
        return clinux_pread_nowait(descriptor, buffer.baseAddress, buffer.count, offset) == buffer.count
    }

    /// Writes all of it, or fails with a part of it written.
    func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(LocalStoreError) {
        var done = 0
        while done < bytes.count {
            var rest = LocalWrites.next(of: bytes, after: done)
            var torn: Int32?
            switch gate.verdict?(.pwrite) ?? .proceed {
            case .proceed, .skip: break
            case .fail(let number): throw failure(.pwrite, number)
            case .tear(let number):
                torn = number
                rest = UnsafeRawBufferPointer(rebasing: rest[..<(rest.count / 2)])
            }
            let count = pwrite(descriptor, rest.baseAddress, rest.count, Int(offset) + done)
            if let torn { throw failure(.pwrite, torn) }
            if count > 0 {
                done += count
            } else if count == 0 || errno != EINTR {
                throw failure(.pwrite, count == 0 ? ENOSPC : errno)
            }
        }
    }

    func truncate(to size: UInt64) throws(LocalStoreError) {
        try pass(.ftruncate)
        while ftruncate(descriptor, Int(size)) != 0 {
            guard errno == EINTR else { throw failure(.ftruncate) }
        }
    }

    /// Gives the range's blocks back; it reads as zeros then. The size stays.
    func punchHole(_ range: Range<UInt64>) throws(LocalStoreError) {
        try pass(.fallocate)
        let mode = Int32(clinux_falloc_punch_hole | clinux_falloc_keep_size)
        while fallocate(descriptor, mode, Int(range.lowerBound), range.count) != 0 {
            guard errno == EINTR else { throw failure(.fallocate) }
        }
    }

    func status() throws(LocalStoreError) -> FileStatus {
        try pass(.fstat)
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw failure(.fstat) }
        return FileStatus(status)
    }

    /// The first stretch of allocated bytes from `offset` on, at most up to `size`; `nil` when there is none.
    func data(from offset: UInt64, size: UInt64) throws(LocalStoreError) -> Range<UInt64>? {
        try pass(.lseek)
        let start = lseek(descriptor, Int(offset), Int32(clinux_seek_data))
        if start < 0 {
            guard errno == ENXIO else { throw failure(.lseek) }
            return nil
        }
        let end = lseek(descriptor, start, Int32(clinux_seek_hole))
        return UInt64(start)..<(end > start ? UInt64(end) : max(size, UInt64(start) + 1))
    }

    /// Sets the time of last change to now.
    func touch() {
        guard (try? pass(.futimens)) != nil else { return }
        _ = futimens(descriptor, nil)
    }

    /// To the disk.
    func synchronize() throws(LocalStoreError) {
        if case .skip = gate.verdict?(.fsync) ?? .proceed { return }
        try pass(.fsync)
        guard fsync(descriptor) == 0 else { throw failure(.fsync) }
    }

    // MARK: Locks

    /// Takes the lock that byte `number` stands for, or changes its kind; `false` when another description has it.
    func lock(_ number: Int, _ kind: LockKind) throws(LocalStoreError) -> Bool {
        try pass(.fcntl)
        if setLock(number, kind == .shared ? F_RDLCK : F_WRLCK) { return true }
        guard errno == EAGAIN || errno == EACCES else { throw failure(.fcntl) }
        return false
    }

    /// The same, waiting up to a tenth of a second: locks are held for microseconds, unless their holder was stopped.
    func lockSoon(_ number: Int, _ kind: LockKind) throws(LocalStoreError) -> Bool {
        var pause: UInt32 = 20
        while try !lock(number, kind) {
            guard pause < 50_000 else { return false }
            usleep(pause)
            pause += pause / 2
        }
        return true
    }

    func unlock(_ number: Int) { _ = setLock(number, F_UNLCK) }

    private func setLock(_ number: Int, _ kind: Int32) -> Bool {
        var lock = flock(l_type: Int16(kind), l_whence: Int16(SEEK_SET), l_start: number, l_len: 1, l_pid: 0)
        return fcntl(descriptor, Int32(clinux_f_ofd_setlk), &lock) == 0
    }

    // MARK: The gate

    private func pass(_ call: FileCall) throws(LocalStoreError) {
        if let number = gate.refusal(call) { throw failure(call, number) }
    }

    private func failure(_ call: FileCall, _ number: Int32? = nil) -> LocalStoreError {
        LocalStoreError(errno: number ?? errno, operation: call.rawValue, path: name)
    }
}

extension FileGate {
    /// The errno that the call is to fail with, if it is.
    func refusal(_ call: FileCall) -> Int32? {
        switch verdict?(call) ?? .proceed {
        case .proceed, .skip: nil
        case .fail(let number), .tear(let number): number
        }
    }
}

extension FileStatus {
    init(_ status: stat) {
        size = UInt64(status.st_size)
        allocated = UInt64(status.st_blocks) * 512
        links = Int(status.st_nlink)
        inode = UInt64(status.st_ino)
        modifiedSeconds = status.st_mtim.tv_sec
    }
}
