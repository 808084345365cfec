internal import BlobStorage

/// Reads the answer to List Blobs. Elements may come in any order, be absent, or be unknown.
struct BlobListing: XMLVisitor {
    private var items: [ListedItem] = []
    private var nextMarker = ""
    /// Where in the document we are: the innermost open element's kind last.
    private var open: [Place] = []
    private var entry = Entry()
    /// Whether the root was what it should be: an HTML page of a proxy is XML too, at times.
    private var hasRoot = false

    private enum Place {
        case root, blobs, blob, prefix, properties, metadata
        /// An element of text, or one that is not known.
        case leaf
        case encodedLeaf
    }

    private struct Entry {
        var name = ""
        var properties = BlobProperties(version: BlobVersion(etag: ETag(""), lastModified: 0), length: 0)

        /// Of a prefix: only one that is a directory by itself has a version.
        var directory: BlobProperties? {
            guard !properties.version.etag.text.isEmpty else { return nil }
            var directory = properties
            directory.isDirectory = true
            return directory
        }
    }

    /// The page of a complete document.
    static func page(_ document: [UInt8]) throws(XMLError) -> BlobPage {
        var listing = BlobListing()
        try XMLReader.read(document, into: &listing)
        return try listing.finish()
    }

    /// Where the next page begins, from the end of a document that was not read yet; `nil` if that shows nothing. The
    /// service writes the marker last, and a `<` is never part of a text.
    static func nextMarker(atEndOf document: [UInt8]) -> ListMarker? {
        let end = document.suffix(Self.endMax)
        guard let opening = end.lastRange(of: "<NextMarker>"),
            let closing = end[opening.upperBound...].lastRange(of: "</NextMarker>"),
            end[opening.upperBound...].lastRange(of: "</Blobs>") == nil
        else { return nil }
        let marker = end[opening.upperBound..<closing.lowerBound]
        // Anything that XML has another spelling for is left to who reads it all.
        guard !marker.isEmpty, !marker.contains(UInt8(ascii: "&")), !marker.contains(UInt8(ascii: "<")) else {
            return nil
        }
        return String(validating: marker, as: UTF8.self).map { ListMarker($0) }
    }

    /// Markers hold a name of at most 1,024 characters in base64.
    private static let endMax = 8192

    func finish() throws(XMLError) -> BlobPage {
        guard hasRoot else { throw XMLError(description: "the document is not a listing") }
        return BlobPage(items: items, next: nextMarker.isEmpty ? nil : ListMarker(nextMarker))
    }

    mutating func begin(_ element: XMLName, isEncoded: Bool) {
        let place: Place
        switch open.last {
        case nil where element.matches("EnumerationResults"):
            hasRoot = true
            place = .root
        case .root where element.matches("Blobs"): place = .blobs
        case .blobs where element.matches("Blob"):
            entry = Entry()
            place = .blob
        case .blobs where element.matches("BlobPrefix"):
            entry = Entry()
            place = .prefix
        case .blob where element.matches("Properties"), .prefix where element.matches("Properties"): place = .properties
        case .blob where element.matches("Metadata"): place = .metadata
        default: place = isEncoded ? .encodedLeaf : .leaf
        }
        open.append(place)
    }

    mutating func end(_ element: XMLName, text: UnsafeBufferPointer<UInt8>) {
        let place = open.removeLast()
        switch (place, open.last) {
        case (.blob, _): items.append(.blob(name: entry.name, entry.properties))
        case (.prefix, _): items.append(.prefix(entry.name, entry.directory))
        case (.leaf, .blob?), (.leaf, .prefix?), (.encodedLeaf, .blob?), (.encodedLeaf, .prefix?):
            guard element.matches("Name") else { return }
            let name = text.string
            entry.name = place == .encodedLeaf ? PercentEncoding.decode(name) ?? name : name
        case (.leaf, .properties?): setProperty(element, text)
        case (.leaf, .metadata?):
            guard !element.matches("x-ms-invalid-name") else { return }
            entry.properties.metadata.addReceived(element.text, text.string)
        case (.leaf, .root?):
            if element.matches("NextMarker") { nextMarker = text.string }
        default: break
        }
    }

    private mutating func setProperty(_ element: XMLName, _ text: UnsafeBufferPointer<UInt8>) {
        guard !text.isEmpty else { return }
        // In the order in which the service sends them; most entries have the first few only.
        if element.matches("Creation-Time") {
            entry.properties.creationTime = HTTPDate.parse(text)
        } else if element.matches("Last-Modified") {
            entry.properties.version.lastModified = HTTPDate.parse(text) ?? 0
        } else if element.matches("Etag") {
            entry.properties.version.etag = ETag(quoting: text.string)
        } else if element.matches("Content-Length") {
            entry.properties.length = UInt64(text.string) ?? 0
        } else if element.matches("Content-Type") {
            entry.properties.contentType = text.string
        } else if element.matches("Content-MD5") {
            entry.properties.contentMD5 = text.string
        } else if element.matches("BlobType") {
            entry.properties.type = BlobType(rawValue: text.string) ?? .block
        } else if element.matches("AccessTier") {
            entry.properties.accessTier = text.string
        } else if element.matches("LeaseState") {
            entry.properties.leaseState = text.string
        } else {
            setRareProperty(element, text)
        }
    }

    private mutating func setRareProperty(_ element: XMLName, _ text: UnsafeBufferPointer<UInt8>) {
        if element.matches("Content-Encoding") {
            entry.properties.contentEncoding = text.string
        } else if element.matches("Content-Language") {
            entry.properties.contentLanguage = text.string
        } else if element.matches("Content-Disposition") {
            entry.properties.contentDisposition = text.string
        } else if element.matches("Cache-Control") {
            entry.properties.cacheControl = text.string
        } else if element.matches("ArchiveStatus") {
            entry.properties.archiveStatus = text.string
        } else if element.matches("CopyStatus") {
            entry.properties.copyStatus = text.string
        } else if element.matches("Sealed") {
            entry.properties.isSealed = text.string == "true"
        } else if element.matches("ResourceType") {
            entry.properties.isDirectory = text.string == "directory"
        } else if element.matches("CustomerProvidedKeySha256") {
            entry.properties.encryptionKeySHA256 = text.string
        }
    }
}

extension ArraySlice<UInt8> {
    fileprivate func lastRange(of text: StaticString) -> Range<Int>? {
        text.withUTF8Buffer { text in
            guard count >= text.count else { return nil }
            let starts = startIndex...(endIndex - text.count)
            return starts.last { self[$0..<$0 + text.count].elementsEqual(text) }.map { $0..<$0 + text.count }
        }
    }
}
