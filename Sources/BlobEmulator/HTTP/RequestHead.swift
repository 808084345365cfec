/// A request up to its body.
struct RequestHead: Sendable {
    let method: String
    /// The request target exactly as sent: signatures are over its bytes.
    let target: String
    /// The part of the target before `?`, percent-encoding untouched.
    let path: String
    /// The part of the target after `?`, undecoded; empty if there is none.
    let query: String
    var headers: HeaderFields
    /// Whether the connection may serve another request after this one.
    let keepsAlive: Bool

    /// The value of `Content-Length`; nil if it is missing or no number.
    var contentLength: Int? {
        headers["content-length"].flatMap { number($0.utf8) }.map(Int.init)
    }

    var isChunked: Bool {
        headers["transfer-encoding"]?.lowercased().hasSuffix("chunked") ?? false
    }

    init(method: String, target: String, headers: HeaderFields, keepsAlive: Bool) {
        (self.method, self.target, self.headers, self.keepsAlive) = (method, target, headers, keepsAlive)
        var origin = target[...]
        // The absolute form, as sent to proxies: the authority is looked up in `Host` anyway.
        if target.hasPrefix("http://") {
            origin = target.dropFirst(7)
            origin = origin.firstIndex(of: "/").map { origin[$0...] } ?? "/"
        }
        if let mark = origin.utf8.firstIndex(of: UInt8(ascii: "?")) {
            path = String(origin[..<mark])
            query = String(origin[origin.utf8.index(after: mark)...])
        } else {
            (path, query) = (String(origin), "")
        }
    }
}

/// What is wrong with a request's head; the connection is closed after the answer.
enum RequestHeadError: Error {
    case malformed
}

extension RequestHead {
    /// Parses request line and header fields; `bytes` ends with the empty line.
    init(parsing bytes: UnsafeRawBufferPointer) throws(RequestHeadError) {
        var lines = LineReader(bytes: bytes)
        guard let requestLine = lines.next() else { throw .malformed }
        let parts = requestLine.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
        guard parts.count == 3, !parts[0].isEmpty, !parts[1].isEmpty, parts[2].count == 8,
            parts[2].starts(with: "HTTP/1.".utf8)
        else { throw .malformed }

        var headers = HeaderFields()
        while let line = lines.next(), !line.isEmpty {
            guard let colon = line.firstIndex(of: UInt8(ascii: ":")), colon > line.startIndex else { throw .malformed }
            let nameBytes = line[line.startIndex..<colon]
            let name = String(decoding: nameBytes, as: UTF8.self)
            let isLower = !nameBytes.contains { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) }
            let value = String(decoding: trimmed(line[(colon + 1)...]), as: UTF8.self)
            headers.append(.init(key: isLower ? name : name.lowercased(), name: name, value: value))
        }
        let connection = headers["connection"]?.lowercased()
        let isVersion10 = parts[2].last == UInt8(ascii: "0")
        self.init(
            method: String(decoding: parts[0], as: UTF8.self),
            target: String(decoding: parts[1], as: UTF8.self),
            headers: headers,
            keepsAlive: isVersion10 ? connection == "keep-alive" : connection != "close"
        )
    }
}

/// Cuts a head into lines that end in CR LF (or a bare LF, which RFC 9112 lets a server accept).
private struct LineReader {
    let bytes: UnsafeRawBufferPointer
    var position = 0

    mutating func next() -> Slice<UnsafeRawBufferPointer>? {
        guard position < bytes.count else { return nil }
        let rest = bytes[position...]
        let end = rest.firstIndex(of: UInt8(ascii: "\n")) ?? rest.endIndex
        position = end + 1
        let hasReturn = end > rest.startIndex && bytes[end - 1] == UInt8(ascii: "\r")
        return bytes[rest.startIndex..<(hasReturn ? end - 1 : end)]
    }
}

private func trimmed(_ bytes: Slice<UnsafeRawBufferPointer>) -> Slice<UnsafeRawBufferPointer> {
    func isBlank(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
    guard let first = bytes.firstIndex(where: { !isBlank($0) }), let last = bytes.lastIndex(where: { !isBlank($0) })
    else { return bytes[bytes.endIndex..<bytes.endIndex] }
    return bytes[first...last]
}
