internal import BlobStorage

/// A blob as `MemoryStore` keeps it.
struct StoredBlob: Sendable {
    /// A piece of the content that has a block id.
    struct StoredBlock: Sendable {
        var id: BlockID
        var bytes: [UInt8]
    }

    /// `nil` as long as there are only uncommitted blocks.
    var committed: Committed?
    /// In order of arrival.
    var uncommitted: [StoredBlock] = []

    struct Committed: Sendable {
        var properties: BlobProperties
        var bytes: [UInt8]
        var blocks: [StoredBlock] = []

        /// Refuses, as there is nobody who has the customer's key.
        func readable(_ failures: Failures) throws(StorageError) -> Committed {
            guard properties.encryptionKeySHA256 == nil else {
                throw failures(.encrypted, 409, "BlobUsesCustomerSpecifiedEncryption")
            }
            return self
        }
    }

    /// The length that the ids of all blocks share, in base64 characters.
    var blockIDCount: Int? { (uncommitted.first ?? committed?.blocks.first)?.id.base64.utf8.count }
}

/// How a listing behaves, within what the service allows itself.
package struct ListingHabits: Sendable {
    /// No page has more entries than this, whatever was asked for.
    package var pageSizeMax = 5_000
    /// Every other page is empty, and there is more.
    package var insertsEmptyPages = false
    /// A prefix at the end of a page comes again on the next.
    package var repeatsPrefixes = false
    /// Within a page all prefixes come before all blobs.
    package var sendsPrefixesFirst = false
    /// By UTF-16 code units, in which characters beyond U+FFFF come before U+E000.
    package var ordersByUTF16 = false

    package init(
        pageSizeMax: Int = 5_000,
        insertsEmptyPages: Bool = false,
        repeatsPrefixes: Bool = false,
        sendsPrefixesFirst: Bool = false,
        ordersByUTF16: Bool = false
    ) {
        self.pageSizeMax = pageSizeMax
        self.insertsEmptyPages = insertsEmptyPages
        self.repeatsPrefixes = repeatsPrefixes
        self.sendsPrefixesFirst = sendsPrefixesFirst
        self.ordersByUTF16 = ordersByUTF16
    }

    func precedes(_ one: String, _ other: String) -> Bool {
        guard ordersByUTF16 else { return one.utf8.lexicographicallyPrecedes(other.utf8) }
        return one.utf16.lexicographicallyPrecedes(other.utf16)
    }
}
