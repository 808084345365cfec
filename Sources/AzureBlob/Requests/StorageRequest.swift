internal import BlobStorage

/// A header to send. Names are compared without regard to case.
struct HTTPHeader: Sendable, Hashable {
    let name: String
    let value: String

    init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }

    /// Header names are ASCII, in which letters differ from their lower case by one bit.
    func hasName(_ other: String) -> Bool {
        name.utf8.count == other.utf8.count && zip(name.utf8, other.utf8).allSatisfy { $0 | 0x20 == $1 | 0x20 }
    }
}

/// One parameter of a query, decoded.
struct QueryItem: Sendable, Hashable {
    let name: String
    let value: String

    init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }
}

/// One request of the Blob service before it is dated and authorized: a value that tests compare whole.
///
/// Building it is a function without effects (the other files of this folder); `RequestAuthorizer` makes an `HTTPRequest` of it.
struct StorageRequest: Sendable, Hashable {
    /// The one version that every request names: in every region, with 4,000 MiB blocks and `x-ms-content-crc64`.
    static let serviceVersion = "2023-11-03"

    var operation: StorageOperation
    var method: HTTPMethod
    /// `nil` addresses the account.
    var container: String?
    /// `nil` addresses the container.
    var blob: String?
    var query: [QueryItem] = []
    /// Without `x-ms-date`, `x-ms-version`, `x-ms-client-request-id`, `Authorization` and `Content-Length`.
    var headers: [HTTPHeader] = []
    /// The body's length; `nil` for methods without a body, 0 for a PUT without one.
    var contentLength: Int?
    /// The blob that the service reads from; its URL and authorization become headers when the request is authorized.
    var source: BlobAddress?
    /// Whether it goes to the account's Data Lake endpoint.
    var isForDataLake = false
    /// The path that gets another name; with its authorization it becomes a header when the request is authorized.
    var renameSource: BlobAddress?
    /// What an unmet condition means: 412 and 409 say `.alreadyExists` for `.absent`.
    var condition: VersionCondition = .any

    /// Container, or container/blob, for errors and logs.
    var resource: String {
        guard let container else { return "account" }
        return blob.map { "\(container)/\($0)" } ?? container
    }

    /// The path under the endpoint, percent-encoded: empty for the account.
    var path: String {
        guard let container else { return "" }
        let path = "/" + PercentEncoding.path(container)
        return blob.map { path + "/" + PercentEncoding.path($0) } ?? path
    }

    /// The query as it is sent, without `?`.
    var encodedQuery: String {
        query.map { "\($0.name)=\(PercentEncoding.queryValue($0.value))" }.joined(separator: "&")
    }
}

enum HTTPMethod: String, Sendable, Hashable {
    case get = "GET"
    case head = "HEAD"
    case put = "PUT"
    case delete = "DELETE"
    case post = "POST"
}

/// The operations of the REST reference that this client uses, by their names there.
package enum StorageOperation: String, Sendable, Hashable, CaseIterable {
    case listContainers = "List Containers"
    case createContainer = "Create Container"
    case getContainerProperties = "Get Container Properties"
    case setContainerMetadata = "Set Container Metadata"
    case deleteContainer = "Delete Container"
    case listBlobs = "List Blobs"
    case getBlobProperties = "Get Blob Properties"
    case getBlob = "Get Blob"
    case putBlob = "Put Blob"
    case putBlock = "Put Block"
    case putBlockFromURL = "Put Block From URL"
    case putBlockList = "Put Block List"
    case getBlockList = "Get Block List"
    case appendBlock = "Append Block"
    case copyBlobFromURL = "Copy Blob From URL"
    case setBlobMetadata = "Set Blob Metadata"
    case setBlobProperties = "Set Blob Properties"
    case deleteBlob = "Delete Blob"
    case blobBatch = "Blob Batch"
    case getAccountInformation = "Get Account Information"
    case createPath = "Path Create"
    /// Path Create with a source.
    case renamePath = "Path Rename"
    case deletePath = "Path Delete"
}
