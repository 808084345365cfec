/// Get Blob, Get Blob Properties, Get Blob Metadata.
extension Service {
    func getBlob(_ exchange: Exchange) throws(Failure) -> Response {
        let (blob, lease) = try readableBlob(exchange, needsKey: true)
        guard blob.tier != .archive else {
            throw .code(blob.rehydratesTo == nil ? .blobArchived : .blobBeingRehydrated)
        }
        let length = blob.content.length
        let range = try ByteRange(exchange.headers, length: length)
        let missing = exchange.faults.missingChecksum
        let wantsMD5 = exchange.headers.isTrue("x-ms-range-get-content-md5") && missing != .any
        let wantsCRC64 = exchange.headers.isTrue("x-ms-range-get-content-crc64") && missing == nil
        if wantsMD5 && wantsCRC64 { throw .invalidHeader("x-ms-range-get-content-crc64", "true") }

        guard case .part(let bytes) = range else {
            // The range's checksum without a range.
            if wantsMD5 { throw .invalidHeader("x-ms-range-get-content-md5", "true") }
            if wantsCRC64 { throw .invalidHeader("x-ms-range-get-content-crc64", "true") }
            var response = Response(200, blobHeaders(exchange, blob, lease))
            response.set("Content-MD5", blob.headers.md5)
            response.body = .stored(blob.content.slices(in: 0..<length), length: length)
            return response
        }
        let slices = blob.content.slices(in: bytes)
        var response = Response(206, blobHeaders(exchange, blob, lease))
        response.set("Content-Range", "bytes \(bytes.lowerBound)-\(bytes.upperBound - 1)/\(length)")
        response.set("x-ms-blob-content-md5", blob.headers.md5)
        if wantsMD5 || wantsCRC64 {
            guard bytes.count <= 4 << 20 else { throw .code(.outOfRangeInput) }
            var digests = BodyDigests(md5: wantsMD5, crc64: wantsCRC64)
            for slice in slices { slice.forEachPiece { digests.update($0) } }
            response.set("Content-MD5", digests.finishMD5().map { Base64.encode($0) })
            response.set("x-ms-content-crc64", digests.crc64Value.map(CRC64.headerValue(of:)))
        }
        response.body = .stored(slices, length: bytes.count)
        return response
    }

    func getBlobProperties(_ exchange: Exchange) throws(Failure) -> Response {
        let (blob, lease) = try readableBlob(exchange, needsKey: true)
        var response = Response(200, blobHeaders(exchange, blob, lease))
        response.set("Content-MD5", blob.headers.md5)
        if blob.kind == .block {
            response.set("x-ms-access-tier", (blob.tier ?? .hot).rawValue)
            if blob.tier == nil { response.set("x-ms-access-tier-inferred", "true") }
            response.set("x-ms-access-tier-change-time", blob.tierChanged?.httpDate)
            response.set("x-ms-archive-status", blob.archiveStatus)
        }
        response.declaredLength = blob.content.length
        return response
    }

    func getBlobMetadata(_ exchange: Exchange) throws(Failure) -> Response {
        let (blob, _) = try readableBlob(exchange, needsKey: true)
        var response = Response(200, blob.versionHeaders)
        for entry in blob.metadata.entries { response.set("x-ms-meta-" + entry.name, entry.value) }
        return response
    }

    /// The blob after the checks that all reads share, in the order of the service: is it there, lease, conditions.
    /// `needsKey`: what is asked for is encrypted where the blob is.
    func readableBlob(_ exchange: Exchange, needsKey: Bool) throws(Failure) -> (Blob, Lease) {
        let name = try exchange.blobName()
        let snapshot = try exchange.snapshotTime()
        let leaseID = try exchange.leaseID()
        let conditions = try Conditions(exchange.headers)
        let (blob, lease): (Blob?, Lease) = try exchange.container()
            .withState { (state) throws(Failure) in
                state.settleCopy(name, at: exchange.now, etags: etags)
                let lease = state.lease(of: name)
                do throws(Failure) {
                    let blob = try state.blob(name, snapshot: snapshot, now: exchange.now)
                    if snapshot == nil { try lease.checkRead(leaseID, now: exchange.now, on: .blob) }
                    return (blob, snapshot == nil ? lease : Lease())
                } catch {
                    guard case .refused(let answer) = error, answer.status == 404, conditions.demandsExistence else {
                        throw error
                    }
                    return (nil, lease)
                }
            }
        guard let blob else { throw .code(.conditionNotMet) }
        try conditions.checkRead(blob)
        if needsKey { try blob.requireKey(exchange.encryption()) }
        return (blob, lease)
    }

    /// The headers that Get Blob and Get Blob Properties have in common.
    private func blobHeaders(_ exchange: Exchange, _ blob: Blob, _ lease: Lease) -> [(name: String, value: String)] {
        var response = Response(200, blob.versionHeaders)
        // A token may override what the browser is told.
        func header(_ name: String, _ stored: String?, _ override: String) {
            response.set(name, exchange.query["sig"] == nil ? stored : exchange.query.nonEmpty(override) ?? stored)
        }
        header("Content-Type", blob.headers.type, "rsct")
        header("Content-Encoding", blob.headers.encoding, "rsce")
        header("Content-Language", blob.headers.language, "rscl")
        header("Content-Disposition", blob.headers.disposition, "rscd")
        header("Cache-Control", blob.headers.cacheControl, "rscc")
        response.set("Accept-Ranges", "bytes")
        response.set("x-ms-creation-time", blob.created.httpDate)
        response.set("x-ms-blob-type", blob.kind.headerValue)
        if exchange.address.account.isHierarchical {
            response.set("x-ms-resource-type", blob.isFolder ? "directory" : "file")
        }
        for entry in blob.metadata.entries { response.set("x-ms-meta-" + entry.name, entry.value) }
        let state = lease.state(at: exchange.now)
        response.set("x-ms-lease-status", lease.isHeld(at: exchange.now) ? "locked" : "unlocked")
        response.set("x-ms-lease-state", state.rawValue)
        if state == .leased { response.set("x-ms-lease-duration", lease.duration == nil ? "infinite" : "fixed") }
        if let copy = blob.copy {
            response.set("x-ms-copy-id", copy.id)
            response.set("x-ms-copy-source", copy.source)
            response.set("x-ms-copy-status", copy.status.rawValue)
            response.set("x-ms-copy-progress", "\(copy.copied)/\(copy.total)")
            response.set("x-ms-copy-completion-time", copy.completed?.httpDate)
        }
        switch blob.kind {
        case .block: break
        case .append:
            response.set("x-ms-blob-committed-block-count", String(blob.appendedBlockCount))
            if blob.isSealed { response.set("x-ms-blob-sealed", "true") }
        case .page:
            response.set("x-ms-blob-sequence-number", String(blob.sequenceNumber))
        }
        if !blob.tags.isEmpty { response.set("x-ms-tag-count", String(blob.tags.count)) }
        response.set("x-ms-server-encrypted", "true")
        return response.headers + blob.protectionHeaders
    }
}
