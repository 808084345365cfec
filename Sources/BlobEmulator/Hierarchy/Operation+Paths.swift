/// Requests of the Data Lake endpoint. On a host of its own everything is one; in path style, where SDKs send both kinds
/// to one place, the parameters that only these have tell them apart.
extension Operation {
    static func onPath(_ head: RequestHead, _ query: QueryParameters, _ address: ResourceAddress) -> Operation? {
        let resource = query["resource"]?.lowercased()
        switch address.target {
        case .account: return resource == "account" && head.method == "GET" ? .listFilesystems : nil
        case .container:
            // Without `resource`, the root directory of the filesystem.
            if resource == nil {
                return query["action"] == nil ? nil : head.method == "PATCH" ? .updatePath : .getPathProperties
            }
            guard resource == "filesystem" else { return nil }
            return [
                "GET": .listPaths, "HEAD": .getFilesystemProperties, "PUT": .createFilesystem,
                "DELETE": .deleteFilesystem, "PATCH": .setFilesystemProperties,
            ][head.method]
        case .blob: return onPath(head, query, resource, isDataLake: address.isDataLake)
        }
    }

    private static func onPath(
        _ head: RequestHead,
        _ query: QueryParameters,
        _ resource: String?,
        isDataLake: Bool
    ) -> Operation? {
        switch head.method {
        case "PUT" where head.headers["x-ms-rename-source"] != nil: .renamePath
        case "PUT" where resource != nil: .createPath
        case "PATCH": .updatePath
        case "POST" where head.headers["x-ms-lease-action"] != nil: .leasePath
        case "DELETE" where isDataLake || query["recursive"] != nil: .deletePath
        case "HEAD" where isDataLake || query["action"] != nil: .getPathProperties
        case "GET" where isDataLake: .readPath
        default: nil
        }
    }

    var isOnPath: Bool {
        switch self {
        case .listFilesystems, .createFilesystem, .deleteFilesystem, .getFilesystemProperties,
            .setFilesystemProperties, .listPaths, .createPath, .renamePath, .deletePath, .getPathProperties, .readPath,
            .updatePath, .leasePath:
            true
        default: false
        }
    }
}

extension ServiceError {
    /// The answer as the Data Lake endpoint words it: a JSON document, and its own names for some codes.
    func pathResponse(requestID: String, now: Timestamp, isHead: Bool) -> Response {
        let code = Self.pathCodes[code] ?? code
        var response = Response(status, headers)
        response.set("x-ms-error-code", code)
        guard !isHead, status != 304 else {
            if isHead { response.declaredLength = 0 }
            return response
        }
        let text = "\(message)\nRequestId:\(requestID)\nTime:\(now.iso8601WithFraction)"
        response.set("Content-Type", "application/json;charset=utf-8")
        response.body = .bytes(JSONDocument.bytes(["error": ["code": code, "message": text]]))
        return response
    }

    private static let pathCodes = [
        "BlobNotFound": "PathNotFound", "ContainerNotFound": "FilesystemNotFound",
        "BlobAlreadyExists": "PathAlreadyExists", "ContainerAlreadyExists": "FilesystemAlreadyExists",
    ]
}
