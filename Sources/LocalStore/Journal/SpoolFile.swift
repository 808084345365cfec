internal import CLinux
internal import Glibc

/// The data file of one journal entry, sparse: position for position the bytes of one blob. What was never written reads as zeros.
///
/// All calls go to the page cache and may be made from any thread at once; who writes where is the owner's concern.
package final class SpoolFile: Sendable {
    private let descriptor: Int32
    private let path: String
    private let threads: WorkerThreads
    private let gate: FileGate

    /// Takes the descriptor over.
    package convenience init(descriptor: Int32, path: String, threads: WorkerThreads) {
        self.init(descriptor: descriptor, path: path, threads: threads, gate: FileGate())
    }

    init(descriptor: Int32, path: String, threads: WorkerThreads, gate: FileGate) {
        self.descriptor = descriptor
        self.path = path
        self.threads = threads
        self.gate = gate
    }

    /// The last close of an unlinked file frees its blocks, which for gigabytes takes long: not on the caller's thread.
    deinit {
        threads.run { [descriptor] in close(descriptor) }
    }

    /// Writes from `offset` on and says how many bytes got there: fewer than given, with the reason, when the disk
    /// did not take them all.
    package func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) -> (count: Int, failure: LocalStoreError?) {
        var done = 0
        if let number = gate.refusal(.pwrite) { return (0, failure("pwrite", number)) }
        while done < bytes.count {
            let rest = LocalWrites.next(of: bytes, after: done)
            let count = pwrite(descriptor, rest.baseAddress, rest.count, Int(offset) + done)
            if count > 0 {
                done += count
            } else if count < 0, errno == EINTR {
                continue
            } else {
                return (done, count < 0 ? failure("pwrite") : failure("pwrite", ENOSPC))
            }
        }
        return (done, nil)
    }

    /// Fills the whole buffer with the bytes from `offset` on; behind the file's end there are zeros.
    package func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(LocalStoreError) {
        var done = 0
        if let number = gate.refusal(.pread) { throw failure("pread", number) }
        while done < buffer.count {
            let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[done...])
            let count = pread(descriptor, rest.baseAddress, rest.count, Int(offset) + done)
            if count > 0 {
                done += count
            } else if count == 0 {
                rest.initializeMemory(as: UInt8.self, repeating: 0)
                return
            } else if errno != EINTR {
                throw failure("pread")
            }
        }
    }

    /// Cuts or extends the file; what is new reads as zeros.
    package func truncate(to size: UInt64) throws(LocalStoreError) {
        if let number = gate.refusal(.ftruncate) { throw failure("ftruncate", number) }
        while ftruncate(descriptor, Int(size)) != 0 {
            guard errno == EINTR else { throw failure("ftruncate") }
        }
    }

    /// Makes the range read as zeros and gives its blocks back; never changes the file's size.
    package func punchHole(_ range: Range<UInt64>) throws(LocalStoreError) {
        if let number = gate.refusal(.fallocate) { throw failure("fallocate", number) }
        let mode = Int32(clinux_falloc_punch_hole | clinux_falloc_keep_size)
        while fallocate(descriptor, mode, Int(range.lowerBound), range.count) != 0 {
            switch errno {
            case EINTR: continue
            case EOPNOTSUPP: return try writeZeros(range)
            default: throw failure("fallocate")
            }
        }
    }

    /// For file systems without holes.
    private func writeZeros(_ range: Range<UInt64>) throws(LocalStoreError) {
        let zeros = [UInt8](repeating: 0, count: 1 << 16)
        var offset = range.lowerBound
        while offset < range.upperBound {
            let count = min(zeros.count, Int(range.upperBound - offset))
            let written = zeros.withUnsafeBytes { write(UnsafeRawBufferPointer(rebasing: $0[..<count]), at: offset) }
            if let failure = written.failure { throw failure }
            offset += UInt64(count)
        }
    }

    /// The file's length: what the program made it, as every change of it goes to this file first.
    package func size() throws(LocalStoreError) -> UInt64 {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw failure("fstat") }
        return UInt64(status.st_size)
    }

    /// The bytes, and the length, to the disk.
    package func synchronize() throws(LocalStoreError) {
        if let number = gate.refusal(.fsync) { throw failure("fdatasync", number) }
        while fdatasync(descriptor) != 0 {
            guard errno == EINTR else { throw failure("fdatasync") }
        }
        gate.synchronized?(path)
    }

    private func failure(_ operation: String, _ number: Int32? = nil) -> LocalStoreError {
        LocalStoreError(errno: number ?? errno, operation: operation, path: path)
    }
}
