internal import Glibc

/// A socket that listens on an address of any kind.
enum ListeningSocket {
    /// - Returns: the descriptor, close-on-exec, and the address with the port that the kernel chose.
    static func open(_ address: MetricsAddress) throws(Errno) -> (Int32, MetricsAddress) {
        switch address {
        case .unix(let path): return (try unix(path), address)
        case .tcp(let host, let port): return try tcp(host, port)
        }
    }

    /// A socket that a dead process left there is replaced; a living one, and anything else, stays.
    private static func unix(_ path: String) throws(Errno) -> Int32 {
        var status = stat()
        if lstat(path, &status) == 0 {
            guard status.st_mode & S_IFMT == S_IFSOCK else { throw Errno(EEXIST) }
            if (try? ControlSocket.connected(to: path)) != nil { throw Errno(EADDRINUSE) }
            unlink(path)
        }
        return try ControlSocket.listening(at: path).release()
    }

    private static func tcp(_ host: String, _ port: UInt16) throws(Errno) -> (Int32, MetricsAddress) {
        var hints = addrinfo()
        hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        // A name has no place here: what it stands for may be reached from elsewhere tomorrow.
        guard getaddrinfo(host, "\(port)", &hints, &found) == 0, let info = found else { throw Errno(EADDRNOTAVAIL) }
        defer { freeaddrinfo(found) }
        let descriptor = socket(info.pointee.ai_family, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw Errno() }
        var yes: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        var bound = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let isListening =
            bind(descriptor, info.pointee.ai_addr, info.pointee.ai_addrlen) == 0 && listen(descriptor, 16) == 0
            && withUnsafeMutablePointer(to: &bound) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) == 0 }
            }
        guard isListening else {
            let error = Errno()
            close(descriptor)
            throw error
        }
        // sin_port and sin6_port lie at the same place.
        let taken = withUnsafeBytes(of: &bound) { UInt16($0[2]) << 8 | UInt16($0[3]) }
        return (descriptor, .tcp(host: host, port: taken))
    }
}
