/// A storage account and where its Blob endpoint is.
package struct StorageAccount: Sendable, Hashable {
    /// The plain name that signatures carry.
    package let name: String
    package let endpoint: BlobEndpoint
    /// Where a hierarchical namespace renames and removes; `nil` where the Blob endpoint does not tell it.
    package var dataLakeEndpoint: BlobEndpoint?

    package init(name: String, endpoint: BlobEndpoint) {
        self.name = name
        self.endpoint = endpoint
        dataLakeEndpoint = endpoint.dataLake
    }

    /// An account of the service: `https://{name}.blob.{suffix}`. Sovereign clouds have suffixes of their own.
    package init(name: String, endpointSuffix: String = "core.windows.net") throws(AccountError) {
        guard !name.isEmpty, name.utf8.allSatisfy({ Self.isNameByte($0) }) else {
            throw AccountError("“\(name)” is not the name of a storage account: lower-case letters and digits only")
        }
        self.init(name: name, endpoint: try BlobEndpoint("https://\(name).blob.\(endpointSuffix)"))
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }
}

/// Why an account, endpoint, connection string or container URL was not understood; never holds what was secret in it.
package struct AccountError: Error, Sendable, Hashable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}
