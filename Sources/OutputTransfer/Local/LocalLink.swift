internal import CLinux
internal import FileSystemModel
internal import Glibc

/// Symbolic links on this machine.
enum LocalLink {
    /// The text that a link holds; `nil` where no link is.
    static func text(of path: String) throws(LocalFileError) -> String? {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink(path, &buffer, buffer.count)
        guard count >= 0 else {
            if errno == EINVAL || errno == ENOENT { return nil }
            throw .last(path, "cannot be read")
        }
        guard let text = String(validating: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self) else {
            throw LocalFileError(path, "is a link to a name that is not UTF-8")
        }
        return text
    }

    /// Whether a link of this length and time is there: its text is as good as the same.
    static func isThere(_ path: String, _ byteCount: UInt64, _ modified: Timestamp) -> Bool {
        var status = stat()
        return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFLNK && status.st_size == byteCount
            && status.st_mtim.tv_sec == modified.seconds
    }

    /// Puts a link in place in one step, over what is there or, with `replacing` false, only where nothing is.
    ///
    /// - Parameters:
    ///   - root: the folder that it must not lead out of, however its own folder is reached.
    ///   - modified: the link's own time.
    static func make(
        _ path: String,
        to text: String,
        within root: String,
        modified: Timestamp,
        replacing: Bool
    ) throws(LocalFileError) {
        let folder = LocalFolder.parent(of: path)
        guard try staysInside(text, from: folder, root) else {
            throw LocalFileError(path, "would be a link to '\(text)', which leads out of \(root); it was not made")
        }
        let part = PartFile.path(for: path)
        unlink(part)
        guard symlink(text, part) == 0 else { throw .last(path, "cannot be made") }
        let time = timespec(tv_sec: Int(modified.seconds), tv_nsec: Int(modified.nanoseconds))
        withUnsafeTemporaryAllocation(of: timespec.self, capacity: 2) { times in
            times.initialize(repeating: time)
            // The time of a link is nothing that anybody relies on.
            _ = utimensat(AT_FDCWD, part, times.baseAddress, AT_SYMLINK_NOFOLLOW)
        }
        let flags: UInt32 = replacing ? 0 : UInt32(clinux_rename_noreplace)
        guard renameat2(AT_FDCWD, part, AT_FDCWD, path, flags) == 0 else {
            let error = LocalFileError.last(path, "cannot be put in place")
            unlink(part)
            throw error
        }
    }

    private static func staysInside(_ text: String, from folder: String, _ root: String) throws(LocalFileError) -> Bool
    {
        // Without links: one of an earlier transfer may have led the folder elsewhere below the root.
        let (folder, root) = (try LocalFolder.resolved(folder), try LocalFolder.resolved(root))
        let base = root.utf8.elementsEqual("/".utf8) ? "" : root
        guard folder.utf8.starts(with: base.utf8) else { return false }
        let rest = folder.utf8.dropFirst(base.utf8.count)
        guard rest.isEmpty || rest.first == UInt8(ascii: "/") else { return false }
        return LinkTarget.staysInside(text, depth: rest.split(separator: UInt8(ascii: "/")).count)
    }
}
