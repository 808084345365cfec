internal import BlobStorage

/// Reads the answer to List Containers.
struct ContainerListing: XMLVisitor {
    private var containers: [ContainerProperties] = []
    private var nextMarker = ""
    private var open: [Place] = []
    private var container = ContainerListing.empty
    private var hasRoot = false

    private enum Place { case root, containers, container, properties, metadata, leaf }

    private static let empty = ContainerProperties(
        name: "",
        version: BlobVersion(etag: ETag(""), lastModified: 0),
        metadata: [:]
    )

    static func page(_ document: [UInt8]) throws(XMLError) -> ContainerPage {
        var listing = ContainerListing()
        try XMLReader.read(document, into: &listing)
        guard listing.hasRoot else { throw XMLError(description: "the document is not a listing") }
        let marker = listing.nextMarker
        return ContainerPage(containers: listing.containers, next: marker.isEmpty ? nil : ListMarker(marker))
    }

    mutating func begin(_ element: XMLName, isEncoded: Bool) {
        let place: Place
        switch open.last {
        case nil where element.matches("EnumerationResults"):
            hasRoot = true
            place = .root
        case .root where element.matches("Containers"): place = .containers
        case .containers where element.matches("Container"):
            container = Self.empty
            place = .container
        case .container where element.matches("Properties"): place = .properties
        case .container where element.matches("Metadata"): place = .metadata
        default: place = .leaf
        }
        open.append(place)
    }

    mutating func end(_ element: XMLName, text: UnsafeBufferPointer<UInt8>) {
        let place = open.removeLast()
        switch (place, open.last) {
        case (.container, _): containers.append(container)
        case (.leaf, .container?):
            if element.matches("Name") { container.name = text.string }
        case (.leaf, .properties?):
            if element.matches("Last-Modified") {
                container.version.lastModified = HTTPDate.parse(text) ?? 0
            } else if element.matches("Etag") {
                container.version.etag = ETag(quoting: text.string)
            }
        case (.leaf, .metadata?):
            guard !element.matches("x-ms-invalid-name") else { return }
            container.metadata.addReceived(element.text, text.string)
        case (.leaf, .root?):
            if element.matches("NextMarker") { nextMarker = text.string }
        default: break
        }
    }
}
