/// A checksum that travels with a body, so that the service refuses bytes that changed on the way.
package enum BodyChecksum: Sendable, Hashable {
    case none
    /// `Content-MD5`, 16 bytes.
    case md5([UInt8])
    /// `x-ms-content-crc64`: Azure's CRC-64 (polynomial 0x9A6C9329AC4BC9B5 reflected), sent little-endian.
    case crc64(UInt64)
}

/// Bytes to send. They are read when the transport wants them, and again for a retry: they must not change meanwhile.
package struct UploadBody: Sendable {
    package let byteCount: Int
    package let checksum: BodyChecksum
    /// Copies bytes from `offset` on into the buffer and says how many; called on the transport's thread, so it reads
    /// memory or a local file's page cache. `nil` when the bytes cannot be read.
    package let read: @Sendable (_ offset: Int, _ buffer: UnsafeMutableRawBufferPointer) -> Int?

    package init(
        byteCount: Int,
        checksum: BodyChecksum,
        read: @escaping @Sendable (_ offset: Int, _ buffer: UnsafeMutableRawBufferPointer) -> Int?
    ) {
        self.byteCount = byteCount
        self.checksum = checksum
        self.read = read
    }

    package init(_ bytes: [UInt8], checksum: BodyChecksum = .none) {
        self.init(byteCount: bytes.count, checksum: checksum) { offset, buffer in
            let count = min(buffer.count, bytes.count - offset)
            bytes.withUnsafeBytes {
                buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[offset..<offset + count]))
            }
            return count
        }
    }

    package static let empty = UploadBody([])
}

/// What a commit stores beside the bytes. A commit replaces all of it: what is not given is cleared.
package struct BlobHeaders: Sendable, Hashable {
    package var contentType: String?
    package var contentEncoding: String?
    package var contentLanguage: String?
    package var contentDisposition: String?
    package var cacheControl: String?
    /// MD5 of the whole blob, base64; stored as given, not checked by Put Block List.
    package var contentMD5: String?
    package var metadata: BlobMetadata

    package init(contentType: String? = nil, contentMD5: String? = nil, metadata: BlobMetadata = [:]) {
        self.contentType = contentType
        self.contentMD5 = contentMD5
        self.metadata = metadata
    }

    /// The headers that a blob has, to be sent again with a commit that changes only its bytes.
    package init(of properties: BlobProperties) {
        contentType = properties.contentType
        contentEncoding = properties.contentEncoding
        contentLanguage = properties.contentLanguage
        contentDisposition = properties.contentDisposition
        cacheControl = properties.cacheControl
        contentMD5 = properties.contentMD5
        metadata = properties.metadata
    }
}

/// The name of a block within its blob: base64; all ids of one blob, committed or not, have one length.
package struct BlockID: Hashable, Sendable {
    package let base64: String

    package init(base64: String) { self.base64 = base64 }
}

/// One element of a block list to commit.
package enum BlockReference: Sendable, Hashable {
    case latest(BlockID)
    case committed(BlockID)
    case uncommitted(BlockID)
}

/// A block as Get Block List shows it.
package struct Block: Sendable, Hashable {
    package var id: BlockID
    package var byteCount: UInt64

    package init(id: BlockID, byteCount: UInt64) {
        self.id = id
        self.byteCount = byteCount
    }
}

/// Get Block List. A blob that came from one Put Blob shows no blocks.
package struct BlockList: Sendable {
    /// In the blob's order.
    package var committed: [Block]
    package var uncommitted: [Block]
    /// `nil` when nothing was committed yet.
    package var version: BlobVersion?

    package init(committed: [Block], uncommitted: [Block], version: BlobVersion?) {
        self.committed = committed
        self.uncommitted = uncommitted
        self.version = version
    }
}

/// The answer to Append Block.
package struct AppendResult: Sendable {
    package var version: BlobVersion
    /// Where the bytes landed.
    package var offset: UInt64
    package var committedBlockCount: Int

    package init(version: BlobVersion, offset: UInt64, committedBlockCount: Int) {
        self.version = version
        self.offset = offset
        self.committedBlockCount = committedBlockCount
    }
}
