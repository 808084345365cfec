/// Path Create, Path Delete, Path Get Properties.
extension Service {
    /// An empty file, or a directory. Over a directory that is there, without a condition, nothing changes but what was
    /// sent along.
    func createPath(_ exchange: Exchange) throws(Failure) -> Response {
        try exchange.requireHierarchy()
        let name = try exchange.blobName()
        let isDirectory: Bool
        switch exchange.query["resource"]?.lowercased() {
        case "directory": isDirectory = true
        case "file": isDirectory = false
        default: throw .invalidParameter("resource", exchange.query["resource"] ?? "")
        }
        var blob = Blob(kind: .block, etag: etags.next(at: exchange.now), modified: exchange.now, created: exchange.now)
        blob.headers = exchange.pathHeaders(over: ContentHeaders())
        blob.metadata = try exchange.pathProperties() ?? Metadata()
        blob.metadata.entries.removeAll { $0.name.lowercased() == Blob.folderMark }
        if isDirectory { blob.metadata.entries.append((Blob.folderMark, "true")) }
        blob.access = try exchange.pathAccess(over: PathAccess(isDirectory: isDirectory), umask: true)
        let made = blob
        let container = try exchange.container()
        try container.withState { (state) throws(Failure) in
            let existing = state.blobs[name]?.current
            do throws(Failure) {
                try Conditions(exchange.headers).checkWrite(existing, existing: .isConflict)
            } catch {
                guard case .refused(let answer) = error, answer.status == 409 else { throw error }
                throw .code(.pathAlreadyExists)
            }
            try state.requirePlace(for: name)
            if let existing {
                // A lease ends with what it was on.
                try existing.requireMutable(at: exchange.now)
                guard exchange.grant.mayOverwrite else { throw .code(.unauthorizedBlobOverwrite) }
                guard existing.isFolder == isDirectory else { throw .code(.pathConflict) }
            }
            retainReplaced(exchange, &state, name)
            state.replace(name, with: made, now: exchange.now)
            if state.lease(of: name) != Lease() { state.commit(.lease(name, Lease())) }
            if state.blobs[name]?.staged != nil { state.commit(.unstaged(name)) }
        }
        return Response(201, blob.versionHeaders + [("x-ms-request-server-encrypted", "true")])
    }

    /// A directory with what is in it only with `recursive=true`. A fault that shortens pages makes it go on with a
    /// continuation; nothing is gone before the last.
    func deletePath(_ exchange: Exchange) throws(Failure) -> Response {
        try exchange.requireHierarchy()
        let name = try exchange.blobName()
        let isRecursive = exchange.query["recursive"]?.lowercased() == "true"
        let conditions = try Conditions(exchange.headers)
        let leaseID = try exchange.leaseID()
        let step = try StepCount(exchange)
        let next: String? = try exchange.container()
            .withState { (state) throws(Failure) in
                guard let blob = state.blobs[name]?.current else {
                    throw .code(conditions.demandsExistence ? .conditionNotMet : .pathNotFound)
                }
                try conditions.checkWrite(blob)
                try state.checkWrite(name, leaseID: leaseID, now: exchange.now)
                if blob.isFolder, state.hasEntries(name) {
                    guard isRecursive else { throw .code(.directoryNotEmpty) }
                    for below in state.names(below: name) {
                        try state.checkWrite(below, leaseID: nil, now: exchange.now)
                    }
                }
                if let next = step.next(of: 1 + state.names(below: name).count) { return next }
                state.removeTree(name)
                return nil
            }
        var response = Response(200)
        response.set("x-ms-continuation", next)
        return response
    }

    func getPathProperties(_ exchange: Exchange) throws(Failure) -> Response {
        try exchange.requireHierarchy()
        let (blob, lease): (Blob, Lease)
        // The root has no name and no entry.
        if exchange.address.blob == nil {
            let created = try exchange.container().withState { (state) throws(Failure) in state.properties }
            (blob, lease) = (Blob.folder(created.etag, at: created.modified), Lease())
        } else {
            (blob, lease) = try readableBlob(exchange, needsKey: false)
        }
        let action = exchange.query["action"]?.lowercased()
        guard action == nil || ["getstatus", "getaccesscontrol", "checkaccess"].contains(action) else {
            throw .invalidParameter("action", action ?? "")
        }
        var response = Response(200, blob.versionHeaders)
        response.set("x-ms-owner", blob.pathAccess.owner)
        response.set("x-ms-group", blob.pathAccess.group)
        response.set("x-ms-permissions", blob.pathAccess.permissions)
        if action == "getaccesscontrol" { response.set("x-ms-acl", blob.pathAccess.acl) }
        response.set("x-ms-resource-type", blob.isFolder ? "directory" : "file")
        if action == nil {
            response.set("x-ms-properties", blob.metadata.pathProperties)
            response.set("Content-Type", blob.headers.type)
            response.set("x-ms-lease-state", lease.state(at: exchange.now).rawValue)
        }
        response.declaredLength = action == nil ? blob.content.length : 0
        return response
    }
}

/// How far an operation on a directory has come whose requests are limited: the paths so far, in its token.
struct StepCount {
    private let done: Int
    private let limit: Int?

    init(_ exchange: Exchange) throws(Failure) {
        limit = exchange.faults.pageLimit
        guard let text = exchange.query.nonEmpty("continuation") else {
            done = 0
            return
        }
        guard let count = Base64.decode(text).flatMap({ number($0) }).map(Int.init) else {
            throw .invalidParameter("continuation", text)
        }
        done = count
    }

    /// The token of the next request; nil where this one does the rest.
    func next(of total: Int) -> String? {
        guard let limit, done + max(1, limit) < total else { return nil }
        return Base64.encode(Array(String(done + max(1, limit)).utf8))
    }
}

extension Exchange {
    /// The content headers that a request of the Data Lake endpoint sets; the others stay.
    func pathHeaders(over old: ContentHeaders) -> ContentHeaders {
        var result = old
        if let type = headers.nonEmpty("x-ms-content-type") { result.type = type }
        result.encoding = headers.nonEmpty("x-ms-content-encoding") ?? old.encoding
        result.language = headers.nonEmpty("x-ms-content-language") ?? old.language
        result.disposition = headers.nonEmpty("x-ms-content-disposition") ?? old.disposition
        result.cacheControl = headers.nonEmpty("x-ms-cache-control") ?? old.cacheControl
        result.md5 = headers.nonEmpty("x-ms-content-md5") ?? old.md5
        return result
    }

    /// Owner, group and permissions that a request sets; nil where it sets none.
    func pathAccess(over old: PathAccess, umask: Bool = false) throws(Failure) -> PathAccess? {
        var access = old
        if let owner = headers.nonEmpty("x-ms-owner") { access.owner = owner }
        if let group = headers.nonEmpty("x-ms-group") { access.group = group }
        if let acl = headers.nonEmpty("x-ms-acl") {
            guard headers.nonEmpty("x-ms-permissions") == nil,
                acl.split(separator: ",").allSatisfy({
                    $0.split(separator: ":", omittingEmptySubsequences: false).count >= 3
                })
            else { throw .invalidHeader("x-ms-acl", acl) }
            access.acl = acl
        }
        if let text = headers.nonEmpty("x-ms-permissions") {
            var masked = text
            if umask, text.utf8.count == 4, let mode = UInt16(text, radix: 8),
                let mask = UInt16(headers.nonEmpty("x-ms-umask") ?? "0000", radix: 8)
            {
                let digits = String(mode & ~mask, radix: 8)
                masked = String(repeating: "0", count: max(0, 4 - digits.utf8.count)) + digits
            }
            guard access.set(permissions: masked) else { throw .invalidHeader("x-ms-permissions", text) }
        }
        return access == old ? nil : access
    }
}
