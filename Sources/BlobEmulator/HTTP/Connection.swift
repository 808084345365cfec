internal import CLinux
internal import Glibc

/// One client's socket and what has been read from it ahead of time. Used by a single thread.
final class Connection {
    /// A request's head must fit; the service's own limit for header fields is 16 KiB plus the target.
    private static let capacity = 64 << 10

    let descriptor: Int32
    /// The peer's address, for the `sip` of tokens.
    let peer: String
    private let buffer: UnsafeMutableRawBufferPointer
    private var start = 0
    private var end = 0
    /// Bytes that the socket has taken so far: heads and bodies.
    private(set) var sentBytes = 0

    init(descriptor: Int32, peer: String) {
        self.descriptor = descriptor
        self.peer = peer
        buffer = .allocate(byteCount: Self.capacity, alignment: 16)
    }

    deinit {
        buffer.deallocate()
    }

    enum HeadOutcome {
        case head(RequestHead)
        case closed
        case malformed
    }

    /// Waits for the next request's head and takes it out of the buffer.
    func readHead() -> HeadOutcome {
        var scanned = 0
        while true {
            // Empty lines before a request are skipped, as RFC 9112 section 2.2 asks.
            while start < end, scanned == 0, buffer[start] == UInt8(ascii: "\r") || buffer[start] == UInt8(ascii: "\n")
            {
                start += 1
            }
            if let length = headLength(from: scanned) {
                let bytes = UnsafeRawBufferPointer(rebasing: buffer[start..<start + length])
                start += length
                guard let head = try? RequestHead(parsing: bytes) else { return .malformed }
                return .head(head)
            }
            scanned = max(0, end - start - 3)
            if start > 0 {
                // Made for regions that overlap, as these may.
                buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: buffer[start..<end]))
                (start, end) = (0, end - start)
            }
            guard end < buffer.count else { return .malformed }
            let count = receive(UnsafeMutableRawBufferPointer(rebasing: buffer[end...]))
            guard count > 0 else { return .closed }
            end += count
        }
    }

    /// The length of the head with its empty line, if that has arrived; the search begins `offset` bytes in.
    private func headLength(from offset: Int) -> Int? {
        var position = start + offset
        while position < end {
            let rest = UnsafeRawBufferPointer(rebasing: buffer[position..<end])
            guard let base = rest.baseAddress, let found = memchr(base, 0x0A, rest.count) else { return nil }
            position += UnsafeRawPointer(found) - base + 1
            let hasReturn = position < end && buffer[position] == UInt8(ascii: "\r")
            let next = hasReturn ? position + 1 : position
            if next < end, buffer[next] == UInt8(ascii: "\n") { return next + 1 - start }
        }
        return nil
    }

    /// Reads bytes of a body: first those that came with the head, then straight from the socket. 0: the peer is gone.
    func readBody(into target: UnsafeMutableRawBufferPointer) -> Int {
        guard start < end else { return receive(target) }
        let count = min(end - start, target.count)
        target.copyMemory(from: UnsafeRawBufferPointer(rebasing: buffer[start..<start + count]))
        start += count
        return count
    }

    private func receive(_ target: UnsafeMutableRawBufferPointer) -> Int {
        while true {
            let count = recv(descriptor, target.baseAddress, target.count, 0)
            if count >= 0 { return count }
            if errno != EINTR { return 0 }
        }
    }

    /// Sends all of `bytes`; false if the peer is gone.
    func send(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var sent = 0
        while sent < bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[sent...])
            let count = Glibc.send(descriptor, rest.baseAddress, rest.count, Int32(MSG_NOSIGNAL))
            if count < 0 {
                if errno == EINTR { continue }
                return false
            }
            sent += count
            sentBytes += count
        }
        return true
    }

    /// Sends two buffers and what follows them in one call where the socket takes it; false if the peer is gone.
    func send(_ vectors: inout [iovec]) -> Bool {
        var first = 0
        while first < vectors.count {
            let count = vectors.withUnsafeMutableBufferPointer { buffer in
                var message = msghdr()
                message.msg_iov = buffer.baseAddress?.advanced(by: first)
                message.msg_iovlen = min(buffer.count - first, 64)
                return sendmsg(descriptor, &message, Int32(MSG_NOSIGNAL))
            }
            if count < 0 {
                if errno == EINTR { continue }
                return false
            }
            sentBytes += count
            var rest = count
            while first < vectors.count, rest >= vectors[first].iov_len {
                rest -= vectors[first].iov_len
                first += 1
            }
            if rest > 0 {
                vectors[first].iov_base = vectors[first].iov_base?.advanced(by: rest)
                vectors[first].iov_len -= rest
            }
        }
        return true
    }

    /// Sends a part of a file; false if the peer is gone or the file is shorter than it should be.
    func send(file: Int32, offset: Int, length: Int) -> Bool {
        var position = off_t(offset)
        let end = offset + length
        while Int(position) < end {
            let count = sendfile(descriptor, file, &position, end - Int(position))
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return false }
            sentBytes += count
        }
        return true
    }

    /// Waits, but not for a connection that ends meanwhile.
    func pause(milliseconds: Int) {
        var entry = pollfd(fd: descriptor, events: 0, revents: 0)
        poll(&entry, 1, Int32(clamping: milliseconds))
    }

    /// Lets a client that is still sending read the answer: closing a socket with unread bytes would reset it, and
    /// the reset could overtake the answer. Reads for at most a second.
    func lingerForAnswer() {
        shutdown(descriptor, Int32(SHUT_WR))
        let began = Timestamp.systemNow()
        var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        while Timestamp.systemNow().ticks - began.ticks < Timestamp.ticksPerSecond, poll(&entry, 1, 1000) > 0 {
            guard receive(buffer) > 0 else { return }
        }
    }

    /// When the descriptor is closed, the peer gets a reset instead of an orderly end.
    func prepareReset() {
        var linger = Glibc.linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<linger>.size))
    }
}
