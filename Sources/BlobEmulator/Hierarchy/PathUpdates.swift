/// Path Update: append and flush, properties, access.
extension Service {
    func updatePath(_ exchange: Exchange) throws(Failure) -> Response {
        try exchange.requireHierarchy()
        switch exchange.query["action"]?.lowercased() {
        case "append": return try appendToPath(exchange)
        case "flush": return try flushPath(exchange)
        case "setproperties":
            let metadata = try exchange.pathProperties()
            return try changePath(exchange) { (blob) throws(Failure) in
                blob.headers = exchange.pathHeaders(over: blob.headers)
                guard let metadata else { return }
                let isFolder = blob.isFolder
                blob.metadata = metadata
                blob.metadata.entries.removeAll { $0.name.lowercased() == Blob.folderMark }
                if isFolder { blob.metadata.entries.append((Blob.folderMark, "true")) }
            }
        case "setaccesscontrol":
            return try changePath(exchange) { (blob) throws(Failure) in
                if let access = try exchange.pathAccess(over: blob.pathAccess) { blob.access = access }
            }
        case let action: throw .invalidParameter("action", action ?? "")
        }
    }

    private func changePath(
        _ exchange: Exchange,
        _ body: (inout Blob) throws(Failure) -> Void
    ) throws(Failure) -> Response {
        let name = try exchange.blobName()
        let conditions = try Conditions(exchange.headers)
        let leaseID = try exchange.leaseID()
        let blob = try exchange.container()
            .withState { (state) throws(Failure) in
                guard var blob = state.blobs[name]?.current else { throw .code(.pathNotFound) }
                try conditions.checkWrite(blob)
                try state.checkWrite(name, leaseID: leaseID, now: exchange.now)
                try body(&blob)
                blob.touch(etags.next(at: exchange.now), at: exchange.now)
                state.replace(name, with: blob, now: exchange.now)
                return blob
            }
        return Response(200, blob.versionHeaders)
    }

    /// Bytes for later: they are the file's with the flush that names their end.
    private func appendToPath(_ exchange: Exchange) throws(Failure) -> Response {
        let name = try exchange.blobName()
        guard let position = exchange.query.nonEmpty("position").flatMap({ number($0.utf8) }) else {
            throw .code(.missingRequiredQueryParameter, [("QueryParameterName", "position")])
        }
        let container = try exchange.container()
        let received = try exchange.receiveBody(into: content, limit: 4000 << 20, alwaysMD5: false)
        try container.withState { (state) throws(Failure) in
            guard state.blobs[name]?.current != nil else { throw .code(.pathNotFound) }
            try state.requireFile(name)
            try state.checkWrite(name, leaseID: exchange.leaseID(), now: exchange.now)
            state.commit(.staged(name, id: Self.appendID(position), received.content))
        }
        guard exchange.query["flush"]?.lowercased() == "true" else {
            return Response(202, received.answerHeaders + [("x-ms-request-server-encrypted", "true")])
        }
        var flushed = try flush(exchange, end: Int(position) + received.content.length)
        flushed.status = 202
        return flushed
    }

    private func flushPath(_ exchange: Exchange) throws(Failure) -> Response {
        guard let end = exchange.query.nonEmpty("position").flatMap({ number($0.utf8) }) else {
            throw .code(.missingRequiredQueryParameter, [("QueryParameterName", "position")])
        }
        return try flush(exchange, end: Int(end))
    }

    /// Sorts like the number, in the one length that ids of a blob's blocks have.
    private static func appendID(_ position: Int64) -> String {
        let digits = String(position)
        return Base64.encode(Array((String(repeating: "0", count: max(0, 18 - digits.utf8.count)) + digits).utf8))
    }

    private func flush(_ exchange: Exchange, end: Int) throws(Failure) -> Response {
        let name = try exchange.blobName()
        let conditions = try Conditions(exchange.headers)
        let keeps = exchange.query["retainuncommitteddata"]?.lowercased() == "true"
        let blob = try exchange.container()
            .withState { (state) throws(Failure) in
                guard var blob = state.blobs[name]?.current else { throw .code(.pathNotFound) }
                try state.requireFile(name)
                try conditions.checkWrite(blob)
                try state.checkWrite(name, leaseID: exchange.leaseID(), now: exchange.now)
                let staged = (state.blobs[name]?.staged?.blocks ?? [:])
                    .compactMap { id, content in
                        Base64.decode(id).flatMap { number($0) }.map { (position: Int($0), content: content) }
                    }
                    .sorted { $0.position < $1.position }
                for piece in staged where piece.position >= blob.content.length && piece.position < end {
                    guard piece.position == blob.content.length else { throw .code(.invalidFlushPosition) }
                    blob.content.append(piece.content)
                }
                guard blob.content.length == end else { throw .code(.invalidFlushPosition) }
                blob.blocks = []
                blob.headers = exchange.pathHeaders(over: blob.headers)
                if exchange.headers.nonEmpty("x-ms-content-md5") == nil { blob.headers.md5 = nil }
                blob.touch(etags.next(at: exchange.now), at: exchange.now)
                state.replace(name, with: blob, now: exchange.now)
                if !keeps, state.blobs[name]?.staged != nil { state.commit(.unstaged(name)) }
                return blob
            }
        return Response(200, blob.versionHeaders + [("x-ms-request-server-encrypted", "true")])
    }
}
