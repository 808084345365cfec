internal import BlobStorage
internal import CLinux
internal import FileSystemModel
internal import Glibc
internal import LocalStore

/// The hidden file `.NAME.outputfs-part` beside a target, which becomes the target when all of it is there.
///
/// Its beginning may be there from an earlier try: how much, and of which version, stands in an extended attribute. One
/// process at a time works on it.
final class PartFile: Sendable {
    let path: String
    private let target: String
    private let descriptor: Int32
    /// Of which version of the blob the bytes are.
    private let version: String
    /// How many bytes of the beginning were there already.
    let resumedCount: UInt64

    static let suffix = ".outputfs-part"
    private static let attribute = "user.outputfs.part"

    /// Whether a path's last name is that of what is half there.
    static func isPart(_ path: String) -> Bool {
        let name = path.utf8.lastIndex(of: UInt8(ascii: "/")).map { path.utf8[$0...].dropFirst() } ?? path.utf8[...]
        return name.first == UInt8(ascii: ".") && name.suffix(suffix.utf8.count).elementsEqual(suffix.utf8)
    }

    /// What the finished file carries: the ETag of the blob that it was fetched from.
    static let versionAttribute = "user.outputfs.etag"

    /// - Parameters:
    ///   - version: what must be equal for bytes that are there to count.
    ///   - isPrivate: only its owner may read it, from its first byte on, whatever the umask is.
    init(for target: String, version: String, isPrivate: Bool = false) throws(LocalFileError) {
        self.target = target
        self.version = version
        path = Self.path(for: target)
        descriptor = try Self.openLocked(path, isPrivate: isPrivate)
        resumedCount = Self.resumable(descriptor, version)
        guard ftruncate(descriptor, off_t(resumedCount)) == 0 else {
            let error = LocalFileError.last(path, "cannot be emptied")
            close(descriptor)
            throw error
        }
    }

    deinit { close(descriptor) }

    static func path(for target: String) -> String {
        let slash = target.utf8.lastIndex(of: UInt8(ascii: "/"))
        let start = slash.map { target.utf8.index(after: $0) } ?? target.startIndex
        let (folder, name) = (String(target[..<start]), String(target[start...]))
        // NAME_MAX is 255: a longer name gives way to its hash, which tells it from others in the folder.
        guard name.utf8.count + suffix.utf8.count + 1 > 255 else { return folder + "." + name + suffix }
        return folder + "." + String(NameHash.fnv1a(name), radix: 16) + suffix
    }

    private static func openLocked(_ path: String, isPrivate: Bool) throws(LocalFileError) -> Int32 {
        while true {
            let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, isPrivate ? 0o600 : 0o666)
            guard descriptor >= 0 else { throw .last(path, "cannot be made") }
            // It may be there from an earlier try.
            guard !isPrivate || fchmod(descriptor, 0o600) == 0 else {
                let error = LocalFileError.last(path, "cannot be given its permissions")
                close(descriptor)
                throw error
            }
            guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
                close(descriptor)
                throw LocalFileError(path, "is being written by another process")
            }
            // Whoever held the lock may have given the file its final name meanwhile.
            var (opened, named) = (stat(), stat())
            if fstat(descriptor, &opened) == 0, lstat(path, &named) == 0, opened.st_ino == named.st_ino {
                return descriptor
            }
            close(descriptor)
        }
    }

    private static func resumable(_ descriptor: Int32, _ version: String) -> UInt64 {
        var value = [UInt8](repeating: 0, count: 512)
        let count = fgetxattr(descriptor, attribute, &value, value.count)
        guard count > 0 else { return 0 }
        let parts = value[..<count].split(separator: UInt8(ascii: "\n"), maxSplits: 1)
        var status = stat()
        guard parts.count == 2, parts[1].elementsEqual(version.utf8), fstat(descriptor, &status) == 0,
            let prefix = UInt64(String(decoding: parts[0], as: UTF8.self)), prefix <= UInt64(status.st_size)
        else { return 0 }
        return prefix
    }

    // MARK: Writing

    func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(LocalFileError) {
        var done = 0
        while done < bytes.count {
            let rest = LocalWrites.next(of: bytes, after: done)
            let count = pwrite(descriptor, rest.baseAddress, rest.count, off_t(offset) + off_t(done))
            if count > 0 {
                done += count
            } else if errno != EINTR {
                throw .last(path, "cannot be written")
            }
        }
    }

    /// Notes, once they are on the disk, that the first `count` bytes need not be fetched again. A file system without
    /// extended attributes only loses that.
    func record(prefix count: UInt64) {
        guard fdatasync(descriptor) == 0 else { return }
        let value = Array("\(count)\n\(version)".utf8)
        fsetxattr(descriptor, Self.attribute, value, value.count, 0)
    }

    /// Gives all bytes to `body`, in order.
    func read(_ body: (UnsafeRawBufferPointer) -> Void) throws(LocalFileError) { try LocalFolder.read(path, body) }

    /// What the finished file is besides its bytes.
    struct Facts: Sendable {
        /// Of the blob.
        var etag: ETag
        var modified: Timestamp
        /// The low nine bits of `st_mode`; `nil`: as the umask has it.
        var permissions: UInt16?
    }

    /// The file gets its name, over what is there or, with `replacing` false, only where nothing is.
    func finish(as facts: Facts, replacing: Bool) throws(LocalFileError) {
        fremovexattr(descriptor, Self.attribute)
        let etag = Array(facts.etag.text.utf8)
        // A file system without extended attributes only loses that.
        fsetxattr(descriptor, Self.versionAttribute, etag, etag.count, 0)
        if let permissions = facts.permissions, fchmod(descriptor, mode_t(permissions & 0o777)) != 0 {
            throw .last(path, "cannot be given its permissions")
        }
        let time = timespec(tv_sec: Int(facts.modified.seconds), tv_nsec: Int(facts.modified.nanoseconds))
        guard
            withUnsafeTemporaryAllocation(
                of: timespec.self,
                capacity: 2,
                { times in
                    times.initialize(repeating: time)
                    return futimens(descriptor, times.baseAddress)
                }
            ) == 0
        else { throw .last(path, "cannot be given its time") }
        let flags: UInt32 = replacing ? 0 : UInt32(clinux_rename_noreplace)
        guard renameat2(AT_FDCWD, path, AT_FDCWD, target, flags) == 0 else {
            throw .last(target, "cannot be put in place")
        }
    }

    /// Nothing of it is worth keeping.
    func discard() { unlink(path) }
}
