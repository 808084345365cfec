/// The three kinds of blob; a blob keeps its kind until it is deleted.
package enum BlobType: String, Sendable, Hashable {
    case block = "BlockBlob"
    case append = "AppendBlob"
    case page = "PageBlob"
}

/// What identifies the bytes of a blob: from a HEAD, a listing, or a commit.
package struct BlobVersion: Sendable, Hashable {
    package var etag: ETag
    /// Seconds since the epoch; the service keeps no fraction.
    package var lastModified: Int64

    package init(etag: ETag, lastModified: Int64) {
        self.etag = etag
        self.lastModified = lastModified
    }
}

/// What Get Blob Properties and List Blobs tell of a blob.
package struct BlobProperties: Sendable, Hashable {
    package var version: BlobVersion
    package var length: UInt64
    package var type: BlobType
    /// Seconds since the epoch.
    package var creationTime: Int64?
    package var contentType: String?
    package var contentEncoding: String?
    package var contentLanguage: String?
    package var contentDisposition: String?
    package var cacheControl: String?
    /// The MD5 of the whole blob that its writer stored, base64; the service does not check it for block lists.
    package var contentMD5: String?
    package var accessTier: String?
    /// `rehydrate-pending-to-…` while an archived blob is on its way back.
    package var archiveStatus: String?
    package var leaseState: String?
    /// `pending` while an asynchronous copy fills the blob.
    package var copyStatus: String?
    /// Append blobs: blocks so far, of at most 50,000. HEAD only.
    package var committedBlockCount: Int?
    package var isSealed: Bool
    /// The SHA-256 of the customer's key, when the blob is encrypted with one.
    package var encryptionKeySHA256: String?
    /// A directory of an account with a hierarchical namespace.
    package var isDirectory: Bool
    package var metadata: BlobMetadata

    package init(
        version: BlobVersion,
        length: UInt64,
        type: BlobType = .block,
        creationTime: Int64? = nil,
        contentType: String? = nil,
        contentMD5: String? = nil,
        metadata: BlobMetadata = [:]
    ) {
        self.version = version
        self.length = length
        self.type = type
        self.creationTime = creationTime
        self.contentType = contentType
        self.contentMD5 = contentMD5
        self.isSealed = false
        self.isDirectory = false
        self.metadata = metadata
    }

    package var isArchived: Bool { accessTier == "Archive" }
}

/// What Get Container Properties and List Containers tell of a container.
package struct ContainerProperties: Sendable, Hashable {
    package var name: String
    package var version: BlobVersion
    package var metadata: BlobMetadata

    package init(name: String, version: BlobVersion, metadata: BlobMetadata) {
        self.name = name
        self.version = version
        self.metadata = metadata
    }
}

extension BlobProperties {
    /// Of a copy of this blob: what a copy takes over, and nothing of what belongs to the source alone.
    package func copied(as version: BlobVersion, metadata: BlobMetadata) -> BlobProperties {
        var copy = BlobProperties(
            version: version,
            length: length,
            type: type == .append ? .block : type,
            contentType: contentType,
            contentMD5: contentMD5,
            metadata: metadata
        )
        copy.contentEncoding = contentEncoding
        copy.contentLanguage = contentLanguage
        copy.contentDisposition = contentDisposition
        copy.cacheControl = cacheControl
        copy.encryptionKeySHA256 = encryptionKeySHA256
        return copy
    }
}
