/// The Blob service: accounts and what they hold, and the way of a request from its head to its answer.
final class Service: Sendable {
    let accounts: [String: AccountState]
    let clock: EmulatorClock
    let etags: ETagSource
    let content: ContentStore
    let journal: Journal?
    let faults: FaultScript
    let authorizer: Authorizer
    let counters = CounterTable()

    init(
        accounts: [String: AccountState],
        clock: EmulatorClock,
        etags: ETagSource,
        content: ContentStore,
        journal: Journal?,
        faults: FaultScript
    ) {
        (self.accounts, self.clock, self.etags) = (accounts, clock, etags)
        (self.content, self.journal, self.faults) = (content, journal, faults)
        authorizer = Authorizer(bearers: BearerTokens())
    }

    /// Works out what a request is about.
    func exchange(for head: RequestHead, body: any RequestBody, origin: RequestOrigin) throws(Failure) -> Exchange {
        guard let query = QueryParameters(head.query) else { throw .code(.invalidUri) }
        let host = head.headers["host"] ?? origin.host
        let restype = query["restype"]?.lowercased()
        let address = try ResourceAddress(
            path: head.path,
            host: host,
            isContainerLevel: restype == "container" || restype == "account" || query["resource"] == "filesystem",
            accounts: accounts
        )
        let version = try version(head, query, origin)
        let operation = try Operation(head, query, address)
        return Exchange(
            head: head,
            query: query,
            address: address,
            operation: operation,
            version: version,
            requestID: origin.requestID,
            now: origin.now,
            body: body,
            peer: origin.peer,
            host: host
        )
    }

    /// `x-ms-version`; without it that of the batch around the request, or the token's, or the oldest.
    private func version(
        _ head: RequestHead,
        _ query: QueryParameters,
        _ origin: RequestOrigin
    ) throws(Failure) -> ServiceVersion {
        if let text = head.headers.nonEmpty("x-ms-version") {
            guard let version = ServiceVersion(text) else { throw .invalidHeader("x-ms-version", text) }
            return version
        }
        if let version = origin.version { return version }
        if let text = query.nonEmpty("sv") { return ServiceVersion(text) ?? .oldest }
        guard head.headers["authorization"] == nil else { throw .missingHeader("x-ms-version") }
        return .oldest
    }

    /// Serves a request that has been found allowed.
    func handle(_ exchange: Exchange) throws(Failure) -> Response {
        switch exchange.operation {
        case .listContainers: try listContainers(exchange)
        case .getServiceProperties: try getServiceProperties(exchange)
        case .setServiceProperties: try setServiceProperties(exchange)
        case .getServiceStats: try getServiceStats(exchange)
        case .getUserDelegationKey: try getUserDelegationKey(exchange)
        case .getAccountInformation: try getAccountInformation(exchange)
        case .blobBatch: try blobBatch(exchange)
        case .createContainer: try createContainer(exchange)
        case .getContainerProperties: try getContainerProperties(exchange)
        case .getContainerMetadata: try getContainerMetadata(exchange)
        case .setContainerMetadata: try setContainerMetadata(exchange)
        case .getContainerACL: try getContainerACL(exchange)
        case .setContainerACL: try setContainerACL(exchange)
        case .leaseContainer: try leaseContainer(exchange)
        case .deleteContainer: try deleteContainer(exchange)
        case .listBlobs: try listBlobs(exchange)
        case .getBlob: try getBlob(exchange)
        case .getBlobProperties: try getBlobProperties(exchange)
        case .getBlobMetadata: try getBlobMetadata(exchange)
        case .getBlobTags: try getBlobTags(exchange)
        case .getBlockList: try getBlockList(exchange)
        case .putBlob: try putBlob(exchange)
        case .putBlobFromURL: try putBlobFromURL(exchange)
        case .putBlock: try putBlock(exchange)
        case .putBlockFromURL: try putBlockFromURL(exchange)
        case .putBlockList: try putBlockList(exchange)
        case .appendBlock: try appendBlock(exchange)
        case .appendBlockFromURL: try appendBlockFromURL(exchange)
        case .sealAppendBlob: try sealAppendBlob(exchange)
        case .putPage: try putPage(exchange)
        case .copyBlob: try copyBlob(exchange)
        case .copyBlobFromURL: try copyBlobFromURL(exchange)
        case .abortCopyBlob: try abortCopyBlob(exchange)
        case .setBlobMetadata: try setBlobMetadata(exchange)
        case .setBlobProperties: try setBlobProperties(exchange)
        case .setBlobTier: try setBlobTier(exchange)
        case .setBlobTags: try setBlobTags(exchange)
        case .leaseBlob: try leaseBlob(exchange)
        case .snapshotBlob: try snapshotBlob(exchange)
        case .deleteBlob: try deleteBlob(exchange)
        case .undeleteBlob: try undeleteBlob(exchange)
        case .setImmutabilityPolicy: try setImmutabilityPolicy(exchange)
        case .deleteImmutabilityPolicy: try deleteImmutabilityPolicy(exchange)
        case .setLegalHold: try setLegalHold(exchange)
        case .listFilesystems: try listFilesystems(exchange)
        case .createFilesystem: try createFilesystem(exchange)
        case .deleteFilesystem: try deleteContainer(exchange)
        case .getFilesystemProperties: try getFilesystemProperties(exchange)
        case .setFilesystemProperties: try setFilesystemProperties(exchange)
        case .listPaths: try listPaths(exchange)
        case .createPath: try createPath(exchange)
        case .renamePath: try renamePath(exchange)
        case .deletePath: try deletePath(exchange)
        case .getPathProperties: try getPathProperties(exchange)
        case .readPath: try getBlob(exchange)
        case .updatePath: try updatePath(exchange)
        case .leasePath: try leaseBlob(exchange)
        }
    }
}

/// Where a request comes from, and what it inherits.
struct RequestOrigin {
    var peer: String
    var requestID: String
    var now: Timestamp
    /// Of the batch around it.
    var version: ServiceVersion?
    var host = ""
}
