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
    let stamp: FileStamp
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
        (byteCount, stamp, mode) = (UInt64(status.st_size), FileStamp(status), status.st_mode)
    }

    /// The link that is at `path`, not what it leads to.
    init(link path: String) throws(LocalFileError) {
        var status = stat()
        guard lstat(path, &status) == 0 else { throw .last(path, "cannot be looked at") }
        guard let text = try LocalLink.text(of: path) else { throw LocalFileError(path, "is no link any more") }
        (self.path, content) = (path, .link(text))
        (byteCount, stamp, mode) = (UInt64(text.utf8.count), FileStamp(status), status.st_mode)
    }

    convenience init(_ file: ArtifactFolder.File) throws(LocalFileError) {
        if file.isLink { try self.init(link: file.localPath) } else { try self.init(file.localPath) }
    }

    /// - Parameter stamp: what it had when something was said about its bytes; another one fails.
    convenience init(_ path: String, as stamp: FileStamp) throws(LocalFileError) {
        try self.init(path)
        guard self.stamp == stamp else { throw LocalFileError(path, "was changed after it was hashed") }
    }

    /// Its time, mode and kind as a mount stores them.
    ///
    /// - Parameter hasPermissions: the mode goes along; where it is the one that files have anyway it is not stored.
    func metadata(hasPermissions: Bool) -> BlobMetadata {
        var posix = PosixMetadata()
        posix.modificationTime = stamp.modified
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

    var modifiedNanoseconds: Int64 { stamp.modified.seconds * 1_000_000_000 + Int64(stamp.modified.nanoseconds) }

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

    /// Gives the bytes of a range to `body`, in order, in pieces that stay in the processor's cache. Fails once the flag is set.
    func read(
        _ range: Range<UInt64>,
        unless flag: InterruptFlag? = nil,
        _ body: (UnsafeRawBufferPointer) -> Void
    ) throws(LocalFileError) {
        let buffer = RangeMemory.allocate(min(Self.pieceByteCount, range.count))
        defer { RangeMemory.free(buffer) }
        var offset = range.lowerBound
        while offset < range.upperBound {
            if flag?.isSet == true { throw LocalFileError(path, "was not read to its end: interrupted") }
            let count = Int(min(UInt64(Self.pieceByteCount), range.upperBound - offset))
            let piece = UnsafeMutableRawBufferPointer(rebasing: buffer[..<count])
            try read(into: piece, at: offset)
            body(UnsafeRawBufferPointer(piece))
            offset += UInt64(count)
        }
    }

    private static let pieceByteCount = 256 << 10

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
        guard FileStamp(status) == stamp else { throw LocalFileError(path, "was changed while it was read") }
    }
}

/// What changes when a file does: as far as the file system's clock ticks.
struct FileStamp: Sendable, Hashable {
    private let device: dev_t
    private let inode: ino_t
    private let byteCount: off_t
    let modified: Timestamp

    init(_ status: stat) {
        (device, inode, byteCount) = (status.st_dev, status.st_ino, status.st_size)
        modified = Timestamp(seconds: Int64(status.st_mtim.tv_sec), nanoseconds: Int32(status.st_mtim.tv_nsec))
    }

    /// Of what is at a path, links followed.
    init(at path: String) throws(LocalFileError) {
        var status = stat()
        guard stat(path, &status) == 0 else { throw .last(path, "cannot be looked at") }
        self.init(status)
    }
}
