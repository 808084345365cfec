/// A container of another account than the store's own. It goes by its URL, which no container's name can be, so that
/// whatever is kept under a container's name, in memory, in a journal, in a disk cache, says the account.
package struct ForeignContainer: Sendable, Hashable, CustomStringConvertible {
    /// The account's Blob endpoint, without a slash at the end.
    package let endpoint: String
    package let name: String

    package init(endpoint: String, name: String) { (self.endpoint, self.name) = (endpoint, name) }

    /// `nil` for a container of the store's own account.
    package init?(_ container: String) {
        guard Self.isForeign(container), let slash = container.utf8.lastIndex(of: UInt8(ascii: "/")) else { return nil }
        endpoint = String(container[..<slash])
        name = String(container[container.utf8.index(after: slash)...])
    }

    /// As stores take it: `https://account.blob.core.windows.net/container`.
    package var description: String { "\(endpoint)/\(name)" }

    /// The names of containers have neither colons nor slashes.
    package static func isForeign(_ container: String) -> Bool {
        container.utf8.contains(UInt8(ascii: ":")) && container.utf8.contains(UInt8(ascii: "/"))
    }
}

extension BlobAddress {
    /// Whether the store can copy from one to the other, or rename: within its own account, and within a foreign container.
    package func isOneStep(from other: BlobAddress) -> Bool {
        container.utf8.elementsEqual(other.container.utf8)
            || !ForeignContainer.isForeign(container) && !ForeignContainer.isForeign(other.container)
    }
}
