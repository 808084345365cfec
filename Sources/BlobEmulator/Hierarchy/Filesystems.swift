/// Filesystems: containers, as the Data Lake endpoint speaks of them. Flat accounts have these operations too.
extension Service {
    private struct FilesystemList: Encodable {
        struct Line: Encodable {
            var name: String
            var lastModified: String
            var eTag: String
        }

        var filesystems: [Line]
    }

    func listFilesystems(_ exchange: Exchange) throws(Failure) -> Response {
        let limit = try pathLimit(exchange)
        let prefix = exchange.query["prefix"] ?? ""
        let start = try exchange.continuation() ?? Name("")
        let found = exchange.address.account.all()
            .filter { $0.name.hasPrefix(prefix) && Name($0.name) >= start }
        let lines = found.prefix(limit)
            .compactMap { container in
                (try? container.withState { (state) throws(Failure) in state.properties })
                    .map {
                        FilesystemList.Line(
                            name: container.name,
                            lastModified: $0.modified.httpDate,
                            eTag: $0.etag.quoted
                        )
                    }
            }
        let document = JSONDocument.bytes(FilesystemList(filesystems: lines))
        var response = Response(200, [("Content-Type", "application/json;charset=utf-8")], body: .bytes(document))
        if found.count > limit { response.set("x-ms-continuation", ListMarker(name: Name(found[limit].name)).text) }
        return response
    }

    func createFilesystem(_ exchange: Exchange) throws(Failure) -> Response {
        guard let name = exchange.address.container else { throw .code(.invalidUri) }
        try BlobNaming.checkContainer(name)
        var properties = ContainerProperties(etag: etags.next(at: exchange.now), modified: exchange.now)
        properties.metadata = try exchange.pathProperties() ?? Metadata()
        try exchange.address.account.create(name, properties, now: exchange.now)
        var response = Response(201, properties.versionHeaders)
        response.set("x-ms-namespace-enabled", String(exchange.address.account.isHierarchical))
        return response
    }

    func getFilesystemProperties(_ exchange: Exchange) throws(Failure) -> Response {
        let properties = try exchange.container().withState { (state) throws(Failure) in state.properties }
        var response = Response(200, properties.versionHeaders)
        response.set("x-ms-namespace-enabled", String(exchange.address.account.isHierarchical))
        response.set("x-ms-properties", properties.metadata.pathProperties)
        return response
    }

    func setFilesystemProperties(_ exchange: Exchange) throws(Failure) -> Response {
        let metadata = try exchange.pathProperties() ?? Metadata()
        let conditions = try Conditions(exchange.headers)
        let properties = try exchange.container()
            .withState { (state) throws(Failure) in
                var properties = state.properties
                try conditions.checkContainer(modified: properties.modified)
                properties.metadata = metadata
                (properties.etag, properties.modified) = (etags.next(at: exchange.now), exchange.now)
                state.commit(.container(properties))
                return properties
            }
        return Response(200, properties.versionHeaders)
    }

    // MARK: Path List

    private struct PathList: Encodable {
        /// All values are texts.
        struct Line: Encodable {
            var name: String
            var isDirectory: String?
            var contentLength: String
            var eTag: String
            var lastModified: String
            var creationTime: String
            var owner: String
            var group: String
            var permissions: String
        }

        var paths: [Line]
    }

    func listPaths(_ exchange: Exchange) throws(Failure) -> Response {
        try exchange.requireHierarchy()
        guard let isRecursive = exchange.query["recursive"]?.lowercased() else {
            throw .code(.missingRequiredQueryParameter, [("QueryParameterName", "recursive")])
        }
        let limit = try pathLimit(exchange)
        let directory = Name(exchange.query["directory"] ?? "").normalizedPath
        let start = try exchange.continuation()
        let page = try exchange.container()
            .withState { (state) throws(Failure) in
                guard state.isDirectory(directory) else { throw .code(.pathNotFound) }
                return state.paths(in: directory, isRecursive: isRecursive == "true", from: start, limit: limit)
            }
        let lines = page.entries.map { entry in
            PathList.Line(
                name: entry.name.text,
                isDirectory: entry.blob.isFolder ? "true" : nil,
                contentLength: String(entry.blob.content.length),
                eTag: entry.blob.etag.bare,
                lastModified: entry.blob.modified.httpDate,
                creationTime: String(entry.blob.created.ticks),
                owner: entry.blob.pathAccess.owner,
                group: entry.blob.pathAccess.group,
                permissions: entry.blob.pathAccess.permissions
            )
        }
        let document = JSONDocument.bytes(PathList(paths: lines))
        var response = Response(200, [("Content-Type", "application/json;charset=utf-8")], body: .bytes(document))
        if let next = page.next { response.set("x-ms-continuation", ListMarker(name: next).text) }
        return response
    }

    /// `maxResults`: 1 to 5000. A fault may make pages shorter.
    private func pathLimit(_ exchange: Exchange) throws(Failure) -> Int {
        var limit = 5000
        if let text = exchange.query.nonEmpty("maxresults") {
            guard let value = Int(text), value > 0 else { throw .invalidParameter("maxResults", text) }
            limit = min(value, limit)
        }
        return min(limit, exchange.faults.pageLimit ?? limit)
    }
}

/// What the requests of the Data Lake endpoint carry.
extension Exchange {
    func requireHierarchy() throws(Failure) {
        guard address.account.isHierarchical else { throw .code(.hierarchicalNamespaceNotEnabled) }
    }

    /// The path that a continuation token names.
    func continuation() throws(Failure) -> Name? {
        guard let text = query.nonEmpty("continuation") else { return nil }
        guard let marker = ListMarker(text) else { throw .invalidParameter("continuation", text) }
        return marker.name
    }

    /// `x-ms-properties: name=base64,name=base64`; nil if it was not sent.
    func pathProperties() throws(Failure) -> Metadata? {
        guard let text = headers["x-ms-properties"] else { return nil }
        var metadata = Metadata()
        for part in text.split(separator: ",") {
            let mark = part.firstIndex(of: "=") ?? part.endIndex
            let name = part[..<mark].trimmed
            let encoded = mark < part.endIndex ? String(part[part.index(after: mark)...].trimmed) : ""
            guard !name.isEmpty, let bytes = Base64.decode(encoded) else {
                throw .invalidHeader("x-ms-properties", text)
            }
            guard !metadata.entries.contains(where: { $0.name.lowercased() == name.lowercased() }) else {
                throw .invalidHeader("x-ms-properties", text)
            }
            metadata.entries.append((String(name), String(decoding: bytes, as: UTF8.self)))
        }
        return metadata
    }
}

extension Metadata {
    /// As `x-ms-properties` has it.
    var pathProperties: String {
        entries.map { "\($0.name)=\(Base64.encode(Array($0.value.utf8)))" }.joined(separator: ",")
    }
}

extension Substring {
    /// Without spaces at either end.
    fileprivate var trimmed: Substring {
        var text = self
        while text.first == " " { text = text.dropFirst() }
        while text.last == " " { text = text.dropLast() }
        return text
    }
}
