internal import Glibc

/// A local file that is being uploaded: one descriptor from the first look to the last, so that a file that is replaced
/// meanwhile goes up as it was, and one that is changed meanwhile is found out.
final class SourceFile: Sendable {
    let path: String
    let byteCount: UInt64
    private let descriptor: Int32
    private let modified: timespec

    init(_ path: String) throws(LocalFileError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .last(path, "cannot be opened") }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            let error = LocalFileError.last(path, "cannot be looked at")
            close(descriptor)
            throw error
        }
        (self.path, self.descriptor) = (path, descriptor)
        (byteCount, modified) = (UInt64(status.st_size), status.st_mtim)
    }

    var modifiedNanoseconds: Int64 { Int64(modified.tv_sec) * 1_000_000_000 + Int64(modified.tv_nsec) }

    deinit { close(descriptor) }

    /// Fills the buffer from `offset` on.
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(LocalFileError) {
        var done = 0
        while done < buffer.count {
            let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[done...])
            let count = pread(descriptor, rest.baseAddress, rest.count, off_t(offset) + off_t(done))
            if count == 0 { throw LocalFileError(path, "became shorter while it was read") }
            if count > 0 {
                done += count
            } else if errno != EINTR {
                throw .last(path, "cannot be read")
            }
        }
    }

    /// Fails when somebody wrote to it since it was opened: what was sent is then no state that it ever had.
    func requireUnchanged() throws(LocalFileError) {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw .last(path, "cannot be looked at") }
        guard UInt64(status.st_size) == byteCount, status.st_mtim.tv_sec == modified.tv_sec,
            status.st_mtim.tv_nsec == modified.tv_nsec
        else { throw LocalFileError(path, "was changed while it was read") }
    }
}
