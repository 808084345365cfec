internal import BlobStorage

/// Integers of 8 bytes, little-endian; strings as their length and their UTF-8; optionals as 0, or 1 and the value.
struct PayloadWriter {
    private(set) var bytes: [UInt8] = []

    mutating func byte(_ value: UInt8) { bytes.append(value) }

    mutating func integer(_ value: UInt64) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    mutating func string(_ text: String) {
        integer(UInt64(text.utf8.count))
        bytes.append(contentsOf: text.utf8)
    }

    mutating func optional<Value>(_ value: Value?, _ write: (inout PayloadWriter, Value) -> Void) {
        byte(value == nil ? 0 : 1)
        if let value { write(&self, value) }
    }

    mutating func blob(_ blob: BlobAddress) {
        string(blob.container)
        string(blob.name)
    }

    mutating func version(_ version: BlobVersion) {
        string(version.etag.text)
        integer(UInt64(bitPattern: version.lastModified))
    }

    mutating func base(_ base: JournalIdentity.Base) {
        version(base.version)
        integer(base.length)
        string(base.type.rawValue)
    }

    mutating func known(_ known: KnownName) {
        switch known {
        case .unknown: byte(0)
        case .absent: byte(1)
        case .version(let etag):
            byte(2)
            string(etag.text)
        }
    }

    mutating func position(_ position: AppendPosition) {
        byte(position.start.rawValue)
        integer(position.sent)
        integer(position.end)
        optional(position.creationTime) { $0.integer(UInt64(bitPattern: $1)) }
        optional(position.version) { $0.version($1) }
        optional(position.underway) { $0.integer($1) }
    }

    mutating func headers(_ headers: BlobHeaders) {
        for text in [
            headers.contentType, headers.contentEncoding, headers.contentLanguage, headers.contentDisposition,
            headers.cacheControl,
        ] {
            optional(text) { $0.string($1) }
        }
        integer(UInt64(headers.metadata.items.count))
        for item in headers.metadata.items {
            string(item.name)
            string(item.value)
        }
    }
}

/// Reads what `PayloadWriter` wrote; `nil` where the bytes are something else.
struct PayloadReader {
    /// So that "there is none" and "cannot be read" are told apart.
    struct Found<Value> { var value: Value? }

    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var isAtEnd: Bool { position == bytes.count }

    mutating func byte() -> UInt8? {
        guard position < bytes.count else { return nil }
        defer { position += 1 }
        return bytes[position]
    }

    mutating func integer() -> UInt64? {
        guard bytes.count - position >= 8 else { return nil }
        defer { position += 8 }
        return (0..<8).reduce(0) { $0 | UInt64(bytes[position + $1]) << UInt64(8 * $1) }
    }

    mutating func string() -> String? {
        guard let count = integer(), count <= UInt64(bytes.count - position) else { return nil }
        defer { position += Int(count) }
        return String(validating: bytes[position..<position + Int(count)], as: UTF8.self)
    }

    mutating func optional<Value>(_ read: (inout PayloadReader) -> Value?) -> Found<Value>? {
        switch byte() {
        case 0: return Found(value: nil)
        case 1: return read(&self).map { Found(value: $0) }
        default: return nil
        }
    }

    mutating func blob() -> BlobAddress? {
        guard let container = string(), let name = string() else { return nil }
        return BlobAddress(container: container, name: name)
    }

    mutating func version() -> BlobVersion? {
        guard let etag = string(), let time = integer() else { return nil }
        return BlobVersion(etag: ETag(etag), lastModified: Int64(bitPattern: time))
    }

    mutating func base() -> JournalIdentity.Base? {
        guard let version = version(), let length = integer(), let type = string().flatMap(BlobType.init) else {
            return nil
        }
        return JournalIdentity.Base(version: version, length: length, type: type)
    }

    mutating func known() -> KnownName? {
        switch byte() {
        case 0: return .unknown
        case 1: return .absent
        case 2: return string().map { .version(ETag($0)) }
        default: return nil
        }
    }

    mutating func appendPosition() -> AppendPosition? {
        guard let start = byte().flatMap(AppendPosition.Start.init), let sent = integer(), let end = integer(),
            let creationTime = optional({ $0.integer() }), let version = optional({ $0.version() }),
            let underway = optional({ $0.integer() })
        else { return nil }
        var position = AppendPosition(start: start)
        (position.sent, position.end) = (sent, end)
        position.creationTime = creationTime.value.map { Int64(bitPattern: $0) }
        (position.version, position.underway) = (version.value, underway.value)
        return position
    }

    mutating func identity() -> JournalIdentity? {
        guard let blob = blob(), let base = optional({ $0.base() }), let known = known(), let high = integer(),
            let low = integer(), let bootID = string()
        else { return nil }
        return JournalIdentity(
            blob: blob,
            base: base.value,
            known: known,
            uploadID: UInt128(high) << 64 | UInt128(low),
            bootID: bootID
        )
    }

    mutating func headers() -> BlobHeaders? {
        var headers = BlobHeaders()
        for field in [
            \BlobHeaders.contentType, \.contentEncoding, \.contentLanguage, \.contentDisposition, \.cacheControl,
        ] {
            guard let text = optional({ $0.string() }) else { return nil }
            headers[keyPath: field] = text.value
        }
        guard let count = integer() else { return nil }
        for _ in 0..<min(count, 10_000) {
            guard let name = string(), let value = string() else { return nil }
            headers.metadata[name] = value
        }
        return headers
    }
}
