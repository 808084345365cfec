internal import CLinux
internal import Glibc

/// The listening socket.
struct Listener: Sendable {
    let descriptor: Int32
    let port: UInt16

    /// Binds to an IPv4 address; port 0 takes any that is free.
    init(address: String, port: UInt16) throws(EmulatorError) {
        var socketAddress = sockaddr_in()
        socketAddress.sin_family = sa_family_t(AF_INET)
        socketAddress.sin_port = port.bigEndian
        guard inet_pton(AF_INET, address == "localhost" ? "127.0.0.1" : address, &socketAddress.sin_addr) == 1 else {
            throw .address("\(address):\(port)", reason: "not an IPv4 address")
        }
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw .address("\(address):\(port)", reason: errnoText()) }
        var on: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isListening = withUnsafeMutablePointer(to: &socketAddress) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(descriptor, address, length) == 0 && listen(descriptor, 1024) == 0
                    && getsockname(descriptor, address, &length) == 0
            }
        }
        guard isListening else {
            let reason = errnoText()
            close(descriptor)
            throw .address("\(address):\(port)", reason: reason)
        }
        self.descriptor = descriptor
        self.port = UInt16(bigEndian: socketAddress.sin_port)
    }

    /// The next connection and its peer; nil when the listener has been shut down.
    func accept() -> (descriptor: Int32, peer: String)? {
        while true {
            var address = sockaddr_in()
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            let connection = withUnsafeMutablePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    accept4(descriptor, OpaquePointer($0), &length, Int32(SOCK_CLOEXEC.rawValue))
                }
            }
            if connection >= 0 {
                var on: Int32 = 1
                setsockopt(connection, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
                let number = UInt32(bigEndian: address.sin_addr.s_addr)
                let peer = "\(number >> 24).\(number >> 16 & 255).\(number >> 8 & 255).\(number & 255)"
                return (connection, peer)
            }
            switch errno {
            case EINTR, ECONNABORTED: continue
            // Out of descriptors: some connection will end.
            case EMFILE, ENFILE, ENOBUFS, ENOMEM: usleep(10_000)
            default: return nil
            }
        }
    }

    /// Wakes whoever waits in `accept`.
    func shutDown() {
        shutdown(descriptor, Int32(SHUT_RDWR))
    }
}
