internal import Glibc

/// The descriptors of this process, from /proc/self/fd; none where that cannot be read.
enum OpenDescriptors {
    /// What `body` opens is closed in programs that are started later, as libcurl 7.88 does not see to by itself: the pair of
    /// sockets that wakes a multi handle. What another thread opens meanwhile is to be closed there, too, as everything
    /// here is.
    static func closedOnExec<Value>(_ body: () -> Value) -> Value {
        let before = all()
        let value = body()
        for descriptor in all().subtracting(before) { closeOnExec(descriptor) }
        return value
    }

    static func closeOnExec(_ descriptor: Int32) { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }

    private static func all() -> Set<Int32> {
        guard let stream = opendir("/proc/self/fd") else { return [] }
        defer { closedir(stream) }
        var found: Set<Int32> = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if let number = Int32(name), number != dirfd(stream) { found.insert(number) }
        }
        return found
    }
}
