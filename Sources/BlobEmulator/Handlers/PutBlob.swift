/// Put Blob, in its three types.
extension Service {
    func putBlob(_ exchange: Exchange) throws(Failure) -> Response {
        guard let type = exchange.headers.nonEmpty("x-ms-blob-type") else { throw .missingHeader("x-ms-blob-type") }
        guard let kind = BlobKind(header: type) else { throw .invalidHeader("x-ms-blob-type", type) }
        guard kind != .page || !exchange.address.account.isHierarchical else {
            throw .code(.featureNotYetSupportedForHierarchicalNamespaceAccounts)
        }
        let container = try exchange.container()
        let name = try exchange.blobName()
        var headers = try exchange.contentHeaders(plainToo: true)
        let declaredMD5 = headers.md5

        // Before megabytes are taken in: can this be right at all?
        try check(exchange, container, name, kind)
        let limit = kind == .block ? exchange.version.putBlobLimit : 0
        let received = try exchange.receiveBody(into: content, limit: limit, alwaysMD5: kind == .block)
        if let declaredMD5, let computed = received.md5, kind == .block, declaredMD5 != computed {
            throw .code(.md5Mismatch)
        }
        headers.md5 = declaredMD5 ?? received.md5

        var blob = Blob(
            kind: kind,
            content: received.content,
            etag: etags.next(at: exchange.now),
            modified: exchange.now,
            created: exchange.now
        )
        blob.headers = headers
        blob.metadata = try exchange.metadata()
        blob.tags = try tagsOnWrite(exchange)
        blob.protection.encryption = try exchange.encryption()
        if kind == .block, let tier = try exchange.tierHeader() {
            (blob.tier, blob.tierChanged) = (tier, exchange.now)
        }
        if kind == .page {
            let length = try pageBlobLength(exchange)
            blob.content = Content(StoredSlice(extent: .zeros, offset: 0, length: length))
            blob.sequenceNumber = try exchange.integerHeader("x-ms-blob-sequence-number") ?? 0
        }
        try commit(blob, exchange, container, name)

        var response = Response(201, blob.versionHeaders)
        response.headers += received.answerHeaders
        response.set("x-ms-request-server-encrypted", "true")
        response.headers += blob.protectionHeaders
        return response
    }

    /// Lease, type, overwrite right and conditions of a write that makes a blob anew.
    func check(_ exchange: Exchange, _ container: Container, _ name: Name, _ kind: BlobKind?) throws(Failure) {
        try container.withState { (state) throws(Failure) in
            try checkReplacement(exchange, &state, name, kind)
        }
    }

    /// As above, under the lock that the commit holds too.
    func checkReplacement(
        _ exchange: Exchange,
        _ state: inout ContainerState,
        _ name: Name,
        _ kind: BlobKind?
    ) throws(Failure) {
        state.settleCopy(name, at: exchange.now, etags: etags)
        let existing = state.blobs[name]?.current?.rehydrated(at: exchange.now)
        try Conditions(exchange.headers).checkWrite(existing, existing: .isConflict)
        try state.checkWrite(name, leaseID: exchange.leaseID(), now: exchange.now)
        try state.requireFile(name)
        try state.requirePlace(for: name)
        guard let existing else { return }
        guard exchange.grant.mayOverwrite else { throw .code(.unauthorizedBlobOverwrite) }
        if let kind { try existing.require(kind) }
        guard existing.tier != .archive else { throw .code(.blobArchived) }
    }

    /// Puts a blob in place of what is there: its uncommitted blocks go, its snapshots and creation time stay.
    private func commit(_ blob: Blob, _ exchange: Exchange, _ container: Container, _ name: Name) throws(Failure) {
        try container.withState { (state) throws(Failure) in
            try checkReplacement(exchange, &state, name, blob.kind)
            var blob = blob
            if let existing = state.blobs[name]?.current { blob.created = existing.created }
            retainReplaced(exchange, &state, name)
            state.replace(name, with: blob, now: exchange.now)
            if state.blobs[name]?.staged != nil { state.commit(.unstaged(name)) }
        }
    }

    func tagsOnWrite(_ exchange: Exchange) throws(Failure) -> [Tag] {
        guard let tags = try exchange.tagsHeader() else { return [] }
        guard exchange.grant.maySetTags else { throw .code(.authorizationPermissionMismatch) }
        return tags
    }

    private func pageBlobLength(_ exchange: Exchange) throws(Failure) -> Int {
        guard let length = try exchange.integerHeader("x-ms-blob-content-length") else {
            throw .missingHeader("x-ms-blob-content-length")
        }
        guard length >= 0, length % 512 == 0, length <= 8 << 40 else {
            throw .invalidHeader("x-ms-blob-content-length", String(length))
        }
        return length
    }

    /// Put Page: writes or clears whole pages of 512 bytes.
    func putPage(_ exchange: Exchange) throws(Failure) -> Response {
        let text = exchange.headers.nonEmpty("x-ms-range") ?? exchange.headers.nonEmpty("range")
        guard let text else { throw .missingHeader("x-ms-range") }
        guard let bounds = ByteRange.bounds(text), let last = bounds.last, bounds.first % 512 == 0,
            (last + 1) % 512 == 0
        else { throw .code(.invalidPageRange) }
        let range = bounds.first..<last + 1
        let isClear = exchange.headers["x-ms-page-write"]?.lowercased() == "clear"
        let received = try exchange.receiveBody(into: content, limit: isClear ? 0 : 4 << 20, alwaysMD5: false)
        guard isClear || received.content.length == range.count else {
            throw .invalidHeader("Content-Length", String(received.content.length))
        }
        let name = try exchange.blobName()
        let blob = try exchange.container()
            .withState { (state) throws(Failure) in
                var blob = try state.existingBlob(name)
                try Conditions(exchange.headers).checkWrite(blob)
                try state.checkWrite(name, leaseID: exchange.leaseID(), now: exchange.now)
                try blob.require(.page)
                try blob.requireKey(exchange.encryption())
                guard range.upperBound <= blob.content.length else { throw .code(.invalidPageRange) }
                var position = range.lowerBound
                let slices =
                    isClear
                    ? [StoredSlice(extent: .zeros, offset: 0, length: range.count)] : Array(received.content.slices)
                for slice in slices {
                    blob.content.replace(at: position, with: slice)
                    position += slice.length
                }
                blob.touch(etags.next(at: exchange.now), at: exchange.now)
                state.replace(name, with: blob, now: exchange.now)
                return blob
            }
        var response = Response(201, blob.versionHeaders)
        response.headers += received.answerHeaders
        response.set("x-ms-blob-sequence-number", String(blob.sequenceNumber))
        return response
    }
}
