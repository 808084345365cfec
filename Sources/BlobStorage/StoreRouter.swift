/// The store of an account, and beside it containers of other accounts, each by its own store: what names a
/// `ForeignContainer` goes there, everything else to the account's.
///
/// Nothing is copied or renamed from one to another in one step: `.invalid`, as between file systems.
package final class StoreRouter: BlobStore {
    private let main: any BlobStore
    /// By container, as an address without a name: compared by bytes.
    private let routes: [BlobAddress: StoreRoute]

    /// - Parameter routes: of one container each.
    package init(_ main: any BlobStore, routes: [StoreRoute] = []) {
        self.main = main
        self.routes = Dictionary(routes.map { (Self.key("\($0.container)"), $0) }) { first, _ in first }
    }

    /// Whether somebody said what opens the container.
    package func reaches(_ container: String) -> Bool {
        !ForeignContainer.isForeign(container) || routes[Self.key(container)] != nil
    }

    private static func key(_ container: String) -> BlobAddress { BlobAddress(container: container, name: "") }

    /// `nil`: the account's own.
    private func route(to container: String) throws(StorageError) -> StoreRoute? {
        guard ForeignContainer.isForeign(container) else { return nil }
        if let route = routes[Self.key(container)] { return route }
        throw StorageError(
            .unauthenticated,
            .permanent,
            operation: "open",
            resource: container,
            message: "no datastore of the configuration is there any more: put its [datastores.NAME] back"
        )
    }

    /// Performs an operation in the store that has the container, under the name that it has there.
    private func at<Value: Sendable>(
        _ container: String,
        _ operation: (any BlobStore, String) async throws(StorageError) -> Value
    ) async throws(StorageError) -> Value {
        guard let route = try route(to: container) else { return try await operation(main, container) }
        return try await route.perform(operation)
    }

    /// The same for a blob.
    private func at<Value: Sendable>(
        _ blob: BlobAddress,
        _ operation: (any BlobStore, BlobAddress) async throws(StorageError) -> Value
    ) async throws(StorageError) -> Value {
        try await at(blob.container) { (store, container) async throws(StorageError) in
            try await operation(store, BlobAddress(container: container, name: blob.name))
        }
    }

    /// For what takes one step from blob to blob.
    private func at<Value: Sendable>(
        _ source: BlobAddress,
        _ destination: BlobAddress,
        _ name: String,
        _ operation: (any BlobStore, BlobAddress, BlobAddress) async throws(StorageError) -> Value
    ) async throws(StorageError) -> Value {
        guard destination.isOneStep(from: source) else {
            throw StorageError(
                .invalid,
                .permanent,
                operation: name,
                resource: destination.description,
                message: "\(source) is of another account"
            )
        }
        guard let route = try route(to: destination.container) else {
            return try await operation(main, source, destination)
        }
        return try await route.perform { (store, container) async throws(StorageError) in
            try await operation(
                store,
                BlobAddress(container: container, name: source.name),
                BlobAddress(container: container, name: destination.name)
            )
        }
    }

    // MARK: Containers

    /// The account's own only.
    package func listContainers(
        _ query: ContainerQuery,
        after marker: ListMarker?
    ) async throws(StorageError) -> ContainerPage { try await main.listContainers(query, after: marker) }

    package func createContainer(_ name: String, metadata: BlobMetadata) async throws(StorageError) -> BlobVersion {
        try await at(name) { (store, container) async throws(StorageError) in
            try await store.createContainer(container, metadata: metadata)
        }
    }

    package func properties(ofContainer name: String) async throws(StorageError) -> ContainerProperties {
        var properties = try await at(name) { (store, container) async throws(StorageError) in
            try await store.properties(ofContainer: container)
        }
        properties.name = name
        return properties
    }

    package func setMetadata(
        _ metadata: BlobMetadata,
        ofContainer name: String
    ) async throws(StorageError) -> BlobVersion {
        try await at(name) { (store, container) async throws(StorageError) in
            try await store.setMetadata(metadata, ofContainer: container)
        }
    }

    package func deleteContainer(_ name: String, unmodifiedSince: Int64?) async throws(StorageError) {
        try await at(name) { (store, container) async throws(StorageError) in
            try await store.deleteContainer(container, unmodifiedSince: unmodifiedSince)
        }
    }

    // MARK: Blobs

    package func listBlobs(
        _ query: BlobQuery,
        after marker: ListMarker?,
        nextKnown: @Sendable (ListMarker) -> Void
    ) async throws(StorageError) -> BlobPage {
        try await at(query.container) { (store, container) async throws(StorageError) in
            var own = query
            own.container = container
            return try await store.listBlobs(own, after: marker, nextKnown: nextKnown)
        }
    }

    package func properties(of blob: BlobAddress) async throws(StorageError) -> BlobProperties {
        try await at(blob) { (store, blob) async throws(StorageError) in try await store.properties(of: blob) }
    }

    @discardableResult
    package func read(
        _ read: BlobRead,
        completion: @escaping @Sendable (Result<BlobReadResult, StorageError>) -> Void
    ) -> any ReadOperation {
        let route: StoreRoute?
        do throws(StorageError) { route = try self.route(to: read.blob.container) } catch {
            completion(.failure(error))
            return EndedRead()
        }
        guard let route else { return main.read(read, completion: completion) }
        var own = read
        own.blob = BlobAddress(container: route.container.name, name: read.blob.name)
        return route.store.read(own) { completion($0.mapError(route.named)) }
    }

    package func putBlob(
        _ blob: BlobAddress,
        _ body: UploadBody,
        headers: BlobHeaders,
        condition: VersionCondition
    ) async throws(StorageError) -> BlobVersion {
        try await at(blob) { (store, blob) async throws(StorageError) in
            try await store.putBlob(blob, body, headers: headers, condition: condition)
        }
    }

    package func putBlock(_ id: BlockID, of blob: BlobAddress, _ body: UploadBody) async throws(StorageError) {
        try await at(blob) { (store, blob) async throws(StorageError) in
            try await store.putBlock(id, of: blob, body)
        }
    }

    package func putBlock(
        _ id: BlockID,
        of blob: BlobAddress,
        from source: BlobAddress,
        range: Range<UInt64>,
        sourceCondition: VersionCondition
    ) async throws(StorageError) {
        try await at(source, blob, "copy") { (store, source, blob) async throws(StorageError) in
            try await store.putBlock(id, of: blob, from: source, range: range, sourceCondition: sourceCondition)
        }
    }

    package func putBlockList(
        _ blocks: [BlockReference],
        of blob: BlobAddress,
        headers: BlobHeaders,
        condition: VersionCondition
    ) async throws(StorageError) -> BlobVersion {
        try await at(blob) { (store, blob) async throws(StorageError) in
            try await store.putBlockList(blocks, of: blob, headers: headers, condition: condition)
        }
    }

    package func blockList(of blob: BlobAddress) async throws(StorageError) -> BlockList {
        try await at(blob) { (store, blob) async throws(StorageError) in try await store.blockList(of: blob) }
    }

    package func createAppendBlob(
        _ blob: BlobAddress,
        headers: BlobHeaders,
        condition: VersionCondition
    ) async throws(StorageError) -> BlobVersion {
        try await at(blob) { (store, blob) async throws(StorageError) in
            try await store.createAppendBlob(blob, headers: headers, condition: condition)
        }
    }

    package func append(
        _ body: UploadBody,
        to blob: BlobAddress,
        at position: UInt64
    ) async throws(StorageError) -> AppendResult {
        try await at(blob) { (store, blob) async throws(StorageError) in
            try await store.append(body, to: blob, at: position)
        }
    }

    package func copy(
        _ source: BlobAddress,
        sourceCondition: VersionCondition,
        known: BlobProperties?,
        to destination: BlobAddress,
        metadata: BlobMetadata?,
        condition: VersionCondition
    ) async throws(StorageError) -> BlobProperties {
        try await at(source, destination, "copy") { (store, source, destination) async throws(StorageError) in
            try await store.copy(
                source,
                sourceCondition: sourceCondition,
                known: known,
                to: destination,
                metadata: metadata,
                condition: condition
            )
        }
    }

    package func setMetadata(
        _ metadata: BlobMetadata,
        of blob: BlobAddress,
        condition: VersionCondition
    ) async throws(StorageError) -> BlobVersion {
        try await at(blob) { (store, blob) async throws(StorageError) in
            try await store.setMetadata(metadata, of: blob, condition: condition)
        }
    }

    package func setProperties(
        _ headers: BlobHeaders,
        of blob: BlobAddress,
        condition: VersionCondition
    ) async throws(StorageError) -> BlobVersion {
        try await at(blob) { (store, blob) async throws(StorageError) in
            try await store.setProperties(headers, of: blob, condition: condition)
        }
    }

    package func delete(_ blob: BlobAddress, condition: VersionCondition) async throws(StorageError) {
        try await at(blob) { (store, blob) async throws(StorageError) in
            try await store.delete(blob, condition: condition)
        }
    }

    /// One account after the other: as a rule there is one.
    package func deleteEach(_ deletions: [BlobDeletion], atOnce: Int) async -> [StorageError?] {
        var failures = [StorageError?](repeating: nil, count: deletions.count)
        let numbers = Dictionary(grouping: deletions.indices) { number in
            let container = deletions[number].blob.container
            return Self.key(ForeignContainer.isForeign(container) ? container : "")
        }
        for (key, numbers) in numbers {
            let blobs = numbers.map { deletions[$0] }
            let answers: [StorageError?]
            do throws(StorageError) {
                answers = try await deleteEach(blobs, in: key.container, atOnce: atOnce)
            } catch { answers = numbers.map { _ in error } }
            for (number, answer) in zip(numbers, answers) { failures[number] = answer }
        }
        return failures
    }

    /// All in this foreign container, or in those of the account.
    private func deleteEach(
        _ deletions: [BlobDeletion],
        in container: String,
        atOnce: Int
    ) async throws(StorageError) -> [StorageError?] {
        guard let route = try route(to: container) else { return await main.deleteEach(deletions, atOnce: atOnce) }
        let failures = try await route.perform { (store, container) async throws(StorageError) in
            let own = deletions.map { deletion in
                BlobDeletion(
                    BlobAddress(container: container, name: deletion.blob.name),
                    condition: deletion.condition
                )
            }
            return await store.deleteEach(own, atOnce: atOnce)
        }
        return failures.map { $0.map(route.named) }
    }

    // MARK: Paths

    package func namespace(of container: String) -> Namespace {
        guard ForeignContainer.isForeign(container) else { return main.namespace(of: container) }
        return routes[Self.key(container)]?.namespace ?? .flat
    }

    package func renamePath(
        _ source: BlobAddress,
        _ path: RenamedPath,
        to destination: BlobAddress,
        condition: VersionCondition
    ) async throws(StorageError) -> BlobVersion {
        try await at(source, destination, "rename") { (store, source, destination) async throws(StorageError) in
            try await store.renamePath(source, path, to: destination, condition: condition)
        }
    }

    package func makeDirectory(
        _ directory: BlobAddress,
        metadata: BlobMetadata
    ) async throws(StorageError) -> BlobVersion {
        try await at(directory) { (store, directory) async throws(StorageError) in
            try await store.makeDirectory(directory, metadata: metadata)
        }
    }

    package func removeDirectory(_ directory: BlobAddress, recursively: Bool) async throws(StorageError) {
        try await at(directory) { (store, directory) async throws(StorageError) in
            try await store.removeDirectory(directory, recursively: recursively)
        }
    }
}

/// One that failed before it began.
private final class EndedRead: ReadOperation {
    func cancel() {}
}
