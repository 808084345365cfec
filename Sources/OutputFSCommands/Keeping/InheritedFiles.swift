internal import CLinux
internal import Glibc

/// Files that the command line names by an inherited descriptor (`--key-file <(…)` of a shell): a pipe can be read once,
/// and every worker of the mount reads it. So its bytes are kept in memory, under a name that can be read again.
enum InheritedFiles {
    /// The arguments with pipes replaced, and the descriptors that workers must inherit for them.
    static func keep(_ arguments: [String]) -> (arguments: [String], descriptors: [Int32]) {
        var kept: [Int32] = []
        let replaced = arguments.map { argument -> String in
            // One that is not there is the worker's to name: it knows what the option is for.
            guard let (prefix, descriptor) = descriptor(in: argument), fcntl(descriptor, F_GETFD) >= 0 else {
                return argument
            }
            guard isPipe(descriptor), let copy = copy(of: descriptor) else {
                kept.append(descriptor)
                return argument
            }
            close(descriptor)
            kept.append(copy)
            return "\(prefix)/dev/fd/\(copy)"
        }
        return (replaced, kept)
    }

    /// What stands before the path of a descriptor above stderr at the end of an argument, and its number.
    static func descriptor(in argument: String) -> (prefix: String, number: Int32)? {
        for directory in ["/dev/fd/", "/proc/self/fd/"] {
            let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let path = argument.hasPrefix(directory) ? parts.first : parts.last, path.hasPrefix(directory),
                let number = Int32(path.dropFirst(directory.count)), number > 2
            else { continue }
            return (String(argument.dropLast(path.count)), number)
        }
        return nil
    }

    private static func isPipe(_ descriptor: Int32) -> Bool {
        var status = stat()
        return fstat(descriptor, &status) == 0
            && (status.st_mode & S_IFMT == S_IFIFO || status.st_mode & S_IFMT == S_IFSOCK)
    }

    private static func copy(of descriptor: Int32) -> Int32? {
        guard case .success(let bytes) = System.read("/dev/fd/\(descriptor)") else { return nil }
        let copy = memfd_create("outputfs-inherited", UInt32(clinux_mfd_cloexec))
        guard copy >= 0 else { return nil }
        guard System.write(bytes, to: copy) else {
            close(copy)
            return nil
        }
        return copy
    }
}
