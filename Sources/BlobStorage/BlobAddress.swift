/// Where a blob lives: container and name, compared byte by byte as the service does.
///
/// `String`'s own equality follows Unicode's canonical equivalence; to the service `é` composed and decomposed are
/// two blobs.
package struct BlobAddress: Hashable, Sendable, Comparable, CustomStringConvertible {
    package let container: String
    package let name: String

    package init(container: String, name: String) {
        self.container = container
        self.name = name
    }

    package var description: String { "\(container)/\(name)" }

    package static func == (one: BlobAddress, other: BlobAddress) -> Bool {
        one.name.utf8.elementsEqual(other.name.utf8) && one.container.utf8.elementsEqual(other.container.utf8)
    }

    package static func < (one: BlobAddress, other: BlobAddress) -> Bool {
        guard one.container.utf8.elementsEqual(other.container.utf8) else {
            return one.container.utf8.lexicographicallyPrecedes(other.container.utf8)
        }
        return one.name.utf8.lexicographicallyPrecedes(other.name.utf8)
    }

    package func hash(into hasher: inout Hasher) {
        var (container, name) = (container, name)
        container.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
        hasher.combine(UInt8(0xFF))
        name.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    }
}

/// The version of a blob, with its quotes, exactly as the service gave it.
package struct ETag: Hashable, Sendable, CustomStringConvertible {
    package let text: String

    package init(_ text: String) { self.text = text }

    package var description: String { text }
}

/// Names and values that a blob or container carries. Names are compared without regard to case, as the service does;
/// the first of two spellings wins (accounts with a hierarchical namespace may hold both).
package struct BlobMetadata: Hashable, Sendable, ExpressibleByDictionaryLiteral {
    /// Lower-case names in order of arrival.
    package private(set) var items: [Item] = []

    package struct Item: Hashable, Sendable {
        package let name: String
        package let value: String
    }

    package init() {}

    package init(dictionaryLiteral elements: (String, String)...) {
        for (name, value) in elements { self[name] = value }
    }

    package subscript(_ name: String) -> String? {
        get {
            let name = name.lowercased()
            return items.first { $0.name == name }?.value
        }
        set {
            let name = name.lowercased()
            let index = items.firstIndex { $0.name == name }
            switch (index, newValue) {
            case (let index?, let value?): items[index] = Item(name: name, value: value)
            case (let index?, nil): items.remove(at: index)
            case (nil, let value?): items.append(Item(name: name, value: value))
            case (nil, nil): break
            }
        }
    }

    /// Adds what a response carried; a name that is already there keeps its value.
    package mutating func addFirst(_ name: String, _ value: String) {
        guard self[name] == nil else { return }
        self[name] = value
    }

    package var isEmpty: Bool { items.isEmpty }

    /// What counts against the service's limit of 8 KiB: all names and values.
    package var byteCount: Int { items.reduce(0) { $0 + $1.name.utf8.count + $1.value.utf8.count } }
}
