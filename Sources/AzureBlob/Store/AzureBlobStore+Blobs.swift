package import BlobStorage

extension AzureBlobStore {
    package func listBlobs(
        _ query: BlobQuery,
        after marker: ListMarker?,
        nextKnown: @Sendable (ListMarker) -> Void
    ) async throws(StorageError) -> BlobPage {
        let request = StorageRequest.listBlobs(query, after: marker)
        return try await engine.call(request) { answer throws(StorageError) in
            if let next = BlobListing.nextMarker(atEndOf: answer.body) { nextKnown(next) }
            return try Self.parse(request, answer) { document throws(XMLError) in try BlobListing.page(document) }
        }
    }

    package func properties(of blob: BlobAddress) async throws(StorageError) -> BlobProperties {
        try await engine.properties(of: blob).properties
    }

    package func setMetadata(
        _ metadata: BlobMetadata,
        of blob: BlobAddress,
        condition: VersionCondition
    ) async throws(StorageError) -> BlobVersion {
        let request = StorageRequest.setMetadata(metadata, of: blob, condition: condition)
        return try await engine.call(
            request,
            read: RequestEngine.version(request),
            recover: { error throws(StorageError) in
                try await self.recoverChange(of: blob, error) { $0.metadata == metadata }
            }
        )
    }

    package func setProperties(
        _ headers: BlobHeaders,
        of blob: BlobAddress,
        condition: VersionCondition
    ) async throws(StorageError) -> BlobVersion {
        let request = StorageRequest.setProperties(headers, of: blob, condition: condition)
        return try await engine.call(
            request,
            read: RequestEngine.version(request),
            recover: { error throws(StorageError) in
                try await self.recoverChange(of: blob, error) { found in
                    var (wanted, present) = (headers, BlobHeaders(of: found))
                    wanted.contentType = wanted.contentType ?? "application/octet-stream"
                    wanted.metadata = [:]
                    present.metadata = [:]
                    return wanted == present
                }
            }
        )
    }

    /// A change under If-Match whose answer was lost is refused the second time; then what the blob shows decides.
    private func recoverChange(
        of blob: BlobAddress,
        _ error: StorageError,
        isDone: (BlobProperties) -> Bool
    ) async throws(StorageError) -> RequestEngine.Recovery<BlobVersion> {
        guard error.kind == .conditionFailed, let found = try await engine.head(ifPresent: blob),
            isDone(found.properties)
        else { return .refused }
        return .done(found.properties.version)
    }

    package func delete(_ blob: BlobAddress, condition: VersionCondition) async throws(StorageError) {
        let request = StorageRequest.delete(blob, condition: condition)
        guard condition != .absent, condition != .vacant else {
            throw StorageError(.invalid, .permanent, request, "what is absent cannot be deleted")
        }
        try await engine.call(
            request,
            read: { _ throws(StorageError) in },
            // Gone, and an earlier attempt may have done it. A condition on what is gone answers 412, too, as it does
            // where somebody put another blob there.
            recover: { error throws(StorageError) in
                if error.kind == .notFound { return .done(()) }
                guard error.kind == .conditionFailed else { return .refused }
                return try await self.engine.head(ifPresent: blob) == nil ? .done(()) : .refused
            }
        )
    }
}
