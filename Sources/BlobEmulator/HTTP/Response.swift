/// An answer, before it is put on the wire.
struct Response: Sendable {
    enum Body: Sendable {
        case none
        case bytes([UInt8])
        /// Stored bytes, sent from where they lie.
        case stored([StoredSlice], length: Int)

        var length: Int {
            switch self {
            case .none: 0
            case .bytes(let bytes): bytes.count
            case .stored(_, let length): length
            }
        }
    }

    var status: Int
    var headers: [(name: String, value: String)] = []
    var body: Body = .none
    /// What `Content-Length` says when no body follows: the answer to HEAD.
    var declaredLength: Int?
    /// The connection is closed after this answer.
    var closesConnection = false

    init(_ status: Int, _ headers: [(name: String, value: String)] = [], body: Body = .none) {
        (self.status, self.headers, self.body) = (status, headers, body)
    }

    mutating func set(_ name: String, _ value: String) {
        headers.append((name, value))
    }

    mutating func set(_ name: String, _ value: String?) {
        if let value { headers.append((name, value)) }
    }

    /// Puts `value` in place of any value that the header has.
    mutating func replace(_ name: String, _ value: String) {
        headers.removeAll { $0.name == name }
        headers.append((name, value))
    }

    /// Status line and header fields, up to and with the empty line.
    func head() -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(1024)
        bytes.append(contentsOf: "HTTP/1.1 ".utf8)
        bytes.append(contentsOf: String(status).utf8)
        bytes.append(UInt8(ascii: " "))
        bytes.append(contentsOf: reasonPhrase(status).utf8)
        bytes.append(contentsOf: "\r\n".utf8)
        for header in headers { append(header.name, header.value, to: &bytes) }
        // Neither 204 nor 304 may have a body; both go without a length.
        if status != 204, status != 304 || declaredLength != nil {
            append("Content-Length", String(declaredLength ?? body.length), to: &bytes)
        }
        if closesConnection { append("Connection", "close", to: &bytes) }
        bytes.append(contentsOf: "\r\n".utf8)
        return bytes
    }

    private func append(_ name: String, _ value: String, to bytes: inout [UInt8]) {
        bytes.append(contentsOf: name.utf8)
        bytes.append(contentsOf: ": ".utf8)
        bytes.append(contentsOf: value.utf8)
        bytes.append(contentsOf: "\r\n".utf8)
    }
}

func reasonPhrase(_ status: Int) -> String {
    switch status {
    case 200: "OK"
    case 201: "Created"
    case 202: "Accepted"
    case 204: "No Content"
    case 206: "Partial Content"
    case 304: "Not Modified"
    case 400: "Bad Request"
    case 401: "Unauthorized"
    case 403: "Forbidden"
    case 404: "Not Found"
    case 405: "Method Not Allowed"
    case 409: "Conflict"
    case 411: "Length Required"
    case 412: "Precondition Failed"
    case 413: "Request Entity Too Large"
    case 416: "Requested Range Not Satisfiable"
    case 429: "Too Many Requests"
    case 500: "Internal Server Error"
    case 501: "Not Implemented"
    case 502: "Bad Gateway"
    case 503: "Service Unavailable"
    case 504: "Gateway Timeout"
    default: "Unknown"
    }
}
