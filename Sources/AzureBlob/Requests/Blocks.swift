internal import BlobStorage

extension StorageRequest {
    static func putBlock(
        _ id: BlockID,
        of blob: BlobAddress,
        byteCount: Int,
        checksum: BodyChecksum
    ) -> StorageRequest {
        var request = StorageRequest(operation: .putBlock, method: .put, container: blob.container, blob: blob.name)
        request.query = [QueryItem("comp", "block"), QueryItem("blockid", id.base64)]
        request.contentLength = byteCount
        request.add("Content-Type", "application/octet-stream")
        request.add(checksum)
        return request
    }

    static func putBlockFromURL(
        _ id: BlockID,
        of blob: BlobAddress,
        from source: BlobAddress,
        range: Range<UInt64>,
        sourceCondition: VersionCondition
    ) -> StorageRequest {
        var request = StorageRequest(
            operation: .putBlockFromURL,
            method: .put,
            container: blob.container,
            blob: blob.name
        )
        request.query = [QueryItem("comp", "block"), QueryItem("blockid", id.base64)]
        request.contentLength = 0
        request.source = source
        request.add("x-ms-source-range", "bytes=\(range.lowerBound)-\(range.upperBound - 1)")
        request.add(source: sourceCondition)
        return request
    }

    /// The body is `BlockListXML.text`, of this length. Without a checksum a damaged list is one that makes no sense, or
    /// worse, one that does.
    static func putBlockList(
        of blob: BlobAddress,
        byteCount: Int,
        checksum: BodyChecksum,
        headers: BlobHeaders,
        condition: VersionCondition
    ) -> StorageRequest {
        var request = StorageRequest(operation: .putBlockList, method: .put, container: blob.container, blob: blob.name)
        request.query = [QueryItem("comp", "blocklist")]
        request.contentLength = byteCount
        request.add("Content-Type", "application/xml")
        request.add(checksum)
        request.add(contentOf: headers)
        request.add(headers.metadata)
        request.add(condition)
        return request
    }

    static func blockList(of blob: BlobAddress) -> StorageRequest {
        var request = StorageRequest(operation: .getBlockList, method: .get, container: blob.container, blob: blob.name)
        request.query = [QueryItem("comp", "blocklist"), QueryItem("blocklisttype", "all")]
        return request
    }
}

/// The body of Put Block List.
enum BlockListXML {
    /// Ids are base64 and need no escaping.
    static func text(_ blocks: [BlockReference]) -> String {
        var text = "<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList>"
        for block in blocks {
            switch block {
            case .latest(let id): text += "<Latest>\(id.base64)</Latest>"
            case .committed(let id): text += "<Committed>\(id.base64)</Committed>"
            case .uncommitted(let id): text += "<Uncommitted>\(id.base64)</Uncommitted>"
            }
        }
        return text + "</BlockList>"
    }
}
