import Glibc
import Synchronization

/// A server that says what a test wrote down, byte for byte, and remembers what it was asked. One thread for each
/// connection, blocking sockets: nothing here shares code or habits with the client.
final class ScriptedServer: Sendable {
    /// A request as it came.
    struct Received: Sendable {
        var method: String
        /// Path and query as sent.
        var target: String
        /// Names in lower case.
        var headers: [String: String]
        var body: [UInt8]
        /// Counted from 0.
        var connection: Int
    }

    /// What to do with a request.
    enum Reaction: Sendable {
        /// Sends the bytes and waits for the next request on the connection.
        case answer(String)
        case answerBytes([UInt8])
        /// Sends the bytes and closes.
        case answerAndClose([UInt8])
        /// Sends the bytes and resets the connection.
        case answerAndReset([UInt8])
        /// Sends the bytes and then nothing, until the client goes.
        case answerAndStall([UInt8])
        /// Sends the pieces with a pause between, as slow networks do.
        case pieces([[UInt8]])

        static let close = Reaction.answerAndClose([])
        static let reset = Reaction.answerAndReset([])
        static let stall = Reaction.answerAndStall([])
    }

    let port: UInt16
    private let listener: Int32
    private let react: @Sendable (Received, Int) -> Reaction
    private let log = Mutex<[Received]>([])

    /// - Parameter react: is given the request and its number, counted from 0 over all connections.
    init(_ react: @escaping @Sendable (Received, Int) -> Reaction) throws {
        self.react = react
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let listener = listener
        let isReady = withUnsafeMutablePointer(to: &address) { address in
            address.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(listener, address, length) == 0 && listen(listener, 64) == 0
                    && getsockname(listener, address, &length) == 0
            }
        }
        guard listener >= 0, isReady else { throw Failure.noSocket }
        port = UInt16(bigEndian: address.sin_port)
        Self.thread { [listener, weak self] in
            // Closed by who waits on it: another server's listener may get the number as soon as it is free, and must not
            // be waited on here.
            defer { Glibc.close(listener) }
            var connection = 0
            while true {
                let descriptor = accept(listener, nil, nil)
                guard descriptor >= 0 else { return }
                guard let self else {
                    Glibc.close(descriptor)
                    return
                }
                let number = connection
                connection += 1
                Self.thread { self.serve(descriptor, number) }
            }
        }
    }

    /// Reactions in turn; the last one stays.
    convenience init(_ reactions: [Reaction]) throws {
        try self.init { _, index in reactions[min(index, reactions.count - 1)] }
    }

    enum Failure: Error { case noSocket }

    /// Whoever waits for connections, or is about to, hears of it.
    deinit { shutdown(listener, Int32(SHUT_RDWR)) }

    var received: [Received] { log.withLock { $0 } }

    // MARK: One connection

    private func serve(_ descriptor: Int32, _ connection: Int) {
        defer { Glibc.close(descriptor) }
        var buffer: [UInt8] = []
        while let request = Self.readRequest(descriptor, &buffer, connection) {
            let index = log.withLock { log in
                log.append(request)
                return log.count - 1
            }
            switch react(request, index) {
            case .answer(let text): guard Self.write(descriptor, Array(text.utf8)) else { return }
            case .answerBytes(let bytes): guard Self.write(descriptor, bytes) else { return }
            case .answerAndClose(let bytes):
                _ = Self.write(descriptor, bytes)
                return
            case .answerAndReset(let bytes):
                _ = Self.write(descriptor, bytes)
                // What was sent must have left before the reset takes it away.
                usleep(50_000)
                var linger = linger(l_onoff: 1, l_linger: 0)
                setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout.size(ofValue: linger)))
                return
            case .answerAndStall(let bytes):
                _ = Self.write(descriptor, bytes)
                var byte: UInt8 = 0
                while recv(descriptor, &byte, 1, 0) > 0 {}
                return
            case .pieces(let pieces):
                for piece in pieces {
                    guard Self.write(descriptor, piece) else { return }
                    usleep(20_000)
                }
            }
        }
    }

    private static func readRequest(_ descriptor: Int32, _ buffer: inout [UInt8], _ connection: Int) -> Received? {
        let end: [UInt8] = [0x0D, 0x0A, 0x0D, 0x0A]
        while true {
            if let head = buffer.firstRange(of: end) {
                let lines = String(decoding: buffer[..<head.lowerBound], as: UTF8.self)
                    .split(separator: "\r\n", omittingEmptySubsequences: false)
                let words = lines[0].split(separator: " ")
                guard words.count == 3 else { return nil }
                var headers: [String: String] = [:]
                for line in lines.dropFirst() {
                    guard let colon = line.firstIndex(of: ":") else { continue }
                    let value = line[line.index(after: colon)...].drop { $0 == " " }
                    headers[line[..<colon].lowercased()] = String(value)
                }
                let length = headers["content-length"].flatMap { Int($0) } ?? 0
                while buffer.count < head.upperBound + length {
                    guard receive(descriptor, &buffer) else { return nil }
                }
                let body = Array(buffer[head.upperBound..<head.upperBound + length])
                buffer.removeFirst(head.upperBound + length)
                return Received(
                    method: String(words[0]),
                    target: String(words[1]),
                    headers: headers,
                    body: body,
                    connection: connection
                )
            }
            guard receive(descriptor, &buffer) else { return nil }
        }
    }

    private static func receive(_ descriptor: Int32, _ buffer: inout [UInt8]) -> Bool {
        var piece = [UInt8](repeating: 0, count: 65_536)
        let count = recv(descriptor, &piece, piece.count, 0)
        guard count > 0 else { return false }
        buffer.append(contentsOf: piece[..<count])
        return true
    }

    private static func write(_ descriptor: Int32, _ bytes: [UInt8]) -> Bool {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes { bytes in
                send(descriptor, bytes.baseAddress.map { $0 + sent }, bytes.count - sent, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            sent += count
        }
        return true
    }

    private static func thread(_ body: @escaping @Sendable () -> Void) {
        final class Box: Sendable {
            let body: @Sendable () -> Void
            init(_ body: @escaping @Sendable () -> Void) { self.body = body }
        }
        var thread = pthread_t()
        let context = Unmanaged.passRetained(Box(body)).toOpaque()
        pthread_create(
            &thread,
            nil,
            { context in
                guard let context else { return nil }
                Unmanaged<Box>.fromOpaque(context).takeRetainedValue().body()
                return nil
            },
            context
        )
        pthread_detach(thread)
    }
}

/// An answer's text with the headers that every answer of the service has.
func answer(_ status: String, _ headers: [String] = [], body: String = "", length: Int? = nil) -> String {
    var lines = ["HTTP/1.1 \(status)", "x-ms-request-id: r-1", "Date: Wed, 11 Nov 2026 09:30:00 GMT"]
    lines.append(contentsOf: headers)
    lines.append("Content-Length: \(length ?? body.utf8.count)")
    return lines.joined(separator: "\r\n") + "\r\n\r\n" + body
}

/// A refusal as the service explains it.
func refusal(_ status: String, _ code: String, _ headers: [String] = []) -> String {
    let body =
        "\u{FEFF}<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>\(code)</Code>"
        + "<Message>Because of \(code).\nRequestId:r-1\nTime:2026-11-11T09:30:00Z</Message></Error>"
    return answer(status, ["x-ms-error-code: \(code)", "Content-Type: application/xml"] + headers, body: body)
}

let versionHeaders = ["ETag: \"0x1\"", "Last-Modified: Wed, 11 Nov 2026 09:00:00 GMT"]
