/// Copy Blob, Copy Blob From URL, Put Blob From URL, Abort Copy Blob.
extension Service {
    /// The asynchronous copy. It is finished with the answer, unless a fault keeps it pending.
    func copyBlob(_ exchange: Exchange) throws(Failure) -> Response {
        let source = try copySource(exchange, usesCallersRights: true)
        let settles = exchange.faults.copyDelay.map { exchange.now.adding(milliseconds: $0) }
        let blob = try commitCopy(of: source, exchange, keepsPropertiesAlways: true, settles: settles)
        var response = Response(202, blob.versionHeaders)
        response.set("x-ms-copy-id", blob.copy?.id)
        response.set("x-ms-copy-status", blob.copy?.status.rawValue)
        return response
    }

    /// The synchronous copy: at most 256 MiB, and the source has to be readable by its URL alone.
    func copyBlobFromURL(_ exchange: Exchange) throws(Failure) -> Response {
        let source = try copySource(exchange, usesCallersRights: false)
        guard source.blob.kind == .block else { throw .code(.invalidSourceBlobType) }
        guard source.blob.content.length <= 256 << 20 else {
            throw .refused(
                ServiceError(status: 409, code: "CannotVerifyCopySource", message: "The source is larger than 256 MiB.")
            )
        }
        let blob = try commitCopy(of: source, exchange, keepsPropertiesAlways: true, settles: nil)
        var response = Response(202, blob.versionHeaders)
        response.set("x-ms-copy-id", blob.copy?.id)
        response.set("x-ms-copy-status", "success")
        response.headers += checksum(of: source.blob)
        return response
    }

    /// Put Blob with its content from elsewhere: the block structure is not taken over.
    func putBlobFromURL(_ exchange: Exchange) throws(Failure) -> Response {
        let type = exchange.headers["x-ms-blob-type"] ?? ""
        guard type == "BlockBlob" else { throw .invalidHeader("x-ms-blob-type", type) }
        guard exchange.body.length == 0 else { throw .invalidHeader("Content-Length", "") }
        var source = try copySource(exchange, usesCallersRights: false)
        guard source.blob.content.length <= exchange.version.putBlobLimit else {
            throw .bodyTooLarge(limit: exchange.version.putBlobLimit)
        }
        let checksums = checksum(of: source.blob)
        if let wanted = try exchange.md5Header("x-ms-source-content-md5"), wanted != md5(of: source.blob.content) {
            throw .code(.md5Mismatch)
        }
        (source.blob.kind, source.blob.blocks) = (.block, [])
        let keeps = exchange.headers["x-ms-copy-source-blob-properties"]?.lowercased() != "false"
        if source.blob.headers.md5 == nil { source.blob.headers.md5 = md5(of: source.blob.content) }
        let blob = try commitCopy(of: source, exchange, keepsPropertiesAlways: keeps, settles: nil)
        return Response(201, blob.versionHeaders + checksums + [("x-ms-request-server-encrypted", "true")])
    }

    /// Metadata sent with the request takes the place of the source's, all of it; content headers sent do too where
    /// the operation takes any.
    private func commitCopy(
        of source: CopySource,
        _ exchange: Exchange,
        keepsPropertiesAlways: Bool,
        settles: Timestamp?
    ) throws(Failure) -> Blob {
        let name = try exchange.blobName()
        var blob = source.blob
        let metadata = try exchange.metadata()
        if !metadata.entries.isEmpty || !keepsPropertiesAlways { blob.metadata = metadata }
        if exchange.operation == .putBlobFromURL {
            let given = try exchange.contentHeaders(plainToo: false)
            if exchange.headers.nonEmpty("x-ms-blob-content-type") != nil || !keepsPropertiesAlways {
                let md5 = blob.headers.md5
                blob.headers = given
                blob.headers.md5 = given.md5 ?? md5
            }
        }
        let copiesTags = exchange.headers["x-ms-copy-source-tag-option"]?.uppercased() == "COPY"
        blob.tags = copiesTags ? source.blob.tags : try tagsOnWrite(exchange)
        let tier = try exchange.tierHeader()
        (blob.tier, blob.tierChanged, blob.rehydratesTo) = (tier, tier == nil ? nil : exchange.now, nil)
        blob.isSealed = exchange.headers.isTrue("x-ms-seal-blob")
        blob.protection = BlobProtection(encryption: try exchange.encryption())
        blob.created = exchange.now
        let length = blob.content.length
        if exchange.operation == .putBlobFromURL {
            blob.copy = nil
        } else {
            blob.copy = CopyState(
                id: randomGUID(),
                source: source.url,
                status: settles == nil ? .success : .pending,
                copied: settles == nil ? length : 0,
                total: length,
                completed: settles == nil ? exchange.now : nil,
                settles: settles
            )
        }
        let version = blob
        return try exchange.container()
            .withState { (state) throws(Failure) in
                // Another type may be replaced by an asynchronous copy only if it is the same.
                try checkReplacement(exchange, &state, name, version.kind)
                var blob = version
                blob.touch(etags.next(at: exchange.now), at: exchange.now)
                if let existing = state.blobs[name]?.current { blob.created = existing.created }
                retainReplaced(exchange, &state, name)
                state.replace(name, with: blob, now: exchange.now)
                if state.blobs[name]?.staged != nil { state.commit(.unstaged(name)) }
                return blob
            }
    }

    private func checksum(of blob: Blob) -> [(name: String, value: String)] {
        if let md5 = blob.headers.md5 { return [("Content-MD5", md5)] }
        var crc64 = CRC64()
        for slice in blob.content.slices { slice.forEachPiece { crc64.update($0) } }
        return [("x-ms-content-crc64", crc64.headerValue)]
    }

    private func md5(of content: Content) -> String {
        var md5 = MD5()
        for slice in content.slices { slice.forEachPiece { md5.update($0) } }
        return Base64.encode(md5.finish())
    }

    /// Leaves an empty blob, as the service does.
    func abortCopyBlob(_ exchange: Exchange) throws(Failure) -> Response {
        guard exchange.headers["x-ms-copy-action"]?.lowercased() == "abort" else {
            throw .missingHeader("x-ms-copy-action")
        }
        let id = exchange.query["copyid"] ?? ""
        let name = try exchange.blobName()
        let leaseID = try exchange.leaseID()
        try exchange.container()
            .withState { (state) throws(Failure) in
                state.settleCopy(name, at: exchange.now, etags: etags)
                var blob = try state.existingBlob(name)
                try state.lease(of: name).checkWrite(leaseID, now: exchange.now, on: .blob)
                guard var copy = blob.copy, copy.status == .pending else { throw .code(.noPendingCopyOperation) }
                guard copy.id == id else { throw .code(.copyIdMismatch) }
                (copy.status, copy.settles, copy.completed) = (.aborted, nil, exchange.now)
                (blob.copy, blob.content, blob.blocks) = (copy, Content(), [])
                blob.touch(etags.next(at: exchange.now), at: exchange.now)
                state.replace(name, with: blob, now: exchange.now)
            }
        return Response(204)
    }
}
