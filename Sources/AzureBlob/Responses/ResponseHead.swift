internal import BlobStorage

/// Status and headers of an answer.
struct ResponseHead: Sendable, Hashable {
    let status: Int
    private let fields: [Field]

    private struct Field: Sendable, Hashable {
        /// Lower case.
        let name: String
        let value: String
    }

    /// From the lines as they came, the status line first. `nil` if that is none.
    init?(lines: [String]) {
        guard let first = lines.first, first.hasPrefix("HTTP/"),
            let status = first.split(separator: " ").dropFirst().first.flatMap({ Int($0) })
        else { return nil }
        self.status = status
        fields = lines.dropFirst().compactMap { line in
            guard let colon = line.utf8.firstIndex(of: UInt8(ascii: ":")) else { return nil }
            let value = line[line.utf8.index(after: colon)...].trimmingBlanks()
            return Field(name: line[..<colon].lowercased(), value: String(value))
        }
    }

    init(status: Int, headers: [(String, String)]) {
        self.status = status
        fields = headers.map { Field(name: $0.0.lowercased(), value: $0.1) }
    }

    /// The value of a header; names in lower case.
    subscript(_ name: String) -> String? { fields.first { $0.name == name }?.value }

    var isSuccess: Bool { (200..<300).contains(status) }
    var code: String? { self["x-ms-error-code"] }
    var requestID: String? { self["x-ms-request-id"] }
    /// The server's clock.
    var date: Int64? { self["date"].flatMap { HTTPDate.parse($0) } }
    var contentLength: UInt64? { self["content-length"].flatMap { UInt64($0) } }
    var etag: ETag? { self["etag"].map(ETag.init(quoting:)) }

    var version: BlobVersion? {
        guard let etag, let lastModified = self["last-modified"].flatMap({ HTTPDate.parse($0) }) else { return nil }
        return BlobVersion(etag: etag, lastModified: lastModified)
    }

    /// `x-ms-meta-*`; of two spellings the first. The mark of an upload is not shown.
    var metadata: BlobMetadata {
        var metadata: BlobMetadata = [:]
        for field in fields where field.name.hasPrefix("x-ms-meta-") {
            metadata.addReceived(String(field.name.dropFirst("x-ms-meta-".count)), field.value)
        }
        return metadata
    }

    /// Retry-After: seconds, or a date of the server's clock.
    var retryAfter: Duration? {
        guard let text = self["retry-after"] else { return nil }
        if let seconds = Int64(text) { return seconds >= 0 ? .seconds(seconds) : nil }
        guard let then = HTTPDate.parse(text), let now = date else { return nil }
        return .seconds(max(0, then - now))
    }

    /// Where the service expects tokens from, for people: of `WWW-Authenticate: Bearer
    /// authorization_uri=https://login…/{tenant}/oauth2/authorize resource_id=…`, whose parts may be quoted and follow
    /// blanks or commas.
    var tenant: String? {
        guard status == 401, let challenge = self["www-authenticate"],
            let name = challenge.firstRange(of: "authorization_uri=")
        else { return nil }
        let uri = challenge[name.upperBound...].drop { $0 == "\"" }.prefix { !" ,\"".contains($0) }
        let segments = uri.split(separator: "/")
        guard segments.count > 2, segments[0].hasSuffix(":") else { return nil }
        return "it takes tokens of the tenant \(segments[2])"
    }

    /// `Content-Range: bytes 0-9/100`.
    var contentRange: ContentRange? { self["content-range"].flatMap(ContentRange.init) }
}

/// What part of the blob an answer holds.
struct ContentRange: Sendable, Hashable {
    let lowerBound: UInt64
    let total: UInt64

    init?(_ text: String) {
        guard text.hasPrefix("bytes "), let slash = text.firstIndex(of: "/"), let dash = text.firstIndex(of: "-"),
            dash < slash,
            let lowerBound = UInt64(text[..<dash].dropFirst("bytes ".count)),
            let total = UInt64(text[slash...].dropFirst())
        else { return nil }
        self.lowerBound = lowerBound
        self.total = total
    }
}

extension ETag {
    /// The XML of a listing has it without the quotes that headers have.
    init(quoting text: String) {
        self.init(text.hasPrefix("\"") || text.hasPrefix("W/") ? text : "\"\(text)\"")
    }
}
