import Glibc

@testable import BlobEmulator

/// A client that sends exactly what it is told to, over a socket that lives as long as it.
final class RawClient {
    private let descriptor: Int32
    private var buffer: [UInt8] = []
    /// How the connection ended, once it has.
    private(set) var wasReset = false

    init(port: UInt16) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        inet_pton(AF_INET, "127.0.0.1", &address.sin_addr)
        let status = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard status == 0 else { throw RawClientError.cannotConnect }
    }

    deinit {
        close(descriptor)
    }

    enum RawClientError: Error {
        case cannotConnect, ended
    }

    struct Answer {
        var status: Int
        var headers: [String: String]
        var body: [UInt8]
        /// Whether the body was as long as its header said.
        var isComplete: Bool

        var text: String { String(decoding: body, as: UTF8.self) }
        var code: String? { headers["x-ms-error-code"] }
    }

    func send(_ bytes: [UInt8]) {
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return }
            sent += count
        }
    }

    func send(_ text: String) {
        send(Array(text.utf8))
    }

    /// Reads more; false at the end of the connection.
    private func fill() -> Bool {
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        let count = recv(descriptor, &chunk, chunk.count, 0)
        guard count > 0 else {
            wasReset = count < 0 && errno == ECONNRESET
            return false
        }
        buffer += chunk[..<count]
        return true
    }

    /// A line up to CR LF.
    func readLine() throws -> String {
        while true {
            if let end = buffer.firstIndex(of: UInt8(ascii: "\n")) {
                let line = String(decoding: buffer[..<end].filter { $0 != UInt8(ascii: "\r") }, as: UTF8.self)
                buffer.removeSubrange(...end)
                return line
            }
            guard fill() else { throw RawClientError.ended }
        }
    }

    func readAnswer(isHead: Bool = false) throws -> Answer {
        let statusLine = try readLine()
        var headers: [String: String] = [:]
        while true {
            let line = try readLine()
            guard !line.isEmpty, let colon = line.firstIndex(of: ":") else { break }
            headers[line[..<colon].lowercased()] = String(line[line.index(colon, offsetBy: 2)...])
        }
        let status = Int(statusLine.split(separator: " ")[1]) ?? 0
        let length = isHead || status == 304 || status == 204 ? 0 : headers["content-length"].flatMap { Int($0) } ?? 0
        while buffer.count < length, fill() {}
        let count = min(length, buffer.count)
        let body = Array(buffer[..<count])
        buffer.removeSubrange(..<count)
        return Answer(status: status, headers: headers, body: body, isComplete: count == length)
    }

    /// Whether the server has ended the connection and sent nothing more.
    func isAtEnd() -> Bool {
        buffer.isEmpty && !fill()
    }
}

/// An emulator and requests to it, signed with its account's key.
final class TestServer {
    let emulator: Emulator
    let clock = EmulatorClock()
    var version = "2023-11-03"

    init(dataDirectory: String? = nil, allowsControl: Bool = false) throws {
        emulator = try Emulator(
            EmulatorConfiguration(dataDirectory: dataDirectory, allowsControl: allowsControl, clock: clock)
        )
        emulator.start()
    }

    deinit {
        emulator.stop()
    }

    static let path = "/devstoreaccount1"
    private static let key = Base64.decode(EmulatorAccount.development.key) ?? []

    /// The head of a request, signed. `target` follows the account: `/container/blob?comp=...`.
    func head(
        _ method: String,
        _ target: String,
        _ headers: KeyValuePairs<String, String> = [:],
        length: Int = 0,
        lite: Bool = false,
        date: Timestamp? = nil,
        prefix: String = TestServer.path
    ) -> String {
        var all = HeaderFields()
        all.append(name: "Host", value: "127.0.0.1:\(emulator.port)")
        all.append(name: "x-ms-version", value: version)
        all.append(name: "x-ms-date", value: (date ?? clock.now()).httpDate)
        if method == "PUT" || method == "POST" { all.append(name: "Content-Length", value: String(length)) }
        for (name, value) in headers { all.append(name: name, value: value) }
        let head = RequestHead(method: method, target: prefix + target, headers: all, keepsAlive: true)
        guard let query = QueryParameters(head.query) else { preconditionFailure("a test sends broken parameters") }
        let signedPath =
            prefix.hasSuffix("-secondary") ? TestServer.path + head.path.dropFirst(prefix.count) : head.path
        let text =
            lite
            ? SharedKey.liteStringToSign(head, account: "devstoreaccount1", query: query, path: signedPath)
            : SharedKey.stringToSign(head, account: "devstoreaccount1", query: query, path: signedPath)
        let scheme = lite ? "SharedKeyLite" : "SharedKey"
        all.append(
            name: "Authorization",
            value: "\(scheme) devstoreaccount1:\(SharedKey.signature(of: text, key: Self.key))"
        )
        let lines = all.fields.map { "\($0.name): \($0.value)\r\n" }.joined()
        return "\(method) \(head.target) HTTP/1.1\r\n\(lines)\r\n"
    }

    @discardableResult
    func request(
        _ method: String,
        _ target: String,
        _ headers: KeyValuePairs<String, String> = [:],
        body: [UInt8] = []
    ) throws -> RawClient.Answer {
        let client = try RawClient(port: emulator.port)
        client.send(Array(head(method, target, headers, length: body.count).utf8) + body)
        return try client.readAnswer(isHead: method == "HEAD")
    }

    /// Sends a request as it is given, without credentials.
    func raw(_ text: String) throws -> RawClient.Answer {
        let client = try RawClient(port: emulator.port)
        client.send(text)
        return try client.readAnswer()
    }

    func makeContainer(_ name: String = "jobs") throws {
        try request("PUT", "/\(name)?restype=container")
    }

    @discardableResult
    func put(_ target: String, _ text: String) throws -> RawClient.Answer {
        try request("PUT", target, ["x-ms-blob-type": "BlockBlob"], body: Array(text.utf8))
    }
}
