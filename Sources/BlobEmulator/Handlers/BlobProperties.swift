/// Set Blob Metadata, Set Blob Properties, Set Blob Tier, tags.
extension Service {
    func setBlobMetadata(_ exchange: Exchange) throws(Failure) -> Response {
        let metadata = try exchange.metadata()
        return try change(exchange) { $0.metadata = metadata }
    }

    /// What is not sent is cleared. A page blob may also be resized.
    func setBlobProperties(_ exchange: Exchange) throws(Failure) -> Response {
        let headers = try exchange.contentHeaders(plainToo: false)
        let length = try exchange.integerHeader("x-ms-blob-content-length")
        return try change(exchange) { blob in
            blob.headers = headers
            guard blob.kind == .page, let length, length >= 0 else { return }
            let kept = min(length, blob.content.length)
            blob.content = blob.content.part(0..<kept)
            blob.content.append(StoredSlice(extent: .zeros, offset: 0, length: length - kept))
        }
    }

    /// A change of properties or metadata: conditions, lease, new version.
    private func change(_ exchange: Exchange, _ body: (inout Blob) -> Void) throws(Failure) -> Response {
        let name = try exchange.blobName()
        let conditions = try Conditions(exchange.headers)
        let leaseID = try exchange.leaseID()
        let encryption = try exchange.encryption()
        let blob = try exchange.container()
            .withState { (state) throws(Failure) in
                state.settleCopy(name, at: exchange.now, etags: etags)
                guard var blob = state.blobs[name]?.current else {
                    throw .code(conditions.demandsExistence ? .conditionNotMet : .blobNotFound)
                }
                try conditions.checkWrite(blob)
                try state.checkWrite(name, leaseID: leaseID, now: exchange.now)
                guard blob.tier != .archive || exchange.operation == .setBlobMetadata else {
                    throw .code(.blobArchived)
                }
                if exchange.operation == .setBlobMetadata { try blob.requireKey(encryption) }
                let wasFolder = state.isDirectory(name)
                body(&blob)
                // No client makes a file of a directory by forgetting the mark.
                if wasFolder, !blob.isFolder { blob.metadata.entries.append((Blob.folderMark, "true")) }
                blob.touch(etags.next(at: exchange.now), at: exchange.now)
                state.replace(name, with: blob, now: exchange.now)
                return blob
            }
        var response = Response(200, blob.versionHeaders)
        if blob.kind == .page { response.set("x-ms-blob-sequence-number", String(blob.sequenceNumber)) }
        response.set("x-ms-request-server-encrypted", "true")
        return response
    }

    /// Leaves ETag and time as they are. Out of the archive: 202, and the blob is back at once, or when a fault lets it.
    func setBlobTier(_ exchange: Exchange) throws(Failure) -> Response {
        guard let tier = try exchange.tierHeader() else { throw .missingHeader("x-ms-access-tier") }
        let name = try exchange.blobName()
        let conditions = try Conditions(exchange.headers)
        let leaseID = try exchange.leaseID()
        return try exchange.container()
            .withState { (state) throws(Failure) in
                var blob = try state.existingBlob(name).rehydrated(at: exchange.now)
                try conditions.checkWrite(blob)
                try state.lease(of: name).checkRead(leaseID, now: exchange.now, on: .blob)
                try state.requireFile(name)
                guard blob.kind == .block else { throw .code(.invalidBlobType) }
                if let target = blob.rehydratesTo {
                    guard target == tier else { throw .code(.blobBeingRehydrated) }
                    return Response(202)
                }
                let isRehydration = blob.tier == .archive && tier != .archive
                if isRehydration, let delay = exchange.faults.rehydrationDelay {
                    blob.rehydratesTo = tier
                    blob.protection.rehydrates = exchange.now.adding(milliseconds: delay)
                } else {
                    (blob.tier, blob.tierChanged) = (tier, exchange.now)
                }
                state.commit(.blob(name, blob))
                return Response(isRehydration ? 202 : 200)
            }
    }

    func getBlobTags(_ exchange: Exchange) throws(Failure) -> Response {
        let (blob, _) = try readableBlob(exchange, needsKey: false)
        var xml = XMLWriter()
        xml.open("Tags")
        xml.tagSet(blob.tags)
        xml.close("Tags")
        var response = Response(200, body: .bytes(xml.bytes))
        response.set("Content-Type", "application/xml")
        return response
    }

    /// Leaves ETag and time as they are.
    func setBlobTags(_ exchange: Exchange) throws(Failure) -> Response {
        let document = try exchange.receiveDocument(limit: 64 << 10)
        let root = try XMLElement.parse(document.bytes, root: "Tags")
        let tags = root.child("TagSet")?.children
            .map { Tag(key: $0.child("Key")?.text ?? "", value: $0.child("Value")?.text ?? "") }
        guard let tags else { throw .code(.invalidXmlDocument) }
        try TagRules.check(tags)
        let name = try exchange.blobName()
        let conditions = try Conditions(exchange.headers)
        let leaseID = try exchange.leaseID()
        try exchange.container()
            .withState { (state) throws(Failure) in
                var blob = try state.existingBlob(name)
                try conditions.checkWrite(blob)
                try state.checkWrite(name, leaseID: leaseID, now: exchange.now)
                blob.tags = tags
                state.commit(.blob(name, blob))
            }
        return Response(204)
    }
}

extension XMLWriter {
    mutating func tagSet(_ tags: [Tag]) {
        open("TagSet")
        for tag in tags {
            open("Tag")
            element("Key", tag.key)
            element("Value", tag.value)
            close("Tag")
        }
        close("TagSet")
    }
}
