internal import Glibc

extension LocalFolder {
    /// Puts a small file in place in one step, over what is there; synced, so that a loss of power leaves the old one or this.
    static func replace(_ path: String, with bytes: [UInt8]) throws(LocalFileError) {
        let new = "\(path).\(getpid()).new"
        let file = open(new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o666)
        guard file >= 0 else { throw .last(new, "cannot be made") }
        let isWritten = bytes.withUnsafeBytes { bytes in
            var done = 0
            while done < bytes.count {
                let count = write(
                    file,
                    UnsafeRawBufferPointer(rebasing: bytes[done...]).baseAddress,
                    bytes.count - done
                )
                if count < 0 && errno != EINTR { return false }
                done += max(0, count)
            }
            return fsync(file) == 0
        }
        var error = LocalFileError.last(new, "cannot be written")
        // A mount says at close whether the bytes are stored.
        let isClosed = close(file) == 0
        if isWritten && !isClosed { error = .last(new, "cannot be written") }
        guard isWritten, isClosed else {
            unlink(new)
            throw error
        }
        guard rename(new, path) == 0 else {
            let error = LocalFileError.last(path, "cannot be put in place")
            unlink(new)
            throw error
        }
    }
}
