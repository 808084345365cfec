internal import BlobStorage
internal import FileSystemModel
internal import Glibc
internal import OutputConventions

/// A local file that is being uploaded: one descriptor from the first look to the last, so that a file that is replaced
/// meanwhile goes up as it was, and one that is changed meanwhile is found out.
final class SourceFile: Sendable {
    private enum Content {
        case descriptor(Int32)
        /// A symbolic link that goes up as one: the text that it holds.
        case link(String)
    }

    let path: String
    let byteCount: UInt64
    private let content: Content
    private let modified: timespec
    private let mode: mode_t

    init(_ path: String) throws(LocalFileError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .last(path, "cannot be opened") }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            let error = LocalFileError.last(path, "cannot be looked at")
            close(descriptor)
            throw error
        }
        (self.path, content) = (path, .descriptor(descriptor))
        (byteCount, modified, mode) = (UInt64(status.st_size), status.st_mtim, status.st_mode)
    }

    /// The link that is at `path`, not what it leads to.
    init(link path: String) throws(LocalFileError) {
        var status = stat()
        guard lstat(path, &status) == 0 else { throw .last(path, "cannot be looked at") }
        guard let text = try LocalLink.text(of: path) else { throw LocalFileError(path, "is no link any more") }
        (self.path, content) = (path, .link(text))
        (byteCount, modified, mode) = (UInt64(text.utf8.count), status.st_mtim, status.st_mode)
    }

    convenience init(_ file: ArtifactFolder.File) throws(LocalFileError) {
        if file.isLink { try self.init(link: file.localPath) } else { try self.init(file.localPath) }
    }

    /// Its time, mode and kind as a mount stores them.
    ///
    /// - Parameter hasPermissions: the mode goes along; where it is the one that files have anyway it is not stored.
    func metadata(hasPermissions: Bool) -> BlobMetadata {
        var posix = PosixMetadata()
        posix.modificationTime = Timestamp(seconds: Int64(modified.tv_sec), nanoseconds: Int32(modified.tv_nsec))
        var kind = FileKind.file
        if case .link = content {
            (posix.isSymbolicLink, kind) = (true, .symbolicLink)
        } else if hasPermissions, mode & 0o777 != 0o644 {
            posix.permissions = UInt16(mode & 0o777)
        }
        var metadata = BlobMetadata()
        posix.write(to: &metadata, kind: kind)
        return metadata
    }

    /// What its blob is stored with, but for the MD5.
    func headers(for blob: BlobAddress, hasPermissions: Bool) -> BlobHeaders {
        BlobHeaders(
            contentType: isLink ? "text/plain" : ContentTypes.type(forName: blob.name),
            metadata: metadata(hasPermissions: hasPermissions)
        )
    }

    var isLink: Bool { if case .link = content { true } else { false } }

    var modifiedNanoseconds: Int64 { Int64(modified.tv_sec) * 1_000_000_000 + Int64(modified.tv_nsec) }

    deinit { if case .descriptor(let descriptor) = content { close(descriptor) } }

    /// Fills the buffer from `offset` on.
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(LocalFileError) {
        guard case .descriptor(let descriptor) = content else { return try readLink(into: buffer, at: offset) }
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

    private func readLink(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(LocalFileError) {
        guard case .link(let text) = content, offset <= text.utf8.count,
            buffer.count <= text.utf8.count - Int(offset)
        else { throw LocalFileError(path, "became shorter while it was read") }
        buffer.copyBytes(from: text.utf8.dropFirst(Int(offset)).prefix(buffer.count))
    }

    /// Fails when somebody wrote to it since it was opened: what was sent is then no state that it ever had.
    func requireUnchanged() throws(LocalFileError) {
        guard case .descriptor(let descriptor) = content else { return }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw .last(path, "cannot be looked at") }
        guard UInt64(status.st_size) == byteCount, status.st_mtim.tv_sec == modified.tv_sec,
            status.st_mtim.tv_nsec == modified.tv_nsec
        else { throw LocalFileError(path, "was changed while it was read") }
    }
}
