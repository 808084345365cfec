internal import CLinux
internal import FoundationEssentials
internal import Glibc

/// A connected or listening Unix socket; closed with its owner.
struct ControlSocket: ~Copyable, Sendable {
    let descriptor: Int32

    private init(descriptor: Int32) { self.descriptor = descriptor }

    deinit { close(descriptor) }

    /// Takes over a descriptor that accept(2) gave.
    static func adopting(_ descriptor: Int32) -> ControlSocket { ControlSocket(descriptor: descriptor) }

    /// Hands the descriptor out, to be closed by whoever takes it.
    consuming func release() -> Int32 {
        let number = descriptor
        discard self
        return number
    }

    static func connected(to path: String) throws(Errno) -> ControlSocket {
        let socket = try make()
        guard withAddress(path, { Glibc.connect(socket.descriptor, $0, $1) }) == 0 else { throw Errno() }
        return socket
    }

    static func listening(at path: String) throws(Errno) -> ControlSocket {
        let socket = try make()
        guard withAddress(path, { Glibc.bind(socket.descriptor, $0, $1) }) == 0, listen(socket.descriptor, 16) == 0
        else {
            throw Errno()
        }
        return socket
    }

    /// Who is at the other end of a connection.
    var peerUserID: UInt32? {
        var credentials = PeerCredentials()
        var size = socklen_t(MemoryLayout<PeerCredentials>.size)
        guard getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &credentials, &size) == 0 else { return nil }
        return credentials.userID
    }

    /// `struct ucred`, which is behind _GNU_SOURCE in <sys/socket.h>.
    private struct PeerCredentials {
        var processID: Int32 = 0
        var userID: UInt32 = .max
        var groupID: UInt32 = .max
    }

    /// How long one read or write may take; beyond it they fail with EAGAIN.
    borrowing func setTimeout(seconds: Int) {
        var time = timeval(tv_sec: seconds, tv_usec: 0)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            setsockopt(descriptor, SOL_SOCKET, option, &time, socklen_t(MemoryLayout<timeval>.size))
        }
    }

    /// One JSON object, and the end of this direction.
    borrowing func send(_ value: some Encodable) throws(Errno) {
        guard let data = try? JSONEncoder().encode(value) else { throw Errno(EINVAL) }
        var rest = data[...]
        while !rest.isEmpty {
            // Without SIGPIPE: a worker that is killed meanwhile is an errno to the command that asks it.
            let count = rest.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw Errno() }
            rest = rest.dropFirst(count)
        }
        shutdown(descriptor, Int32(SHUT_WR))
    }

    /// Everything until the other side ends its direction, as one JSON object. EMSGSIZE beyond `limit` bytes, EBADMSG
    /// when it is not what is expected.
    borrowing func receive<Value: Decodable>(_ type: Value.Type, limit: Int) throws(Errno) -> Value {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = read(descriptor, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw Errno() }
            if count == 0 { break }
            bytes += chunk[..<count]
            guard bytes.count <= limit else { throw Errno(EMSGSIZE) }
        }
        guard let value = try? JSONDecoder().decode(type, from: Data(bytes)) else { throw Errno(EBADMSG) }
        return value
    }

    private static func make() throws(Errno) -> ControlSocket {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw Errno() }
        return ControlSocket(descriptor: descriptor)
    }

    /// ENAMETOOLONG for a path that does not fit into 108 bytes.
    private static func withAddress(_ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let capacity = MemoryLayout.size(ofValue: address.sun_path)
        guard path.utf8.count < capacity else {
            errno = ENAMETOOLONG
            return -1
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }
}
