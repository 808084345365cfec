internal import BlobStorage

extension StorageRequest {
    static func properties(of blob: BlobAddress, condition: VersionCondition = .any) -> StorageRequest {
        var request = StorageRequest(
            operation: .getBlobProperties,
            method: .head,
            container: blob.container,
            blob: blob.name
        )
        request.add(condition)
        return request
    }

    /// Get Blob for a range that is not empty. `x-ms-range` wins over `Range` and is signed with the other `x-ms-*`.
    static func getBlob(
        _ blob: BlobAddress,
        range: Range<UInt64>,
        condition: VersionCondition,
        verification: RangeVerification
    ) -> StorageRequest {
        var request = StorageRequest(operation: .getBlob, method: .get, container: blob.container, blob: blob.name)
        request.add("x-ms-range", "bytes=\(range.lowerBound)-\(range.upperBound - 1)")
        switch verification {
        case .none: break
        case .crc64, .offered: request.add("x-ms-range-get-content-crc64", "true")
        case .md5: request.add("x-ms-range-get-content-md5", "true")
        }
        request.add(condition)
        return request
    }
}
