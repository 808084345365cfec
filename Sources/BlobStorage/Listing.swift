/// Where the next page of a listing begins; opaque, and good for the same query only.
package struct ListMarker: Sendable, Hashable {
    package let text: String

    package init(_ text: String) { self.text = text }
}

/// List Containers.
package struct ContainerQuery: Sendable, Hashable {
    package var prefix: String
    package var includesMetadata: Bool
    /// 1 to 5,000; a page may hold fewer.
    package var pageSize: Int?

    package init(prefix: String = "", includesMetadata: Bool = false, pageSize: Int? = nil) {
        self.prefix = prefix
        self.includesMetadata = includesMetadata
        self.pageSize = pageSize
    }
}

/// One answer to List Containers.
package struct ContainerPage: Sendable {
    package var containers: [ContainerProperties]
    /// `nil` when this was the last page. A page may be empty and still not be the last.
    package var next: ListMarker?

    package init(containers: [ContainerProperties], next: ListMarker?) {
        self.containers = containers
        self.next = next
    }
}

/// List Blobs.
package struct BlobQuery: Sendable, Hashable {
    package var container: String
    package var prefix: String
    /// Names are cut behind the first delimiter past the prefix and shown once; `nil` lists flat.
    package var delimiter: String?
    package var includesMetadata: Bool
    package var includesUncommitted: Bool
    /// 1 to 5,000 blobs and prefixes together; a page may hold fewer.
    package var pageSize: Int?

    package init(
        container: String,
        prefix: String = "",
        delimiter: String? = nil,
        includesMetadata: Bool = false,
        includesUncommitted: Bool = false,
        pageSize: Int? = nil
    ) {
        self.container = container
        self.prefix = prefix
        self.delimiter = delimiter
        self.includesMetadata = includesMetadata
        self.includesUncommitted = includesUncommitted
        self.pageSize = pageSize
    }
}

/// One line of a listing.
package enum ListedItem: Sendable {
    case blob(name: String, BlobProperties)
    /// A virtual directory: ends with the delimiter. May come again on a later page. In a hierarchical namespace it is a
    /// directory, with all that a listing tells of one: not its metadata.
    case prefix(String, BlobProperties? = nil)

    /// The blob's name or the prefix, whole.
    package var name: String {
        switch self {
        case .blob(let name, _): name
        case .prefix(let name, _): name
        }
    }
}

/// One answer to List Blobs.
package struct BlobPage: Sendable {
    /// In the service's order, which for names beyond ASCII is not promised to be any.
    package var items: [ListedItem]
    /// `nil` when this was the last page. A page may be empty and still not be the last.
    package var next: ListMarker?

    package init(items: [ListedItem], next: ListMarker?) {
        self.items = items
        self.next = next
    }
}
