internal import Glibc

/// The system calls about folders that uploads need.
enum LocalFolder {
    enum Kind {
        case file(byteCount: Int)
        case folder
        /// A socket, pipe or device.
        case other
    }

    /// The names in a folder, `.` and `..` left out, in the system's order.
    static func names(in path: String) throws(LocalFileError) -> [String] {
        guard let directory = opendir(path) else { throw .last(path, "cannot be listed") }
        defer { closedir(directory) }
        var names: [String] = []
        while true {
            errno = 0
            guard let entry = readdir(directory) else { break }
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(validating: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard let name else { throw LocalFileError(path, "holds a name that is not UTF-8") }
            if name != "." && name != ".." { names.append(name) }
        }
        guard errno == 0 else { throw .last(path, "cannot be listed") }
        return names
    }

    /// What a path is, links followed; `nil` where nothing is (a broken link, too).
    static func kind(of path: String) throws(LocalFileError) -> Kind? {
        var status = stat()
        guard stat(path, &status) == 0 else {
            if errno == ENOENT { return nil }
            throw .last(path, "cannot be looked at")
        }
        switch status.st_mode & S_IFMT {
        case S_IFREG: return .file(byteCount: Int(status.st_size))
        case S_IFDIR: return .folder
        default: return .other
        }
    }

    static func isLink(_ path: String) -> Bool {
        var status = stat()
        return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFLNK
    }

    /// The path without links, `.` and `..`.
    static func resolved(_ path: String) throws(LocalFileError) -> String {
        guard let text = realpath(path, nil) else { throw .last(path, "cannot be found") }
        defer { free(text) }
        return String(cString: text)
    }

    /// An absolute path, links as they are.
    static func absolute(_ path: String) throws(LocalFileError) -> String {
        if path.utf8.first == UInt8(ascii: "/") { return path }
        guard let text = getcwd(nil, 0) else { throw .last(path, "has no working directory") }
        defer { free(text) }
        return joined(String(cString: text), path)
    }

    static func joined(_ folder: String, _ name: String) -> String {
        folder.utf8.last == UInt8(ascii: "/") ? folder + name : folder + "/" + name
    }

    /// The folder that a path lies in.
    static func parent(of path: String) -> String {
        guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "." }
        return slash == path.utf8.startIndex ? "/" : String(path[..<slash])
    }

    /// Makes a folder and those above it.
    static func make(_ path: String) throws(LocalFileError) {
        if mkdir(path, 0o777) == 0 { return }
        switch errno {
        case EEXIST:
            guard case .folder = try kind(of: path) else {
                throw LocalFileError(path, "is a file here, and a directory in the store")
            }
        case ENOENT:
            guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")), slash > path.startIndex else { fallthrough }
            try make(String(path[..<slash]))
            guard mkdir(path, 0o777) == 0 || errno == EEXIST else { throw .last(path, "cannot be made") }
        default: throw .last(path, "cannot be made")
        }
    }

    /// Makes a folder that only its owner can enter; one that is there stays as it is.
    static func makePrivate(_ path: String) throws(LocalFileError) {
        guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw .last(path, "cannot be made") }
    }

    /// Gives the bytes of a file to `body`, a MiB at a time.
    static func read(_ path: String, _ body: (UnsafeRawBufferPointer) -> Void) throws(LocalFileError) {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw .last(path, "cannot be opened") }
        defer { close(file) }
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
        defer { buffer.deallocate() }
        while true {
            let count = Glibc.read(file, buffer.baseAddress, buffer.count)
            if count == 0 { return }
            if count > 0 {
                body(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            } else if errno != EINTR {
                throw .last(path, "cannot be read")
            }
        }
    }
}
