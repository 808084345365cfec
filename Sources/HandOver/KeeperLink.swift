internal import Glibc
internal import Synchronization

/// What a worker tells its keeper: one message each, over a SOCK_SEQPACKET socket, perhaps with a descriptor.
package enum KeeperMessage: Sendable, Hashable {
    /// The descriptor of the FUSE connection, which the worker has just mounted.
    case device
    /// The mount answers.
    case ready
    /// Keep this descriptor, and the lock on it, under that number.
    case keep(UInt64)
    case drop(UInt64)

    static let size = 16

    var bytes: [UInt8] {
        var writer = RecordWriter()
        let (code, number): (UInt64, UInt64) =
            switch self {
            case .device: (1, 0)
            case .ready: (2, 0)
            case .keep(let number): (3, number)
            case .drop(let number): (4, number)
            }
        writer.add(code)
        writer.add(number)
        return writer.bytes
    }

    init?(bytes: [UInt8]) {
        var reader = RecordReader(bytes)
        guard let code = reader.integer(UInt64.self), let number = reader.integer(UInt64.self) else { return nil }
        switch code {
        case 1: self = .device
        case 2: self = .ready
        case 3: self = .keep(number)
        case 4: self = .drop(number)
        default: return nil
        }
    }
}

/// One end of the socket between a worker and its keeper.
package final class KeeperLink: Sendable {
    private let socket: Int32

    /// Owns the descriptor.
    package init(socket: Int32) { self.socket = socket }

    deinit { close(socket) }

    package var descriptor: Int32 { socket }

    /// A pair, both ends close-on-exec; `nil` with errno set.
    package static func pair() -> (keeper: Int32, worker: Int32)? {
        var ends: [Int32] = [-1, -1]
        let type = Int32(SOCK_SEQPACKET.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, type, 0, &ends) == 0 else { return nil }
        return (ends[0], ends[1])
    }

    /// False when the keeper is gone: then nobody will follow this worker, and nothing is lost with it.
    @discardableResult
    package func send(_ message: KeeperMessage, descriptor: Int32? = nil) -> Bool {
        var bytes = message.bytes
        // `struct cmsghdr` of SCM_RIGHTS with one descriptor: length 20, level and type 1; then the number.
        var control: [UInt64] = [20, 1 | 1 << 32, UInt64(UInt32(bitPattern: descriptor ?? -1))]
        return bytes.withUnsafeMutableBytes { bytes in
            control.withUnsafeMutableBytes { control in
                var piece = iovec(iov_base: bytes.baseAddress, iov_len: bytes.count)
                return withUnsafeMutablePointer(to: &piece) { piece in
                    var header = msghdr()
                    header.msg_iov = piece
                    header.msg_iovlen = 1
                    if descriptor != nil {
                        header.msg_control = control.baseAddress
                        header.msg_controllen = control.count
                    }
                    while true {
                        if sendmsg(socket, &header, Int32(MSG_NOSIGNAL)) >= 0 { return true }
                        if errno != EINTR { return false }
                    }
                }
            }
        }
    }

    /// Waits for a message; `nil` at the end. A descriptor that comes along is the caller's, and close-on-exec.
    package func receive() -> (message: KeeperMessage, descriptor: Int32?)? {
        var bytes = [UInt8](repeating: 0, count: KeeperMessage.size)
        var control = [UInt64](repeating: 0, count: 3)
        let count = bytes.withUnsafeMutableBytes { bytes in
            control.withUnsafeMutableBytes { control in
                var piece = iovec(iov_base: bytes.baseAddress, iov_len: bytes.count)
                return withUnsafeMutablePointer(to: &piece) { piece in
                    var header = msghdr()
                    header.msg_iov = piece
                    header.msg_iovlen = 1
                    header.msg_control = control.baseAddress
                    header.msg_controllen = control.count
                    while true {
                        let count = recvmsg(socket, &header, Int32(MSG_CMSG_CLOEXEC))
                        if count >= 0 || errno != EINTR { return count }
                    }
                }
            }
        }
        guard count == KeeperMessage.size, let message = KeeperMessage(bytes: bytes) else { return nil }
        let descriptor = control[0] == 20 ? Int32(truncatingIfNeeded: control[2]) : nil
        return (message, descriptor)
    }
}
