internal import BlobStorage

extension StorageRequest {
    /// Copy Blob From URL: synchronous, at most 256 MiB. Metadata that is not empty replaces the source's.
    static func copyBlobFromURL(
        from source: BlobAddress,
        to blob: BlobAddress,
        sourceCondition: VersionCondition,
        metadata: BlobMetadata,
        condition: VersionCondition
    ) -> StorageRequest {
        var request = StorageRequest(
            operation: .copyBlobFromURL,
            method: .put,
            container: blob.container,
            blob: blob.name
        )
        request.contentLength = 0
        request.source = source
        request.add("x-ms-requires-sync", "true")
        request.add(source: sourceCondition)
        request.add(metadata)
        request.add(condition)
        return request
    }

    static func setMetadata(
        _ metadata: BlobMetadata,
        of blob: BlobAddress,
        condition: VersionCondition
    ) -> StorageRequest {
        var request = StorageRequest(
            operation: .setBlobMetadata,
            method: .put,
            container: blob.container,
            blob: blob.name
        )
        request.query = [QueryItem("comp", "metadata")]
        request.contentLength = 0
        request.add(metadata)
        request.add(condition)
        return request
    }

    static func setProperties(
        _ headers: BlobHeaders,
        of blob: BlobAddress,
        condition: VersionCondition
    ) -> StorageRequest {
        var request = StorageRequest(
            operation: .setBlobProperties,
            method: .put,
            container: blob.container,
            blob: blob.name
        )
        request.query = [QueryItem("comp", "properties")]
        request.contentLength = 0
        request.add(contentOf: headers)
        request.add(condition)
        return request
    }

    /// With its snapshots: without that header a blob that has some is not deleted.
    static func delete(_ blob: BlobAddress, condition: VersionCondition) -> StorageRequest {
        var request = StorageRequest(
            operation: .deleteBlob,
            method: .delete,
            container: blob.container,
            blob: blob.name
        )
        request.add("x-ms-delete-snapshots", "include")
        request.add(condition)
        return request
    }
}
