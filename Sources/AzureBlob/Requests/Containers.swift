internal import BlobStorage

extension StorageRequest {
    static func listContainers(_ query: ContainerQuery, after marker: ListMarker?) -> StorageRequest {
        var request = StorageRequest(operation: .listContainers, method: .get)
        request.query = [QueryItem("comp", "list")]
        if !query.prefix.isEmpty { request.query.append(QueryItem("prefix", query.prefix)) }
        if let marker { request.query.append(QueryItem("marker", marker.text)) }
        if let size = query.pageSize { request.query.append(QueryItem("maxresults", "\(size)")) }
        if query.includesMetadata { request.query.append(QueryItem("include", "metadata")) }
        return request
    }

    static func createContainer(_ name: String, metadata: BlobMetadata) -> StorageRequest {
        var request = StorageRequest(operation: .createContainer, method: .put, container: name)
        request.query = [QueryItem("restype", "container")]
        request.contentLength = 0
        request.add(metadata)
        return request
    }

    static func properties(ofContainer name: String) -> StorageRequest {
        var request = StorageRequest(operation: .getContainerProperties, method: .head, container: name)
        request.query = [QueryItem("restype", "container")]
        return request
    }

    static func setMetadata(_ metadata: BlobMetadata, ofContainer name: String) -> StorageRequest {
        var request = StorageRequest(operation: .setContainerMetadata, method: .put, container: name)
        request.query = [QueryItem("restype", "container"), QueryItem("comp", "metadata")]
        request.contentLength = 0
        request.add(metadata)
        return request
    }

    /// Of the conditions this operation takes those about dates only.
    static func deleteContainer(_ name: String, unmodifiedSince: Int64?) -> StorageRequest {
        var request = StorageRequest(operation: .deleteContainer, method: .delete, container: name)
        request.query = [QueryItem("restype", "container")]
        if let unmodifiedSince { request.add("If-Unmodified-Since", HTTPDate.format(unmodifiedSince)) }
        return request
    }
}
