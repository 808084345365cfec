internal import BlobStorage

extension StorageRequest {
    static func listBlobs(_ query: BlobQuery, after marker: ListMarker?) -> StorageRequest {
        var request = StorageRequest(operation: .listBlobs, method: .get, container: query.container)
        request.query = [QueryItem("restype", "container"), QueryItem("comp", "list")]
        if !query.prefix.isEmpty { request.query.append(QueryItem("prefix", query.prefix)) }
        if let delimiter = query.delimiter { request.query.append(QueryItem("delimiter", delimiter)) }
        if let marker { request.query.append(QueryItem("marker", marker.text)) }
        if let size = query.pageSize { request.query.append(QueryItem("maxresults", "\(size)")) }
        // One parameter with commas: how repeated ones are signed differs between servers.
        var include: [String] = []
        if query.includesMetadata { include.append("metadata") }
        if query.includesUncommitted { include.append("uncommittedblobs") }
        if !include.isEmpty { request.query.append(QueryItem("include", include.joined(separator: ","))) }
        return request
    }
}
