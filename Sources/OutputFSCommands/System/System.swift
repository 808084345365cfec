internal import CLinux
internal import Glibc

/// The few system calls that commands need, with errors as values.
enum System {
    static func exit(_ status: ExitStatus) -> Never {
        var status = status
        // Some file systems say only at a close that they did not take what was written: NFS, and a mount of ours.
        let output = status == .success ? dup(STDOUT_FILENO) : -1
        if output >= 0, close(output) != 0 {
            Terminal.error(Terminal.unwritable(Errno()))
            status = .failure
        }
        Glibc.exit(status.rawValue)
    }

    /// Holds the places of standard streams that are closed (`>&-`), or the next file or connection would get them, and what
    /// is printed with them. Opened for the other direction: printing still fails, and is noticed.
    static func holdStandardStreams() {
        for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) < 0 {
            _ = open("/dev/null", descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY)
        }
    }

    /// The words for an errno, as perror(3) has them.
    static func message(_ code: Int32) -> String { String(cString: strerror(code)) }

    static var userID: UInt32 { geteuid() }

    static var environment: [String: String] {
        var variables: [String: String] = [:]
        var next = environ
        while let entry = next.pointee {
            let text = String(cString: entry)
            if let equals = text.firstIndex(of: "=") {
                variables[String(text[..<equals])] = String(text[text.index(after: equals)...])
            }
            next += 1
        }
        return variables
    }

    /// The path without links, `.` and `..`; of a path whose last part cannot be looked at (a dead mount answers
    /// ENOTCONN) the parent is resolved. `nil` when not even that is there.
    static func canonicalPath(_ path: String) -> String? {
        if let resolved = realpath(path, nil) {
            defer { free(resolved) }
            return String(cString: resolved)
        }
        let (parent, name) = Path.split(path)
        guard !name.isEmpty, name != ".", name != "..", let resolved = realpath(parent, nil) else { return nil }
        defer { free(resolved) }
        return Path.join(String(cString: resolved), name)
    }

    /// For what is opened again after a mount in the background has left the directory.
    static func absolutePath(_ path: String) -> String {
        path.hasPrefix("/") ? path : Path.join(canonicalPath(".") ?? "/", path)
    }

    /// A whole small file (a secret, a table of /proc). Fails with the errno.
    static func read(_ path: String, limit: Int = 1 << 20) -> Result<[UInt8], Errno> {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return .failure(Errno()) }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 16 << 10)
        while bytes.count < limit {
            let count = Glibc.read(descriptor, &chunk, chunk.count)
            if count == 0 { break }
            if count < 0 {
                if errno == EINTR { continue }
                return .failure(Errno())
            }
            bytes += chunk[..<count]
        }
        return .success(bytes)
    }

    /// Writes all bytes; `false` when the other side is gone.
    @discardableResult
    static func write(_ bytes: some Collection<UInt8>, to descriptor: Int32) -> Bool {
        var rest = Array(bytes)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 {
                if errno == EINTR { continue }
                return false
            }
            rest = rest.dropFirst(count)
        }
        return true
    }

    /// Whether this user may make files in a directory.
    static func isWritable(_ directory: String) -> Bool { access(directory, W_OK | X_OK) == 0 }

    /// The names in a directory, without `.` and `..`; nothing where it cannot be read.
    static func names(in directory: String) -> [String] {
        guard let stream = opendir(directory) else { return [] }
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

    /// Each open file may cost two descriptors of the journal; the soft limit is 1,024 for the sake of select(2) only.
    static func raiseDescriptorLimit() {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        limit.rlim_cur = min(limit.rlim_max, 1 << 20)
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }

    /// No core dump and no debugger of others: this process holds a key, and a dump of it would, too. Other than a limit of
    /// 0 for core files this holds where the kernel pipes them to a collector.
    static func keepOutOfCoreDumps() { _ = clinux_forbid_dumps() }

    /// Closes every descriptor above stderr but those `kept`: a daemon must not hold what its parent had open.
    static func closeInherited(except kept: [Int32]) {
        for descriptor in names(in: "/proc/self/fd").compactMap({ Int32($0) }) where descriptor > 2 {
            if !kept.contains(descriptor) { close(descriptor) }
        }
    }
}

/// An errno with its words.
struct Errno: Error, Sendable, Equatable, CustomStringConvertible {
    let code: Int32

    init(_ code: Int32 = errno) { self.code = code }

    var description: String { System.message(code) }
}

/// Paths as text.
enum Path {
    static func split(_ path: String) -> (parent: String, name: String) {
        var path = Substring(path)
        while path.count > 1, path.hasSuffix("/") { path = path.dropLast() }
        guard let slash = path.lastIndex(of: "/") else { return (".", String(path)) }
        let parent = path[..<slash]
        return (parent.isEmpty ? "/" : String(parent), String(path[path.index(after: slash)...]))
    }

    static func join(_ parent: String, _ name: String) -> String {
        parent.hasSuffix("/") ? parent + name : parent + "/" + name
    }

    /// Whether `path` is `directory` or lies in it; both canonical.
    static func isInside(_ path: String, _ directory: String) -> Bool {
        path.utf8.elementsEqual(directory.utf8)
            || path.utf8.starts(with: (directory.hasSuffix("/") ? directory : directory + "/").utf8)
    }
}
