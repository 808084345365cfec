/// The operations of the REST interface that this server knows, by their names in its reference.
enum Operation: String, CaseIterable, Sendable {
    case listContainers = "List Containers"
    case getServiceProperties = "Get Blob Service Properties"
    case setServiceProperties = "Set Blob Service Properties"
    case getServiceStats = "Get Blob Service Stats"
    case getUserDelegationKey = "Get User Delegation Key"
    case getAccountInformation = "Get Account Information"
    case blobBatch = "Blob Batch"

    case createContainer = "Create Container"
    case getContainerProperties = "Get Container Properties"
    case getContainerMetadata = "Get Container Metadata"
    case setContainerMetadata = "Set Container Metadata"
    case getContainerACL = "Get Container ACL"
    case setContainerACL = "Set Container ACL"
    case leaseContainer = "Lease Container"
    case deleteContainer = "Delete Container"
    case listBlobs = "List Blobs"

    case getBlob = "Get Blob"
    case getBlobProperties = "Get Blob Properties"
    case getBlobMetadata = "Get Blob Metadata"
    case getBlobTags = "Get Blob Tags"
    case getBlockList = "Get Block List"
    case putBlob = "Put Blob"
    case putBlobFromURL = "Put Blob From URL"
    case putBlock = "Put Block"
    case putBlockFromURL = "Put Block From URL"
    case putBlockList = "Put Block List"
    case appendBlock = "Append Block"
    case appendBlockFromURL = "Append Block From URL"
    case sealAppendBlob = "Append Blob Seal"
    case putPage = "Put Page"
    case copyBlob = "Copy Blob"
    case copyBlobFromURL = "Copy Blob From URL"
    case abortCopyBlob = "Abort Copy Blob"
    case setBlobMetadata = "Set Blob Metadata"
    case setBlobProperties = "Set Blob Properties"
    case setBlobTier = "Set Blob Tier"
    case setBlobTags = "Set Blob Tags"
    case leaseBlob = "Lease Blob"
    case snapshotBlob = "Snapshot Blob"
    case deleteBlob = "Delete Blob"
    case undeleteBlob = "Undelete Blob"
    case setImmutabilityPolicy = "Set Blob Immutability Policy"
    case deleteImmutabilityPolicy = "Delete Blob Immutability Policy"
    case setLegalHold = "Set Blob Legal Hold"

    // The Data Lake endpoint.
    case listFilesystems = "Filesystem List"
    case createFilesystem = "Filesystem Create"
    case deleteFilesystem = "Filesystem Delete"
    case getFilesystemProperties = "Filesystem Get Properties"
    case setFilesystemProperties = "Filesystem Set Properties"
    case listPaths = "Path List"
    case createPath = "Path Create"
    /// Path Create with a source, counted apart.
    case renamePath = "Path Rename"
    case deletePath = "Path Delete"
    case getPathProperties = "Path Get Properties"
    case readPath = "Path Read"
    case updatePath = "Path Update"
    case leasePath = "Path Lease"

    /// The operation that a request names by its method, `restype`, `comp` and a few headers.
    init(_ head: RequestHead, _ query: QueryParameters, _ address: ResourceAddress) throws(Failure) {
        let target = address.target
        if let operation = Self.onPath(head, query, address) {
            self = operation
            return
        }
        let comp = query["comp"]?.lowercased() ?? ""
        let restype = query["restype"]?.lowercased() ?? ""
        if restype == "account", comp == "properties", head.method == "GET" || head.method == "HEAD" {
            self = .getAccountInformation
            return
        }
        let found: [String: Operation]?
        switch target {
        case .account: found = Self.onAccount(restype: restype, comp: comp)
        case .container: found = Self.onContainer(comp: comp)
        case .blob: found = Self.onBlob(comp: comp, headers: head.headers)
        }
        guard let found else { throw .invalidParameter("comp", comp) }
        guard let operation = found[head.method] else { throw .code(.unsupportedHttpVerb) }
        self = operation
    }

    /// What a request is addressed to.
    enum Target: Sendable {
        case account, container, blob
    }

    private static func onAccount(restype: String, comp: String) -> [String: Operation]? {
        switch (restype, comp) {
        case ("", "list"): ["GET": .listContainers]
        case ("", "batch"): ["POST": .blobBatch]
        case ("service", "properties"): ["GET": .getServiceProperties, "PUT": .setServiceProperties]
        case ("service", "stats"): ["GET": .getServiceStats]
        case ("service", "userdelegationkey"): ["POST": .getUserDelegationKey]
        default: nil
        }
    }

    private static func onContainer(comp: String) -> [String: Operation]? {
        switch comp {
        case "":
            [
                "PUT": .createContainer, "GET": .getContainerProperties, "HEAD": .getContainerProperties,
                "DELETE": .deleteContainer,
            ]
        case "metadata":
            ["GET": .getContainerMetadata, "HEAD": .getContainerMetadata, "PUT": .setContainerMetadata]
        case "acl": ["GET": .getContainerACL, "HEAD": .getContainerACL, "PUT": .setContainerACL]
        case "lease": ["PUT": .leaseContainer]
        case "list": ["GET": .listBlobs]
        case "batch": ["POST": .blobBatch]
        default: nil
        }
    }

    private static func onBlob(comp: String, headers: HeaderFields) -> [String: Operation]? {
        let hasSource = headers["x-ms-copy-source"] != nil
        switch comp {
        case "":
            let put: Operation =
                if !hasSource {
                    .putBlob
                } else if headers["x-ms-blob-type"] != nil {
                    .putBlobFromURL
                } else {
                    headers.isTrue("x-ms-requires-sync") ? .copyBlobFromURL : .copyBlob
                }
            return ["GET": .getBlob, "HEAD": .getBlobProperties, "DELETE": .deleteBlob, "PUT": put]
        case "metadata": return ["GET": .getBlobMetadata, "HEAD": .getBlobMetadata, "PUT": .setBlobMetadata]
        case "properties": return ["PUT": .setBlobProperties]
        case "block": return ["PUT": hasSource ? .putBlockFromURL : .putBlock]
        case "blocklist": return ["PUT": .putBlockList, "GET": .getBlockList]
        case "appendblock": return ["PUT": hasSource ? .appendBlockFromURL : .appendBlock]
        case "seal": return ["PUT": .sealAppendBlob]
        case "page": return ["PUT": .putPage]
        case "copy": return ["PUT": .abortCopyBlob]
        case "tier": return ["PUT": .setBlobTier]
        case "tags": return ["GET": .getBlobTags, "PUT": .setBlobTags]
        case "lease": return ["PUT": .leaseBlob]
        case "snapshot": return ["PUT": .snapshotBlob]
        case "undelete": return ["PUT": .undeleteBlob]
        case "immutabilitypolicies": return ["PUT": .setImmutabilityPolicy, "DELETE": .deleteImmutabilityPolicy]
        case "legalhold": return ["PUT": .setLegalHold]
        default: return nil
        }
    }
}
