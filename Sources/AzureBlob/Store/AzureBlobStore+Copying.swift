package import BlobStorage

extension AzureBlobStore {
    /// The copy is of one version of the source: its ETag is known or looked up first, and pinned. A copy of an append blob is a
    /// block blob, since only those can be put together unseen.
    package func copy(
        _ source: BlobAddress,
        sourceCondition: VersionCondition,
        known: BlobProperties?,
        to destination: BlobAddress,
        metadata: BlobMetadata?,
        condition: VersionCondition
    ) async throws(StorageError) -> BlobProperties {
        let found: BlobProperties
        if let known {
            found = known
        } else {
            found = try await engine.properties(of: source, condition: sourceCondition).properties
        }
        var headers = BlobHeaders(of: found)
        if let metadata { headers.metadata = metadata }
        let pinned = VersionCondition.matches(found.version.etag)
        let version: BlobVersion
        switch CopyPlan(length: found.length, type: found.type, upload: RandomName.bytes()) {
        case .empty:
            // Nothing is read that a condition could stand on: an empty blob that somebody filled must not be copied as one.
            if known != nil { _ = try await engine.properties(of: source, condition: pinned) }
            version = try await putBlob(destination, .empty, headers: headers, condition: condition)
        case .whole:
            version = try await copyWhole(source, pinned, destination, headers.metadata, condition)
        case .blocks(let pieces):
            try await stage(pieces, of: destination, from: source, pinned)
            version = try await putBlockList(
                pieces.map { .latest($0.id) },
                of: destination,
                headers: headers,
                condition: condition
            )
        }
        return found.copied(as: version, metadata: headers.metadata)
    }

    /// With a mark in any case: a copy without metadata would take over the source's, its mark included.
    private func copyWhole(
        _ source: BlobAddress,
        _ sourceCondition: VersionCondition,
        _ destination: BlobAddress,
        _ metadata: BlobMetadata,
        _ condition: VersionCondition
    ) async throws(StorageError) -> BlobVersion {
        let mark = UploadMark()
        let request = StorageRequest.copyBlobFromURL(
            from: source,
            to: destination,
            sourceCondition: sourceCondition,
            metadata: mark.added(to: metadata),
            condition: condition
        )
        return try await engine.call(
            request,
            read: { answer throws(StorageError) in
                if let status = answer.head["x-ms-copy-status"], status != "success" {
                    throw StorageError(.unexpected, .permanent, request, "the copy is “\(status)”", head: answer.head)
                }
                guard let version = answer.head.version else { throw RequestEngine.incomplete(request, answer.head) }
                return version
            },
            recover: engine.recovery(of: destination, .mark(mark))
        )
    }

    /// How many pieces are copied at a time.
    private static let stagedAtOnce = 8

    private func stage(
        _ pieces: [CopyPlan.Piece],
        of destination: BlobAddress,
        from source: BlobAddress,
        _ sourceCondition: VersionCondition
    ) async throws(StorageError) {
        let result = await withTaskGroup(of: Result<Void, StorageError>.self) { group in
            var result: Result<Void, StorageError> = .success(())
            for (index, piece) in pieces.enumerated() {
                if index >= Self.stagedAtOnce, let ended = await group.next(), case .failure = ended {
                    result = ended
                    break
                }
                group.addTask {
                    do throws(StorageError) {
                        try await self.putBlock(
                            piece.id,
                            of: destination,
                            from: source,
                            range: piece.range,
                            sourceCondition: sourceCondition
                        )
                        return .success(())
                    } catch {
                        return .failure(error)
                    }
                }
            }
            if case .failure = result { group.cancelAll() }
            while let ended = await group.next() {
                guard case .success = result, case .failure = ended else { continue }
                result = ended
                group.cancelAll()
            }
            return result
        }
        try result.get()
    }
}
