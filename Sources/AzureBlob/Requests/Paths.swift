internal import BlobStorage
internal import Checksums

/// Requests of the Data Lake endpoint, and the one that tells whether an account has directories.
extension StorageRequest {
    /// Get Account Information: of the account, or with the rights to one container.
    static func accountInformation(container: String?) -> StorageRequest {
        var request = StorageRequest(operation: .getAccountInformation, method: .get, container: container)
        request.query = [QueryItem("restype", "account"), QueryItem("comp", "properties")]
        return request
    }

    /// List Blobs with what only a hierarchical namespace has: a flat account refuses it.
    static func listPermissions(container: String) -> StorageRequest {
        var request = StorageRequest(operation: .listBlobs, method: .get, container: container)
        request.query = [
            QueryItem("restype", "container"), QueryItem("comp", "list"), QueryItem("maxresults", "1"),
            QueryItem("include", "permissions"),
        ]
        return request
    }

    /// Path Create: an empty directory where nothing is.
    static func createDirectory(_ directory: BlobAddress, metadata: BlobMetadata) -> StorageRequest {
        var request = onPath(.createPath, .put, directory)
        request.query = [QueryItem("resource", "directory")]
        request.contentLength = 0
        let properties = metadata.items.map { "\($0.name)=\(Base64.encode(Array($0.value.utf8)))" }
        if !properties.isEmpty { request.add("x-ms-properties", properties.joined(separator: ",")) }
        request.add(.absent)
        return request
    }

    /// Path Create with a source. `posix`, the default of the interface: a file never takes a directory's place.
    static func renamePath(
        _ source: BlobAddress,
        sourceCondition: VersionCondition,
        to destination: BlobAddress,
        condition: VersionCondition,
        continuation: String?
    ) -> StorageRequest {
        var request = onPath(.renamePath, .put, destination)
        request.query = [QueryItem("mode", "posix")]
        if let continuation { request.query.append(QueryItem("continuation", continuation)) }
        request.contentLength = 0
        request.renameSource = source
        request.add(source: sourceCondition)
        request.add(condition)
        return request
    }

    /// Path Delete.
    static func deletePath(_ path: BlobAddress, recursively: Bool, continuation: String?) -> StorageRequest {
        var request = onPath(.deletePath, .delete, path)
        request.query = [QueryItem("recursive", recursively ? "true" : "false")]
        if let continuation { request.query.append(QueryItem("continuation", continuation)) }
        return request
    }

    private static func onPath(
        _ operation: StorageOperation,
        _ method: HTTPMethod,
        _ path: BlobAddress
    ) -> StorageRequest {
        var request = StorageRequest(
            operation: operation,
            method: method,
            container: path.container,
            blob: path.name
        )
        request.isForDataLake = true
        return request
    }
}
