internal import CLinux
internal import Glibc

/// The directory of a disk cache, by descriptor: it may be renamed while it is in use.
final class CacheFolder: Sendable {
    let path: String
    let gate: FileGate
    private let descriptor: Int32

    /// Opens the directory, or makes it; refuses what is not this user's own.
    init(path: String, gate: FileGate) throws(LocalStoreError) {
        self.path = path
        self.gate = gate
        func refusal(_ number: Int32, _ reason: String) -> LocalStoreError {
            LocalStoreError(errno: number, operation: "open", path: path, reason: reason)
        }
        if let number = gate.refusal(.mkdirat) { throw refusal(number, "cannot be made") }
        guard mkdir(path, 0o700) == 0 || errno == EEXIST else {
            throw LocalStoreError(errno: errno, operation: "mkdir", path: path)
        }
        if let number = gate.refusal(.open) { throw refusal(number, "cannot be opened") }
        let descriptor = Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else {
            // Linux says ENOTDIR for a link where both flags are given.
            var status = stat()
            let number = errno
            if lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFLNK {
                throw refusal(ELOOP, "is a symbolic link: name the directory itself")
            }
            throw LocalStoreError(errno: number, operation: "open", path: path)
        }
        self.descriptor = descriptor
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            throw LocalStoreError(errno: errno, operation: "fstat", path: path)
        }
        guard status.st_uid == geteuid() else {
            throw refusal(EPERM, "belongs to another user: a disk cache is for one user")
        }
    }

    deinit { close(descriptor) }

    /// Nobody else is to look into it.
    func makePrivate() throws(LocalStoreError) {
        guard fchmod(descriptor, 0o700) == 0 else { throw failure("fchmod", ".", errno) }
    }

    /// Opens a file for reading, and writing; makes it (0600) if `creates`. `nil` when there is none.
    func open(
        _ name: String,
        writing: Bool = true,
        creates: Bool = false,
        isDirect: Bool = false
    ) throws(LocalStoreError) -> OpenFile? {
        try pass(.open, name)
        // Without O_NOATIME each read would dirty the inode.
        let flags =
            (writing ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOFOLLOW | Int32(clinux_o_noatime) | (creates ? O_CREAT : 0)
            | (isDirect ? Int32(clinux_o_direct) : 0)
        let file = openat(descriptor, name, flags, 0o600)
        guard file >= 0 else {
            if errno == ENOENT, !creates { return nil }
            throw failure("open", name, errno)
        }
        return OpenFile(descriptor: file, name: "\(path)/\(name)", gate: gate)
    }

    /// The same, with the folder that the file is to be in.
    func create(_ name: CleanFileName, _ suffix: CleanFileName.Suffix) throws(LocalStoreError) -> OpenFile {
        do {
            if let file = try open(name.path(suffix), creates: true) { return file }
        } catch {
            guard error.errno == ENOENT else { throw error }
        }
        try pass(.mkdirat, name.folder)
        guard mkdirat(descriptor, name.folder, 0o700) == 0 || errno == EEXIST else {
            throw failure("mkdirat", name.folder, errno)
        }
        guard let file = try open(name.path(suffix), creates: true) else { throw failure("open", name.folder, ENOENT) }
        return file
    }

    /// Over what has the name.
    func rename(_ name: String, to newName: String) throws(LocalStoreError) {
        try pass(.renameat, name)
        guard renameat(descriptor, name, descriptor, newName) == 0 else { throw failure("renameat", name, errno) }
    }

    /// Removes a file; it is as well when there is none.
    func remove(_ name: String) throws(LocalStoreError) {
        try pass(.unlinkat, name)
        guard unlinkat(descriptor, name, 0) == 0 || errno == ENOENT else { throw failure("unlinkat", name, errno) }
    }

    /// `nil` when there is no such file.
    func status(_ name: String) throws(LocalStoreError) -> FileStatus? {
        try pass(.fstat, name)
        var status = stat()
        guard fstatat(descriptor, name, &status, Int32(AT_SYMLINK_NOFOLLOW)) == 0 else {
            if errno == ENOENT { return nil }
            throw failure("fstatat", name, errno)
        }
        return FileStatus(status)
    }

    /// What is in a folder ("." for the directory itself), without "." and ".."; none when there is no folder.
    func names(in folder: String) throws(LocalStoreError) -> [String] {
        try pass(.readdir, folder)
        let file = openat(descriptor, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)
        guard file >= 0 else {
            if errno == ENOENT { return [] }
            throw failure("open", folder, errno)
        }
        guard let stream = fdopendir(file) else {
            let number = errno
            close(file)
            throw failure("fdopendir", folder, number)
        }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    func space() throws(LocalStoreError) -> FreeSpace {
        try pass(.statvfs, ".")
        if let space = gate.space?() { return space }
        var status = statvfs()
        guard fstatvfs(descriptor, &status) == 0 else { throw failure("fstatvfs", ".", errno) }
        let unit = UInt64(status.f_frsize)
        return FreeSpace(
            totalBytes: UInt64(status.f_blocks) * unit,
            availableBytes: UInt64(status.f_bavail) * unit,
            totalInodes: UInt64(status.f_files),
            availableInodes: UInt64(status.f_favail)
        )
    }

    private func pass(_ call: FileCall, _ name: String) throws(LocalStoreError) {
        if let number = gate.refusal(call) { throw failure(call.rawValue, name, number) }
    }

    private func failure(_ operation: String, _ name: String, _ number: Int32) -> LocalStoreError {
        LocalStoreError(errno: number, operation: operation, path: name == "." ? path : "\(path)/\(name)")
    }
}

/// The name of a version's two files: 16 hexadecimal digits, in the folder of the first two.
struct CleanFileName: Hashable, Sendable {
    enum Suffix: String, Sendable {
        /// The blob's bytes, each where it is in the blob.
        case data
        /// The header and the checksums.
        case index
    }

    let number: UInt64

    var text: String {
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    var folder: String { Self.folder(UInt8(number >> 56)) }
    func path(_ suffix: Suffix) -> String { "\(folder)/\(text).\(suffix.rawValue)" }

    static func folder(_ number: UInt8) -> String { (number < 16 ? "0" : "") + String(number, radix: 16) }

    init(_ number: UInt64) { self.number = number }

    /// The name that a file in `folder` has; `nil` when it is none of ours.
    init?(fileName: String) {
        let parts = fileName.split(separator: ".")
        guard parts.count == 2, parts[0].utf8.count == 16, Suffix(rawValue: String(parts[1])) != nil,
            let number = UInt64(parts[0], radix: 16)
        else { return nil }
        self.number = number
    }
}
