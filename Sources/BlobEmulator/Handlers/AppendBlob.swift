/// Append Block, Append Block From URL, Append Blob Seal.
extension Service {
    func appendBlock(_ exchange: Exchange) throws(Failure) -> Response {
        let container = try exchange.container()
        try container.withState { (state) throws(Failure) in _ = try appendable(exchange, &state) }
        let received = try exchange.receiveBody(
            into: content,
            limit: exchange.version.appendBlockLimit,
            alwaysMD5: false
        )
        return try append(received, exchange, container)
    }

    func appendBlockFromURL(_ exchange: Exchange) throws(Failure) -> Response {
        let source = try copiedRange(exchange, limit: exchange.version.appendBlockLimit)
        return try append(source, exchange, try exchange.container())
    }

    private func append(_ block: ReceivedBody, _ exchange: Exchange, _ container: Container) throws(Failure) -> Response
    {
        guard block.content.length > 0 else { throw .invalidHeader("Content-Length", "0") }
        let name = try exchange.blobName()
        let position = try exchange.integerHeader("x-ms-blob-condition-appendpos")
        let maximum = try exchange.integerHeader("x-ms-blob-condition-maxsize")
        let (blob, offset) = try container.withState { (state) throws(Failure) in
            let blob = try appendable(exchange, &state)
            let end = blob.content.length
            if let position, position != end { throw .code(.appendPositionConditionNotMet) }
            if let maximum, end + block.content.length > maximum { throw .code(.maxBlobSizeConditionNotMet) }
            guard blob.appendedBlockCount < BlockLimits.committed else { throw .code(.blockCountExceedsLimit) }
            state.commit(.appended(name, block.content, etags.next(at: exchange.now), exchange.now))
            state.noteWrite(name, now: exchange.now)
            return (try state.existingBlob(name), end)
        }
        var response = Response(201, blob.versionHeaders)
        response.headers += block.answerHeaders
        response.set("x-ms-blob-append-offset", String(offset))
        response.set("x-ms-blob-committed-block-count", String(blob.appendedBlockCount))
        response.set("x-ms-request-server-encrypted", "true")
        return response
    }

    /// The append blob that may be written to: conditions, lease, type, not sealed.
    private func appendable(_ exchange: Exchange, _ state: inout ContainerState) throws(Failure) -> Blob {
        let name = try exchange.blobName()
        let blob = try state.existingBlob(name)
        try Conditions(exchange.headers).checkWrite(blob)
        try state.checkWrite(name, leaseID: exchange.leaseID(), now: exchange.now)
        try state.requireFile(name)
        try blob.require(.append)
        try blob.requireKey(exchange.encryption())
        guard !blob.isSealed else { throw .code(.blobIsSealed) }
        return blob
    }

    func sealAppendBlob(_ exchange: Exchange) throws(Failure) -> Response {
        let name = try exchange.blobName()
        let position = try exchange.integerHeader("x-ms-blob-condition-appendpos")
        let blob = try exchange.container()
            .withState { (state) throws(Failure) in
                var blob = try state.existingBlob(name)
                try Conditions(exchange.headers).checkWrite(blob)
                try state.checkWrite(name, leaseID: exchange.leaseID(), now: exchange.now)
                try blob.require(.append)
                if let position, position != blob.content.length { throw .code(.appendPositionConditionNotMet) }
                guard !blob.isSealed else { return blob }
                blob.isSealed = true
                blob.touch(etags.next(at: exchange.now), at: exchange.now)
                state.replace(name, with: blob, now: exchange.now)
                return blob
            }
        return Response(200, blob.versionHeaders + [("x-ms-blob-sealed", "true")])
    }
}
