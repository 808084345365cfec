internal import BlobStorage
internal import Checksums

/// Groups of headers that several operations share.
extension StorageRequest {
    mutating func add(_ name: String, _ value: String?) {
        guard let value else { return }
        headers.append(HTTPHeader(name, value))
    }

    /// `If-Match` or `If-None-Match: *`. A list's ETag without quotes is not taken: the service wants them.
    mutating func add(_ condition: VersionCondition) {
        self.condition = condition
        switch condition {
        case .any: break
        case .matches(let etag): add("If-Match", etag.text)
        case .absent, .vacant: add("If-None-Match", "*")
        }
    }

    /// A condition on the source of a copy.
    mutating func add(source condition: VersionCondition) {
        switch condition {
        case .any: break
        case .matches(let etag): add("x-ms-source-if-match", etag.text)
        case .absent, .vacant: add("x-ms-source-if-none-match", "*")
        }
    }

    mutating func add(_ metadata: BlobMetadata) {
        for item in metadata.items { add("x-ms-meta-\(item.name)", item.value) }
    }

    /// What a commit stores, the type always: without it the service would take the body's own Content-Type.
    mutating func add(contentOf headers: BlobHeaders) {
        add("x-ms-blob-content-type", headers.contentType ?? "application/octet-stream")
        add("x-ms-blob-content-encoding", headers.contentEncoding)
        add("x-ms-blob-content-language", headers.contentLanguage)
        add("x-ms-blob-content-disposition", headers.contentDisposition)
        add("x-ms-blob-cache-control", headers.cacheControl)
        add("x-ms-blob-content-md5", headers.contentMD5)
    }

    /// The checksum by which the service refuses a body that changed on the way.
    mutating func add(_ checksum: BodyChecksum) {
        switch checksum {
        case .none: break
        case .md5(let digest): add("Content-MD5", Base64.encode(digest))
        case .crc64(let value): add("x-ms-content-crc64", CRC64Field.text(value))
        }
    }
}

/// A CRC-64 as headers carry it: 8 bytes, lowest first, base64.
enum CRC64Field {
    static func text(_ value: UInt64) -> String {
        Base64.encode(withUnsafeBytes(of: value.littleEndian) { Array($0) })
    }

    static func value(_ text: String) -> UInt64? {
        guard let bytes = Base64.decode(text), bytes.count == 8 else { return nil }
        return bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
}
