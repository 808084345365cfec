internal import CLinux
internal import Glibc

/// The directory that holds bytes on their way to the store. It and its files belong to one user (0700).
///
/// Where a spool file gets its name, or none, is decided here and nowhere else: today a file has no name
/// (O_TMPFILE), so that the kernel frees its space however the process ends.
package final class SpoolDirectory: Sendable {
    package let path: String
    private let threads: WorkerThreads

    /// Makes the directory, and its parents, unless it is there. `threads` do what may block, such as freeing a file.
    package init(path: String, threads: WorkerThreads) throws(LocalStoreError) {
        self.path = path
        self.threads = threads
        try Self.makeDirectory(path)
    }

    /// A new, empty file without a name.
    package func makeFile() throws(LocalStoreError) -> SpoolFile {
        let descriptor = open(path, O_RDWR | O_CLOEXEC | Int32(clinux_o_tmpfile), 0o600)
        if descriptor >= 0 { return SpoolFile(descriptor: descriptor, path: path, threads: threads) }
        // NFS, overlayfs before 6.0 and FUSE have no O_TMPFILE; kernels before 3.11 say EISDIR.
        guard errno == EOPNOTSUPP || errno == EISDIR || errno == ENOENT else { throw failure("open") }
        return try makeUnlinkedFile()
    }

    private func makeUnlinkedFile() throws(LocalStoreError) -> SpoolFile {
        var template = Array("\(path)/spool-XXXXXX".utf8CString)
        let descriptor = mkstemp(&template)
        guard descriptor >= 0 else { throw failure("mkstemp") }
        unlink(template)
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        return SpoolFile(descriptor: descriptor, path: path, threads: threads)
    }

    private func failure(_ operation: String) -> LocalStoreError {
        LocalStoreError(errno: errno, operation: operation, path: path)
    }

    private static func makeDirectory(_ path: String) throws(LocalStoreError) {
        if mkdir(path, 0o700) == 0 || errno == EEXIST {
            guard access(path, W_OK | X_OK) == 0 else {
                throw LocalStoreError(errno: errno, operation: "access", path: path)
            }
            return
        }
        guard errno == ENOENT, let slash = path.lastIndex(of: "/"), slash > path.startIndex else {
            throw LocalStoreError(errno: errno, operation: "mkdir", path: path)
        }
        try makeDirectory(String(path[..<slash]))
        guard mkdir(path, 0o700) == 0 || errno == EEXIST else {
            throw LocalStoreError(errno: errno, operation: "mkdir", path: path)
        }
    }
}
