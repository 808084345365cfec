internal import CLinux
internal import Glibc
internal import LocalStore
internal import RDS

/// A local file that is made from front to back under a hidden name, and gets its own when all of it is there.
final class NewFile: ByteSink {
    private let target: String
    private let path: String
    private let descriptor: Int32
    private var isFinished = false

    init(_ target: String) throws(LocalFileError) {
        self.target = target
        path = Self.hidden(target)
        descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o666)
        guard descriptor >= 0 else { throw .last(path, "cannot be made") }
    }

    deinit {
        close(descriptor)
        if !isFinished { unlink(path) }
    }

    /// The name of a file until it is whole.
    static func hidden(_ target: String) -> String {
        let slash = target.utf8.lastIndex(of: UInt8(ascii: "/"))
        let start = slash.map { target.utf8.index(after: $0) } ?? target.startIndex
        return "\(target[..<start]).\(target[start...])\(PartFile.suffix)"
    }

    func write(_ bytes: UnsafeRawBufferPointer) throws {
        var done = 0
        while done < bytes.count {
            let rest = LocalWrites.next(of: bytes, after: done)
            let count = Glibc.write(descriptor, rest.baseAddress, rest.count)
            if count > 0 {
                done += count
            } else if errno != EINTR {
                throw LocalFileError.last(path, "cannot be written")
            }
        }
    }

    /// Only where nothing has the name yet.
    func finish() throws(LocalFileError) {
        guard renameat2(AT_FDCWD, path, AT_FDCWD, target, UInt32(clinux_rename_noreplace)) == 0 else {
            throw .last(target, "cannot be put in place")
        }
        isFinished = true
    }
}

/// The bytes of a local file, in order.
final class LocalBytes: ByteSource {
    private let path: String
    private let descriptor: Int32

    init(_ path: String) throws(LocalFileError) {
        self.path = path
        descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .last(path, "cannot be opened") }
    }

    deinit { close(descriptor) }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        while true {
            let count = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
            if count >= 0 { return count }
            guard errno == EINTR else { throw LocalFileError.last(path, "cannot be read") }
        }
    }
}

/// A folder for what is on its way to a target, beside it and hidden; one process at a time has it.
final class PassingFolder: Sendable {
    let path: String
    private let descriptor: Int32

    init(besides target: String) throws(LocalFileError) {
        path = NewFile.hidden(target) + "s"
        descriptor = try Self.openLocked(path)
        // What a killed run has left there is of no use.
        Self.empty(path)
    }

    deinit { close(descriptor) }

    private static func openLocked(_ path: String) throws(LocalFileError) -> Int32 {
        while true {
            try LocalFolder.make(path)
            let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)
            guard descriptor >= 0 else { throw .last(path, "cannot be opened") }
            guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
                close(descriptor)
                throw LocalFileError(path, "is being written by another process")
            }
            // Whoever held the lock may have removed the folder meanwhile.
            var (opened, named) = (stat(), stat())
            if fstat(descriptor, &opened) == 0, lstat(path, &named) == 0, opened.st_ino == named.st_ino {
                return descriptor
            }
            close(descriptor)
        }
    }

    private static func empty(_ path: String) {
        for name in (try? LocalFolder.names(in: path)) ?? [] { unlink(LocalFolder.joined(path, name)) }
    }

    /// With all files that are in it.
    func remove() {
        Self.empty(path)
        rmdir(path)
    }

    /// Gives a file of it a name outside, only where nothing has that yet.
    static func move(_ source: String, to target: String) throws(LocalFileError) {
        guard renameat2(AT_FDCWD, source, AT_FDCWD, target, UInt32(clinux_rename_noreplace)) == 0 else {
            throw .last(target, "cannot be put in place")
        }
    }
}
