internal import Glibc

/// How much room a directory's disk has for a cache.
enum DiskRoom {
    /// See `DiskCacheSettings.standardCapacity`.
    static func standardCapacity(of directory: String) throws(CommandFailure) -> UInt64 {
        var statistics = statvfs()
        guard statvfs(directory, &statistics) == 0 else {
            throw CommandFailure(
                .cannotCreate,
                "--cache-dir \(directory) cannot be looked at: \(Errno())",
                try: "--cache-dir elsewhere"
            )
        }
        let free = UInt64(statistics.f_bavail) * UInt64(statistics.f_frsize)
        // Where the disk has room for the usual size anyway, a large cache need not be walked through.
        let isPlenty = free / 5 * 4 >= DiskCacheSettings.capacityStandard
        return try DiskCacheSettings.standardCapacity(
            free: free,
            held: isPlenty ? 0 : taken(by: directory),
            directory: directory
        )
    }

    /// Bytes that a directory's files take on the disk, holes not counted.
    static func taken(by directory: String) -> UInt64 {
        var total: UInt64 = 0
        var directories = [directory]
        while let next = directories.popLast() {
            for name in System.names(in: next) {
                let path = Path.join(next, name)
                var status = stat()
                guard lstat(path, &status) == 0 else { continue }
                if status.st_mode & S_IFMT == S_IFDIR { directories.append(path) }
                total += UInt64(max(0, status.st_blocks)) * 512
            }
        }
        return total
    }
}
