internal import BlobStorage

extension StorageRequest {
    static func putBlob(
        _ blob: BlobAddress,
        byteCount: Int,
        checksum: BodyChecksum,
        headers: BlobHeaders,
        condition: VersionCondition
    ) -> StorageRequest {
        var request = StorageRequest(operation: .putBlob, method: .put, container: blob.container, blob: blob.name)
        request.contentLength = byteCount
        request.add("x-ms-blob-type", BlobType.block.rawValue)
        if byteCount > 0 { request.add("Content-Type", "application/octet-stream") }
        request.add(checksum)
        request.add(contentOf: headers)
        request.add(headers.metadata)
        request.add(condition)
        return request
    }

    static func createAppendBlob(
        _ blob: BlobAddress,
        headers: BlobHeaders,
        condition: VersionCondition
    ) -> StorageRequest {
        var request = StorageRequest(operation: .putBlob, method: .put, container: blob.container, blob: blob.name)
        request.contentLength = 0
        request.add("x-ms-blob-type", BlobType.append.rawValue)
        request.add(contentOf: headers)
        request.add(headers.metadata)
        request.add(condition)
        return request
    }

    static func appendBlock(
        to blob: BlobAddress,
        at position: UInt64,
        byteCount: Int,
        checksum: BodyChecksum
    ) -> StorageRequest {
        var request = StorageRequest(operation: .appendBlock, method: .put, container: blob.container, blob: blob.name)
        request.query = [QueryItem("comp", "appendblock")]
        request.contentLength = byteCount
        request.add("x-ms-blob-condition-appendpos", "\(position)")
        request.add("Content-Type", "application/octet-stream")
        request.add(checksum)
        return request
    }
}
