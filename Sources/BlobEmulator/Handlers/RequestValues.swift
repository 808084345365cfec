/// The values that several operations take from their headers.
extension Exchange {
    /// `x-ms-meta-*`: names are C# identifiers, unique without case; together at most 8 KiB.
    func metadata() throws(Failure) -> Metadata {
        var metadata = Metadata()
        var names: Set<String> = []
        var size = 0
        for field in headers.fields where field.key.hasPrefix("x-ms-meta-") {
            let name = String(field.name.dropFirst(10))
            guard !name.isEmpty else { throw .code(.emptyMetadataKey) }
            guard isIdentifier(name), field.value.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }),
                names.insert(name.lowercased()).inserted
            else { throw .code(.invalidMetadata) }
            size += name.utf8.count + field.value.utf8.count
            metadata.entries.append((name, field.value))
        }
        guard size <= 8 << 10 else { throw .code(.metadataTooLarge) }
        return metadata
    }

    private func isIdentifier(_ name: String) -> Bool {
        for (index, byte) in name.utf8.enumerated() {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"): break
            case UInt8(ascii: "0")...UInt8(ascii: "9") where index > 0: break
            default: return false
            }
        }
        return true
    }

    /// The `x-ms-blob-*` content headers; with `plainToo`, also their plain twins, as Put Blob has them.
    func contentHeaders(plainToo: Bool) throws(Failure) -> ContentHeaders {
        func value(_ name: String, _ plain: String) -> String? {
            headers.nonEmpty(name) ?? (plainToo ? headers.nonEmpty(plain) : nil)
        }
        var result = ContentHeaders()
        result.type = value("x-ms-blob-content-type", "content-type") ?? ContentHeaders.defaultContentType
        result.encoding = value("x-ms-blob-content-encoding", "content-encoding")
        result.language = value("x-ms-blob-content-language", "content-language")
        result.disposition = headers.nonEmpty("x-ms-blob-content-disposition")
        result.cacheControl = value("x-ms-blob-cache-control", "cache-control")
        result.md5 = try md5Header("x-ms-blob-content-md5")
        return result
    }

    /// A header that holds base64 of 16 bytes.
    func md5Header(_ name: String) throws(Failure) -> String? {
        guard let text = headers.nonEmpty(name) else { return nil }
        guard Base64.decode(text)?.count == 16 else { throw .code(.invalidMd5, [("HeaderName", name)]) }
        return text
    }

    /// `x-ms-tags: key=value&key2=value2`, percent-encoded.
    func tagsHeader() throws(Failure) -> [Tag]? {
        guard let text = headers["x-ms-tags"] else { return nil }
        var tags: [Tag] = []
        for part in text.utf8.split(separator: UInt8(ascii: "&")) {
            let mark = part.firstIndex(of: UInt8(ascii: "="))
            guard let mark, let key = PercentCoding.decode(part[..<mark], plusIsSpace: true),
                let value = PercentCoding.decode(part[part.index(after: mark)...], plusIsSpace: true)
            else { throw .invalidHeader("x-ms-tags", text) }
            tags.append(Tag(key: String(decoding: key, as: UTF8.self), value: String(decoding: value, as: UTF8.self)))
        }
        try TagRules.check(tags)
        return tags
    }

    func tierHeader() throws(Failure) -> AccessTier? {
        guard let text = headers.nonEmpty("x-ms-access-tier") else { return nil }
        guard let tier = AccessTier(rawValue: text) else { throw .invalidHeader("x-ms-access-tier", text) }
        return tier
    }

    func integerHeader(_ name: String) throws(Failure) -> Int? {
        guard let text = headers.nonEmpty(name) else { return nil }
        guard let value = Int(text) else { throw .invalidHeader(name, text) }
        return value
    }
}

/// At most ten tags; keys of 1 to 128 and values of up to 256 of a small alphabet.
enum TagRules {
    static func check(_ tags: [Tag]) throws(Failure) {
        guard tags.count <= 10 else { throw .code(.tagsTooLarge) }
        var keys: Set<String> = []
        for tag in tags {
            guard (1...128).contains(tag.key.utf8.count), tag.value.utf8.count <= 256,
                (tag.key + tag.value).utf8.allSatisfy(isAllowed), keys.insert(tag.key).inserted
            else { throw .code(.invalidInput) }
        }
    }

    private static func isAllowed(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: " +-./:=_".utf8.contains(byte)
        }
    }
}
