internal import Glibc

/// A file that a walk came upon.
struct FoundFile: Sendable {
    var path: String
    /// In bytes.
    var size: UInt64
}

/// Goes through directories depth first, without following symbolic links or entering other file systems.
///
/// fts(3) would do, but for its `FTSENT` with a flexible array at its end, which Swift cannot see.
struct FileWalk {
    /// An inode is one file under however many paths: the views of a mount show the same blobs twice.
    private var seen: Set<Inode> = []
    private let onFile: (FoundFile) -> Bool
    private let onFailure: (_ path: String, Errno) -> Void

    private struct Inode: Hashable {
        var device: UInt
        var number: UInt
    }

    /// - Parameters:
    ///   - onFile: each regular file once; `false` ends the walk.
    ///   - onFailure: a file or directory that could not be looked at; the walk goes on.
    init(onFile: @escaping (FoundFile) -> Bool, onFailure: @escaping (_ path: String, Errno) -> Void) {
        self.onFile = onFile
        self.onFailure = onFailure
    }

    /// Everything at and below a path. `false` when `onFile` ended it.
    mutating func run(_ path: String) -> Bool {
        var status = stat()
        guard lstat(path, &status) == 0 else {
            onFailure(path, Errno())
            return true
        }
        guard status.st_mode & S_IFMT == S_IFDIR else { return found(path, status) }
        let device = status.st_dev
        var directories = [path]
        while let directory = directories.popLast() {
            guard let subdirectories = read(directory, on: device) else { return false }
            directories += subdirectories.reversed()
        }
        return true
    }

    /// Reports a directory's files and gives its directories; `nil` when `onFile` ended the walk.
    private mutating func read(_ directory: String, on device: dev_t) -> [String]? {
        guard let stream = opendir(directory) else {
            onFailure(directory, Errno())
            return []
        }
        defer { closedir(stream) }
        var subdirectories: [String] = []
        while true {
            errno = 0
            guard let entry = readdir(stream) else {
                // Half a directory is no directory: what is missing is not known.
                if errno != 0 { onFailure(directory, Errno()) }
                return subdirectories
            }
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name == "." || name == ".." { continue }
            let path = Path.join(directory, name)
            var status = stat()
            guard fstatat(dirfd(stream), name, &status, AT_SYMLINK_NOFOLLOW) == 0 else {
                onFailure(path, Errno())
                continue
            }
            guard status.st_dev == device else { continue }
            if status.st_mode & S_IFMT == S_IFDIR {
                subdirectories.append(path)
            } else if !found(path, status) {
                return nil
            }
        }
    }

    private mutating func found(_ path: String, _ status: stat) -> Bool {
        guard status.st_mode & S_IFMT == S_IFREG else { return true }
        let inode = Inode(device: status.st_dev, number: status.st_ino)
        guard seen.insert(inode).inserted else { return true }
        return onFile(FoundFile(path: path, size: UInt64(max(0, status.st_size))))
    }
}
