internal import BlobStorage

extension BlobProperties {
    /// From the answer to Get Blob Properties (HEAD): `Content-Length` is the blob's. `nil` if it says too little.
    init?(head: ResponseHead) {
        guard let version = head.version, let length = head.contentLength else { return nil }
        self.init(head, version, length: length, contentMD5: head["content-md5"])
    }

    /// From the answer to Get Blob for a range, of a blob of this length: `Content-Length` is the range's there, and so is
    /// `Content-MD5`, unless the server does not know ranges. No tier is told.
    init?(rangeHead head: ResponseHead, length: UInt64) {
        guard let version = head.version else { return nil }
        let contentMD5 = head.status == 206 ? head["x-ms-blob-content-md5"] : head["content-md5"]
        self.init(head, version, length: length, contentMD5: contentMD5)
    }

    private init(_ head: ResponseHead, _ version: BlobVersion, length: UInt64, contentMD5: String?) {
        self.init(
            version: version,
            length: length,
            type: head["x-ms-blob-type"].flatMap(BlobType.init) ?? .block,
            creationTime: head["x-ms-creation-time"].flatMap { HTTPDate.parse($0) },
            contentType: head["content-type"],
            contentMD5: contentMD5,
            metadata: head.metadata
        )
        contentEncoding = head["content-encoding"]
        contentLanguage = head["content-language"]
        contentDisposition = head["content-disposition"]
        cacheControl = head["cache-control"]
        accessTier = head["x-ms-access-tier"]
        archiveStatus = head["x-ms-archive-status"]
        leaseState = head["x-ms-lease-state"]
        copyStatus = head["x-ms-copy-status"]
        committedBlockCount = head["x-ms-blob-committed-block-count"].flatMap { Int($0) }
        isSealed = head["x-ms-blob-sealed"] == "true"
        encryptionKeySHA256 = head["x-ms-encryption-key-sha256"]
        isDirectory = head["x-ms-resource-type"] == "directory"
    }
}
