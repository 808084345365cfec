internal import CLinux
internal import Glibc
package import SystemPackage

/// The real system calls on a directory of this machine: a mount, or a local directory as the oracle.
package final class SystemFiles: FileOperations {
    private let root: String

    /// `root`: absolute, without a slash at its end.
    package init(root: String) { self.root = root }

    private func full(_ path: String) -> String { path.isEmpty ? root : root + "/" + path }

    /// The result of a call that says -1 and errno when it fails.
    @discardableResult
    private func check<Result: SignedInteger>(_ call: () -> Result) throws(Errno) -> Result {
        let result = call()
        guard result != -1 else { throw Errno(rawValue: errno) }
        return result
    }

    // MARK: Open files

    package func open(_ path: String, _ flags: Int32, permissions: UInt16) throws(Errno) -> Int32 {
        try check { Glibc.open(full(path), flags | O_CLOEXEC, mode_t(permissions)) }
    }

    package func duplicate(_ descriptor: Int32) throws(Errno) -> Int32 { try check { Glibc.dup(descriptor) } }

    package func pread(_ descriptor: Int32, count: Int, at offset: UInt64) throws(Errno) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        let read = try check { Glibc.pread(descriptor, &bytes, count, off_t(offset)) }
        return Array(bytes[..<read])
    }

    package func pwrite(_ descriptor: Int32, _ bytes: [UInt8], at offset: UInt64) throws(Errno) {
        var done = 0
        while done < bytes.count {
            done += try check {
                bytes.withUnsafeBytes { buffer in
                    Glibc.pwrite(
                        descriptor,
                        buffer.baseAddress?.advanced(by: done),
                        bytes.count - done,
                        off_t(offset) + off_t(done)
                    )
                }
            }
        }
    }

    package func write(_ descriptor: Int32, _ bytes: [UInt8]) throws(Errno) {
        var done = 0
        while done < bytes.count {
            done += try check {
                bytes.withUnsafeBytes { buffer in
                    Glibc.write(descriptor, buffer.baseAddress?.advanced(by: done), bytes.count - done)
                }
            }
        }
    }

    package func fsync(_ descriptor: Int32) throws(Errno) { try check { Glibc.fsync(descriptor) } }

    package func truncate(_ descriptor: Int32, to size: UInt64) throws(Errno) {
        try check { ftruncate(descriptor, off_t(size)) }
    }

    package func status(_ descriptor: Int32) throws(Errno) -> FileStatus {
        var status = stat()
        try check { fstat(descriptor, &status) }
        return FileStatus(status)
    }

    package func fallocate(_ descriptor: Int32, mode: Int32, offset: UInt64, length: UInt64) throws(Errno) {
        try check { CLinux.fallocate(descriptor, mode, off_t(offset), off_t(length)) }
    }

    package func copyRange(_ source: Int32, to copy: Int32, at offset: UInt64, count: Int) throws(Errno) -> Int {
        var (from, to) = (off_t(offset), off_t(offset))
        return try check { copy_file_range(source, &from, copy, &to, count, 0) }
    }

    package func close(_ descriptor: Int32) throws(Errno) { try check { Glibc.close(descriptor) } }

    // MARK: Names

    package func status(_ path: String, follows: Bool) throws(Errno) -> FileStatus {
        var status = stat()
        try check { follows ? stat(full(path), &status) : lstat(full(path), &status) }
        return FileStatus(status)
    }

    package func list(_ path: String) throws(Errno) -> [ListedName] {
        guard let directory = opendir(full(path)) else { throw Errno(rawValue: errno) }
        defer { closedir(directory) }
        var names: [ListedName] = []
        while true {
            errno = 0
            guard let entry = readdir(directory) else {
                guard errno == 0 else { throw Errno(rawValue: errno) }
                return names
            }
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            guard name != ".", name != ".." else { continue }
            names.append(
                ListedName(name: name, inode: UInt64(entry.pointee.d_ino), kind: .init(type: entry.pointee.d_type))
            )
        }
    }

    package func makeDirectory(_ path: String, permissions: UInt16) throws(Errno) {
        try check { mkdir(full(path), mode_t(permissions)) }
    }

    package func removeDirectory(_ path: String) throws(Errno) { try check { rmdir(full(path)) } }

    package func makeNode(_ path: String, permissions: UInt16) throws(Errno) {
        try check { mknod(full(path), S_IFREG | mode_t(permissions), 0) }
    }

    package func unlink(_ path: String) throws(Errno) { try check { Glibc.unlink(full(path)) } }

    package func rename(_ path: String, to newPath: String, flags: UInt32) throws(Errno) {
        try check { renameat2(AT_FDCWD, full(path), AT_FDCWD, full(newPath), flags) }
    }

    package func makeLink(_ path: String, to target: String) throws(Errno) {
        try check { symlink(target, full(path)) }
    }

    package func readLink(_ path: String) throws(Errno) -> String {
        var target = [CChar](repeating: 0, count: 4097)
        let count = try check { readlink(full(path), &target, target.count) }
        return String(decoding: target[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    // MARK: Attributes

    package func truncate(_ path: String, to size: UInt64) throws(Errno) {
        try check { Glibc.truncate(full(path), off_t(size)) }
    }

    package func setPermissions(_ path: String, _ permissions: UInt16) throws(Errno) {
        try check { chmod(full(path), mode_t(permissions)) }
    }

    package func setOwner(_ path: String, user: UInt32, group: UInt32) throws(Errno) {
        try check { lchown(full(path), user, group) }
    }

    package func setModificationTime(_ path: String, _ time: Int64?) throws(Errno) {
        // UTIME_OMIT and UTIME_NOW of <sys/stat.h>, which are casts and so not imported.
        let (omitted, now) = ((1 << 30) - 2, (1 << 30) - 1)
        var times = [timespec(tv_sec: 0, tv_nsec: omitted), timespec(tv_sec: 0, tv_nsec: now)]
        if let time { times[1] = timespec(tv_sec: Int(time / 1_000_000_000), tv_nsec: Int(time % 1_000_000_000)) }
        try check { utimensat(AT_FDCWD, full(path), times, AT_SYMLINK_NOFOLLOW) }
    }

    package func attribute(_ path: String, _ name: String) throws(Errno) -> [UInt8] {
        var value = [UInt8](repeating: 0, count: 65536)
        let count = try check { lgetxattr(full(path), name, &value, value.count) }
        return Array(value[..<count])
    }

    package func attributes(_ path: String) throws(Errno) -> [String] {
        var names = [CChar](repeating: 0, count: 65536)
        let count = try check { llistxattr(full(path), &names, names.count) }
        return names[..<count].map { UInt8(bitPattern: $0) }.split(separator: 0)
            .map { String(decoding: $0, as: UTF8.self) }
    }

    package func setAttribute(
        _ path: String,
        _ name: String,
        _ value: [UInt8],
        flags: Int32
    ) throws(Errno) {
        try check { lsetxattr(full(path), name, value, value.count, flags) }
    }

    package func removeAttribute(_ path: String, _ name: String) throws(Errno) {
        try check { lremovexattr(full(path), name) }
    }
}

extension FileStatus {
    init(_ status: stat) {
        let kind: Kind =
            switch status.st_mode & S_IFMT {
            case S_IFREG: .file
            case S_IFDIR: .directory
            case S_IFLNK: .link
            default: .other
            }
        self.init(
            inode: UInt64(status.st_ino),
            kind: kind,
            permissions: UInt16(status.st_mode & 0o7777),
            userID: status.st_uid,
            groupID: status.st_gid,
            linkCount: UInt64(status.st_nlink),
            size: UInt64(status.st_size),
            modificationTime: Int64(status.st_mtim.tv_sec) * 1_000_000_000 + Int64(status.st_mtim.tv_nsec)
        )
    }
}

extension FileStatus.Kind {
    /// By `d_type` of readdir(3).
    init(type: UInt8) {
        switch Int32(type) {
        case 8: self = .file
        case 4: self = .directory
        case 10: self = .link
        default: self = .other
        }
    }
}
