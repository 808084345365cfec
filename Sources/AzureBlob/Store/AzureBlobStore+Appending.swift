package import BlobStorage
internal import Glibc

extension AzureBlobStore {
    package func createAppendBlob(
        _ blob: BlobAddress,
        headers: BlobHeaders,
        condition: VersionCondition
    ) async throws(StorageError) -> BlobVersion {
        let (marked, proof) = CommitProof.of(headers, condition)
        let request = StorageRequest.createAppendBlob(blob, headers: marked, condition: condition)
        return try await engine.call(
            request,
            read: RequestEngine.version(request),
            recover: proof.map { engine.recovery(of: blob, $0) }
        )
    }

    package func append(
        _ body: UploadBody,
        to blob: BlobAddress,
        at position: UInt64
    ) async throws(StorageError) -> AppendResult {
        let request = StorageRequest.appendBlock(
            to: blob,
            at: position,
            byteCount: body.byteCount,
            checksum: body.checksum
        )
        try Self.check(body, 1...UploadLimit.appendMax, request)
        return try await engine.call(
            request,
            body: body,
            read: { answer throws(StorageError) in
                guard let version = answer.head.version,
                    let offset = answer.head["x-ms-blob-append-offset"].flatMap({ UInt64($0) })
                else { throw RequestEngine.incomplete(request, answer.head) }
                let count = answer.head["x-ms-blob-committed-block-count"].flatMap { Int($0) } ?? 0
                return AppendResult(version: version, offset: offset, committedBlockCount: count)
            },
            recover: { error throws(StorageError) in try await self.recoverAppend(body, blob, position, error) }
        )
    }

    /// An append whose answer was lost is refused the second time if it landed, because the blob's end is elsewhere
    /// then: the blob's length and bytes tell whether it did.
    private func recoverAppend(
        _ body: UploadBody,
        _ blob: BlobAddress,
        _ position: UInt64,
        _ error: StorageError
    ) async throws(StorageError) -> RequestEngine.Recovery<AppendResult> {
        guard error.kind == .conditionFailed, let found = try await engine.head(ifPresent: blob) else {
            return .refused
        }
        let properties = found.properties
        if properties.length == position { return .sendAgain }
        guard properties.length >= position + UInt64(body.byteCount),
            try await holds(body, blob, at: position)
        else { return .refused }
        return .done(
            AppendResult(
                version: properties.version,
                offset: position,
                committedBlockCount: properties.committedBlockCount ?? 0
            )
        )
    }

    /// Whether the blob has exactly these bytes there: at most 4 MiB, read back.
    private func holds(_ body: UploadBody, _ blob: BlobAddress, at position: UInt64) async throws(StorageError) -> Bool
    {
        let count = body.byteCount
        // Two halves: what is there, and what was to be sent.
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 2 * count, alignment: 16)
        defer { buffer.deallocate() }
        guard let start = buffer.baseAddress else { return false }
        let range = position..<position + UInt64(count)
        let answer = try await readBack(blob, range, into: start)
        guard answer.byteCount == count else { return false }
        var offset = 0
        while offset < count {
            let room = UnsafeMutableRawBufferPointer(start: start + count + offset, count: count - offset)
            guard let copied = body.read(offset, room), copied > 0 else { return false }
            offset += copied
        }
        return memcmp(start, start + count, count) == 0
    }

    private func readBack(
        _ blob: BlobAddress,
        _ range: Range<UInt64>,
        into destination: UnsafeMutableRawPointer
    ) async throws(StorageError) -> BlobReadResult {
        let read = BlobRead(blob: blob, range: range, condition: .any, verification: .none, destination: destination)
        let result: Result<BlobReadResult, StorageError> = await withCheckedContinuation { continuation in
            self.read(read) { continuation.resume(returning: $0) }
        }
        return try result.get()
    }
}
