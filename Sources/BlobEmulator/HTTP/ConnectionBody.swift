/// The body of a request as it comes in over a connection.
final class ConnectionBody: RequestBody {
    private let connection: Connection
    let length: Int?
    private var remaining: Int
    /// The client waits for `100 Continue` before it sends the body.
    private(set) var awaitsContinue: Bool
    /// Set by a fault: the body is read no faster than this.
    var bytesPerSecond: Int?
    /// Set by a fault: this byte comes in with its bits turned over.
    var corruptedByte: Int?
    /// Set by a fault: the connection is lost when so many bytes were read.
    var resetAfter: Int?
    private var pacer = Pacer()

    init(of head: RequestHead, on connection: Connection) {
        self.connection = connection
        length = head.contentLength ?? (head.method == "PUT" || head.method == "POST" ? nil : 0)
        remaining = length ?? 0
        awaitsContinue = remaining > 0 && head.headers["expect"]?.lowercased() == "100-continue"
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws(Failure) -> Int {
        guard remaining > 0 else { return 0 }
        if awaitsContinue {
            awaitsContinue = false
            let isSent = Array("HTTP/1.1 100 Continue\r\n\r\n".utf8).withUnsafeBytes { connection.send($0) }
            guard isSent else { throw .connectionLost }
        }
        // A slow body is read in small steps, or it would come in bursts.
        let step = bytesPerSecond.map { min(max($0 / 20, 1), buffer.count) } ?? buffer.count
        let most = resetAfter.map { max($0 - received, 0) } ?? remaining
        let count = connection.readBody(into: .init(rebasing: buffer[..<min(step, remaining, most)]))
        guard count > 0 else { throw .connectionLost }
        if let corruptedByte, corruptedByte >= received, corruptedByte < received + count {
            buffer[corruptedByte - received] ^= 0xFF
        }
        remaining -= count
        if let bytesPerSecond {
            connection.pause(milliseconds: pacer.milliseconds(after: count, bytesPerSecond: bytesPerSecond))
        }
        return count
    }

    /// How many bytes of the body were read.
    var received: Int { (length ?? 0) - remaining }

    /// Reads what the handler left, so that the next request can be found. False if that would be too much, or if the
    /// client was never told to send it: then the connection has to end.
    func drain(limit: Int = 4 << 20) -> Bool {
        guard remaining > 0 else { return true }
        guard !awaitsContinue, remaining <= limit else { return false }
        let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 16)
        defer { scratch.deallocate() }
        while remaining > 0 {
            guard (try? read(into: scratch)) ?? 0 > 0 else { return false }
        }
        return true
    }
}
