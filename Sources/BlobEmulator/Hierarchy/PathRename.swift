/// Path Create with a source: a path moves, with all below it, in one step. Its version stays what it is.
extension Service {
    func renamePath(_ exchange: Exchange) throws(Failure) -> Response {
        try exchange.requireHierarchy()
        let mode = exchange.query["mode"]?.lowercased() ?? "posix"
        guard mode == "posix" || mode == "legacy" else { throw .invalidParameter("mode", mode) }
        let name = try exchange.blobName()
        let source = try renameSource(exchange)
        let conditions = try Conditions(exchange.headers)
        let sourceConditions = try Conditions(exchange.headers, prefix: "x-ms-source-")
        let sourceLeaseID = exchange.headers.nonEmpty("x-ms-source-lease-id").flatMap { normalizedGUID($0) }
        let step = try StepCount(exchange)
        let etag = etags.next(at: exchange.now)
        guard let container = exchange.address.container else { throw .code(.invalidUri) }

        let (moved, next): (Blob, String?) = try exchange.address.account.rename(
            source.blob,
            in: source.container,
            to: name,
            in: container
        ) { (origin, target) throws(Failure) in
            guard let blob = origin.blobs[source.blob]?.current else { throw .code(.sourcePathNotFound) }
            try sourceConditions.checkWrite(blob)
            try origin.lease(of: source.blob).checkWrite(sourceLeaseID, now: exchange.now, on: .blob)
            try blob.requireMutable(at: exchange.now)
            let isSame = source.container == container
            let isInside = name == source.blob || name.hasPrefix(source.blob.directoryPrefix)
            guard !isSame || !isInside else { throw .code(.invalidRenameSourcePath) }
            if let parent = name.ancestors.last {
                guard target.blobs[parent]?.current != nil else { throw .code(.renameDestinationParentPathNotFound) }
                guard target.isDirectory(parent) else { throw .code(.pathConflict) }
            }
            let existing = target.blobs[name]?.current
            do throws(Failure) { try conditions.checkWrite(existing, existing: .isConflict) } catch {
                guard case .refused(let answer) = error, answer.status == 409 else { throw error }
                throw .code(.pathAlreadyExists)
            }
            if let existing {
                // A lease ends with what it was on.
                try existing.requireMutable(at: exchange.now)
                guard existing.isFolder == blob.isFolder else { throw .code(.invalidSourceOrDestinationResourceType) }
                guard !existing.isFolder || !target.hasEntries(name) else { throw .code(.directoryNotEmpty) }
            }
            return (blob, step.next(of: 1 + origin.names(below: source.blob).count))
        } prepare: { target in
            target.makeParents(of: name, etag, at: exchange.now)
        }
        var response = Response(201, next == nil ? moved.versionHeaders : [])
        response.set("x-ms-continuation", next)
        return response
    }

    /// `x-ms-rename-source: /filesystem/path[?token]`. A token for the new name is none for the old one.
    private func renameSource(_ exchange: Exchange) throws(Failure) -> (container: String, blob: Name) {
        guard let text = exchange.headers.nonEmpty("x-ms-rename-source"), text.hasPrefix("/") else {
            throw .code(.invalidSourceUri)
        }
        let parts = text.split(separator: "?", maxSplits: 1)
        let target = "/\(exchange.address.account.name)\(parts[0])"
        guard let query = QueryParameters(parts.count > 1 ? String(parts[1]) : "") else {
            throw .code(.invalidSourceUri)
        }
        let address = try ResourceAddress(
            path: target,
            host: nil,
            isContainerLevel: false,
            accounts: accounts
        )
        guard let container = address.container, let blob = address.blob else { throw .code(.invalidSourceUri) }
        if case .token = exchange.grant {
            var inner = Exchange(
                head: RequestHead(method: "PUT", target: target, headers: exchange.headers, keepsAlive: true),
                query: query,
                address: address,
                operation: .renamePath,
                version: exchange.version,
                requestID: exchange.requestID,
                now: exchange.now,
                body: EmptyBody(),
                peer: exchange.peer,
                host: exchange.host
            )
            inner.grant = try authorizer.grant(inner)
        }
        return (container, blob)
    }
}

extension AccountState {
    /// Moves a path of one container into the same or another, in one step, unless `check` refuses or says that it is to
    /// go on later.
    func rename(
        _ source: Name,
        in origin: String,
        to destination: Name,
        in target: String,
        check: (ContainerState, ContainerState) throws(Failure) -> (Blob, next: String?),
        prepare: (inout ContainerState) -> Void
    ) throws(Failure) -> (Blob, next: String?) {
        func move(_ nodes: [(Name, BlobNode)], into state: inout ContainerState) {
            _ = state.take(destination)
            state.place(nodes.map { ($0.0.moved(from: source, to: destination), $0.1) })
        }
        if origin == target {
            return try container(origin)
                .withState { (state) throws(Failure) in
                    let (blob, next) = try check(state, state)
                    guard next == nil else { return (blob, next) }
                    prepare(&state)
                    state.note(renamed: source, from: origin, to: destination)
                    let nodes = state.take(source)
                    move(nodes, into: &state)
                    return (blob, nil)
                }
        }
        // Two locks are always taken in the order of the containers' names.
        let isForward = origin < target
        let (first, second) = (try container(isForward ? origin : target), try container(isForward ? target : origin))
        return try first.withState { (one) throws(Failure) in
            try second.withState { (other) throws(Failure) in
                func run(_ from: inout ContainerState, _ to: inout ContainerState) throws(Failure) -> (
                    Blob, next: String?
                ) {
                    let (blob, next) = try check(from, to)
                    guard next == nil else { return (blob, next) }
                    prepare(&to)
                    to.note(renamed: source, from: origin, to: destination)
                    move(from.take(source), into: &to)
                    return (blob, nil)
                }
                return isForward ? try run(&one, &other) : try run(&other, &one)
            }
        }
    }
}
