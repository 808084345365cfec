/// One request on its way to its answer: all that a handler may look at.
struct Exchange {
    let head: RequestHead
    let query: QueryParameters
    let address: ResourceAddress
    let operation: Operation
    let version: ServiceVersion
    let requestID: String
    /// When the request came in; all that one request changes bears this time.
    let now: Timestamp
    let body: any RequestBody
    /// The client's address.
    let peer: String
    /// `host:port` by which the client reached the server.
    let host: String
    var faults = FaultPlan()
    var grant: Grant = .anonymous

    var headers: HeaderFields { head.headers }
    var isHead: Bool { head.method == "HEAD" }

    func container() throws(Failure) -> Container {
        guard let name = address.container else { throw .code(.invalidUri) }
        return try address.account.container(name)
    }

    func blobName() throws(Failure) -> Name {
        guard let name = address.blob else { throw .code(.invalidUri) }
        return name
    }

    /// The lease id that the request presents.
    func leaseID() throws(Failure) -> String? {
        guard let text = headers.nonEmpty("x-ms-lease-id") else { return nil }
        guard let id = normalizedGUID(text) else { throw .invalidHeader("x-ms-lease-id", text) }
        return id
    }

    /// The snapshot that the request names.
    func snapshotTime() throws(Failure) -> Timestamp? {
        guard let text = query.nonEmpty("snapshot") else { return nil }
        guard let time = Timestamp(iso8601: text) else { throw .invalidParameter("snapshot", text) }
        return time
    }
}
