package import BlobStorage
internal import Checksums

/// Limits of the pinned version, in bytes and blocks.
enum UploadLimit {
    static let putBlobMax = 5_000 << 20
    static let putBlockMax = 4_000 << 20
    /// The service's pages disagree about 100 MiB since 2022-11-02: 4 MiB is safe everywhere.
    static let appendMax = 4 << 20
    static let blockCountMax = 50_000
}

extension AzureBlobStore {
    package func putBlob(
        _ blob: BlobAddress,
        _ body: UploadBody,
        headers: BlobHeaders,
        condition: VersionCondition
    ) async throws(StorageError) -> BlobVersion {
        let (marked, proof) = CommitProof.of(headers, condition)
        let request = StorageRequest.putBlob(
            blob,
            byteCount: body.byteCount,
            checksum: body.checksum,
            headers: marked,
            condition: condition
        )
        try Self.check(body, 0...UploadLimit.putBlobMax, request)
        return try await engine.call(
            request,
            body: body,
            read: RequestEngine.version(request),
            recover: proof.map { engine.recovery(of: blob, $0) }
        )
    }

    package func putBlock(_ id: BlockID, of blob: BlobAddress, _ body: UploadBody) async throws(StorageError) {
        let request = StorageRequest.putBlock(id, of: blob, byteCount: body.byteCount, checksum: body.checksum)
        try Self.check(body, 1...UploadLimit.putBlockMax, request)
        // The same bytes under the same id: sending them twice changes nothing.
        try await engine.call(request, body: body, priority: .background) { _ throws(StorageError) in }
    }

    package func putBlock(
        _ id: BlockID,
        of blob: BlobAddress,
        from source: BlobAddress,
        range: Range<UInt64>,
        sourceCondition: VersionCondition
    ) async throws(StorageError) {
        let request = StorageRequest.putBlockFromURL(
            id,
            of: blob,
            from: source,
            range: range.isEmpty ? range.lowerBound..<range.lowerBound + 1 : range,
            sourceCondition: sourceCondition
        )
        guard !range.isEmpty else { throw StorageError(.invalid, .permanent, request, "a block is not empty") }
        try await engine.call(request, priority: .background) { _ throws(StorageError) in }
    }

    package func putBlockList(
        _ blocks: [BlockReference],
        of blob: BlobAddress,
        headers: BlobHeaders,
        condition: VersionCondition
    ) async throws(StorageError) -> BlobVersion {
        let isRepeatable = blocks.allSatisfy { if case .uncommitted = $0 { false } else { true } }
        let (marked, proof) = CommitProof.of(headers, condition, isRepeatable: isRepeatable)
        let text = Array(BlockListXML.text(blocks).utf8)
        let document = UploadBody(text)
        let request = StorageRequest.putBlockList(
            of: blob,
            byteCount: document.byteCount,
            checksum: .crc64(text.withUnsafeBytes { CRC64.checksum($0) }),
            headers: marked,
            condition: condition
        )
        guard blocks.count <= UploadLimit.blockCountMax else {
            throw StorageError(.tooLarge, .permanent, request, "a blob has at most 50,000 blocks")
        }
        return try await engine.call(
            request,
            body: document,
            read: RequestEngine.version(request),
            recover: proof.map { engine.recovery(of: blob, $0) }
        )
    }

    package func blockList(of blob: BlobAddress) async throws(StorageError) -> BlockList {
        let request = StorageRequest.blockList(of: blob)
        return try await engine.call(request) { answer throws(StorageError) in
            let blocks = try Self.parse(request, answer) { document throws(XMLError) in
                try BlockListReading.blocks(document)
            }
            return BlockList(
                committed: blocks.committed,
                uncommitted: blocks.uncommitted,
                version: answer.head.version
            )
        }
    }

    // MARK: What uploads have in common

    static func check(
        _ body: UploadBody,
        _ allowed: ClosedRange<Int>,
        _ request: StorageRequest
    ) throws(StorageError) {
        if body.byteCount < allowed.lowerBound {
            throw StorageError(.invalid, .permanent, request, "the body is empty")
        }
        if body.byteCount > allowed.upperBound {
            let message = "\(body.byteCount) bytes are more than the \(allowed.upperBound) that one request takes"
            throw StorageError(.tooLarge, .permanent, request, message)
        }
    }
}
