package import BlobStorage

extension AzureBlobStore {
    package func listContainers(
        _ query: ContainerQuery,
        after marker: ListMarker?
    ) async throws(StorageError) -> ContainerPage {
        let request = StorageRequest.listContainers(query, after: marker)
        return try await engine.call(request) { answer throws(StorageError) in
            try Self.parse(request, answer) { document throws(XMLError) in try ContainerListing.page(document) }
        }
    }

    package func createContainer(
        _ name: String,
        metadata: BlobMetadata
    ) async throws(StorageError) -> BlobVersion {
        let request = StorageRequest.createContainer(name, metadata: metadata)
        return try await engine.call(
            request,
            read: RequestEngine.version(request),
            recover: { error throws(StorageError) in
                // Ours, or somebody else's a moment later: it is there, as was asked.
                guard error.kind == .alreadyExists else { return .refused }
                return .done(try await self.properties(ofContainer: name).version)
            }
        )
    }

    package func properties(ofContainer name: String) async throws(StorageError) -> ContainerProperties {
        let request = StorageRequest.properties(ofContainer: name)
        return try await engine.call(request) { answer throws(StorageError) in
            guard let version = answer.head.version else { throw RequestEngine.incomplete(request, answer.head) }
            return ContainerProperties(name: name, version: version, metadata: answer.head.metadata)
        }
    }

    package func setMetadata(
        _ metadata: BlobMetadata,
        ofContainer name: String
    ) async throws(StorageError) -> BlobVersion {
        let request = StorageRequest.setMetadata(metadata, ofContainer: name)
        return try await engine.call(request, read: RequestEngine.version(request))
    }

    package func deleteContainer(_ name: String, unmodifiedSince: Int64?) async throws(StorageError) {
        try await engine.call(
            .deleteContainer(name, unmodifiedSince: unmodifiedSince),
            read: { _ throws(StorageError) in },
            recover: { error throws(StorageError) in error.kind == .notFound ? .done(()) : .refused }
        )
    }

    /// A document that does not parse was cut short or replaced on the way: worth another attempt.
    static func parse<Value>(
        _ request: StorageRequest,
        _ answer: RequestEngine.Answer,
        _ read: ([UInt8]) throws(XMLError) -> Value
    ) throws(StorageError) -> Value {
        do throws(XMLError) {
            return try read(answer.body)
        } catch {
            throw StorageError(.corrupted, .temporary, request, "unreadable XML: \(error)", head: answer.head)
        }
    }
}
