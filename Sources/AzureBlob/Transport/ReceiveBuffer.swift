internal import Glibc

/// The kernel's room for what a connection has received and the transport's thread has not yet taken.
///
/// Large from the start: a buffer that grows as the kernel sees fit lets the sender stop and go on for every piece of
/// it, and acknowledging in small steps costs processor time on both sides. Over a loopback connection one thread's
/// receiving took 0.28 s of processor time per GiB with a buffer that grew, 0.28 with 1 MiB, 0.20 with 2 MiB and 0.19
/// with 4 MiB or more; 512 KiB took 0.40.
enum ReceiveBuffer {
    /// In bytes: the longest range that one GET brings. The kernel doubles it for its own bookkeeping.
    static let size: Int32 = 4 << 20

    /// Whether the size may be asked for without privileges: the kernel would quietly take its limit instead, and a
    /// fixed small buffer is worse than one that grows (212,992 bytes, the usual limit, are 20 MiB/s over 20 ms).
    static func isAllowed(limit: Int?) -> Bool { limit.map { $0 >= Int(size) } ?? false }

    private static let isAllowedHere = isAllowed(limit: readLimit())

    /// Before the connection is made: the window's scale is said in its first packet.
    static func set(on socket: Int32) {
        var size = size
        let length = socklen_t(MemoryLayout.size(ofValue: size))
        // Where the limit is low, root may go beyond it.
        if setsockopt(socket, SOL_SOCKET, forceOption, &size, length) == 0 { return }
        if isAllowedHere { setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &size, length) }
    }

    /// SO_RCVBUFFORCE: with CAP_NET_ADMIN.
    private static let forceOption: Int32 = 33

    private static func readLimit() -> Int? {
        let descriptor = open("/proc/sys/net/core/rmem_max", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        return withUnsafeTemporaryAllocation(byteCount: 32, alignment: 1) { buffer in
            let count = read(descriptor, buffer.baseAddress, buffer.count)
            guard count > 0 else { return nil }
            let digits = buffer[..<count].prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
            return Int(String(decoding: digits, as: UTF8.self))
        }
    }
}
