package import BlobStorage
import Synchronization

/// A store in which the records of jobs and tasks can be read like blobs. Everything else is the store's.
package final class StoreWithRecords: BlobStore {
    private let store: any BlobStore
    private let records: any JobRecords
    /// What was told of each lately: who opened a version reads it to the end, whatever Batch says by then.
    private let told = Mutex<[BlobAddress: JobRecord]>([:])

    /// A record has about 1 KiB.
    private static let toldMax = 4096

    package init(_ store: any BlobStore, records: any JobRecords) {
        self.store = store
        self.records = records
    }

    // MARK: Records

    package func properties(of blob: BlobAddress) async throws(StorageError) -> BlobProperties {
        guard let name = RecordName(blob) else { return try await store.properties(of: blob) }
        guard let record = await records.record(name, isListing: false) else {
            throw Self.failure(.notFound, "read", blob, "Batch knows nothing of it, or does not answer")
        }
        tell(record, blob)
        return record.properties
    }

    package func read(
        _ read: BlobRead,
        completion: @escaping @Sendable (Result<BlobReadResult, StorageError>) -> Void
    ) -> any ReadOperation {
        guard let name = RecordName(read.blob) else { return store.read(read, completion: completion) }
        let operation = RecordRead(read, completion: completion)
        if let known = told.withLock({ $0[read.blob] }), read.condition == .matches(known.properties.version.etag) {
            operation.finish(with: known)
        } else {
            operation.begin { [self] in
                let record = await records.record(name, isListing: false)
                if let record { tell(record, read.blob) }
                return record
            }
        }
        return operation
    }

    private func tell(_ record: JobRecord, _ blob: BlobAddress) {
        told.withLock { told in
            if told.count >= Self.toldMax { told.removeAll() }
            told[blob] = record
        }
    }

    static func failure(
        _ kind: StorageError.Kind,
        _ operation: String,
        _ blob: BlobAddress,
        _ message: String
    ) -> StorageError {
        StorageError(kind, .permanent, operation: operation, resource: blob.description, message: message)
    }

    /// EPERM, for what nobody here can change.
    private func requireBlob(_ blob: BlobAddress, _ operation: String) throws(StorageError) {
        guard RecordName(blob) != nil else { return }
        throw Self.failure(.immutable, operation, blob, "it is what Batch says, and can only be read")
    }

    // MARK: Containers

    package func listContainers(
        _ query: ContainerQuery,
        after marker: ListMarker?
    ) async throws(StorageError) -> ContainerPage { try await store.listContainers(query, after: marker) }

    package func createContainer(
        _ name: String,
        metadata: BlobMetadata
    ) async throws(StorageError) -> BlobVersion { try await store.createContainer(name, metadata: metadata) }

    package func properties(ofContainer name: String) async throws(StorageError) -> ContainerProperties {
        try await store.properties(ofContainer: name)
    }

    package func setMetadata(
        _ metadata: BlobMetadata,
        ofContainer name: String
    ) async throws(StorageError) -> BlobVersion { try await store.setMetadata(metadata, ofContainer: name) }

    package func deleteContainer(_ name: String, unmodifiedSince: Int64?) async throws(StorageError) {
        try await store.deleteContainer(name, unmodifiedSince: unmodifiedSince)
    }

    // MARK: Blobs

    package func listBlobs(
        _ query: BlobQuery,
        after marker: ListMarker?,
        nextKnown: @Sendable (ListMarker) -> Void
    ) async throws(StorageError) -> BlobPage {
        try await store.listBlobs(query, after: marker, nextKnown: nextKnown)
    }

    package func putBlob(
        _ blob: BlobAddress,
        _ body: UploadBody,
        headers: BlobHeaders,
        condition: VersionCondition
    ) async throws(StorageError) -> BlobVersion {
        try requireBlob(blob, "write")
        return try await store.putBlob(blob, body, headers: headers, condition: condition)
    }

    package func putBlock(_ id: BlockID, of blob: BlobAddress, _ body: UploadBody) async throws(StorageError) {
        try requireBlob(blob, "write")
        try await store.putBlock(id, of: blob, body)
    }

    package func putBlock(
        _ id: BlockID,
        of blob: BlobAddress,
        from source: BlobAddress,
        range: Range<UInt64>,
        sourceCondition: VersionCondition
    ) async throws(StorageError) {
        try requireBlob(blob, "write")
        try requireBlob(source, "copy")
        try await store.putBlock(id, of: blob, from: source, range: range, sourceCondition: sourceCondition)
    }

    package func putBlockList(
        _ blocks: [BlockReference],
        of blob: BlobAddress,
        headers: BlobHeaders,
        condition: VersionCondition
    ) async throws(StorageError) -> BlobVersion {
        try requireBlob(blob, "write")
        return try await store.putBlockList(blocks, of: blob, headers: headers, condition: condition)
    }

    package func blockList(of blob: BlobAddress) async throws(StorageError) -> BlockList {
        try requireBlob(blob, "change")
        return try await store.blockList(of: blob)
    }

    package func createAppendBlob(
        _ blob: BlobAddress,
        headers: BlobHeaders,
        condition: VersionCondition
    ) async throws(StorageError) -> BlobVersion {
        try requireBlob(blob, "write")
        return try await store.createAppendBlob(blob, headers: headers, condition: condition)
    }

    package func append(
        _ body: UploadBody,
        to blob: BlobAddress,
        at position: UInt64
    ) async throws(StorageError) -> AppendResult {
        try requireBlob(blob, "append")
        return try await store.append(body, to: blob, at: position)
    }

    package func copy(
        _ source: BlobAddress,
        sourceCondition: VersionCondition,
        known: BlobProperties?,
        to destination: BlobAddress,
        metadata: BlobMetadata?,
        condition: VersionCondition
    ) async throws(StorageError) -> BlobProperties {
        try requireBlob(source, "copy")
        try requireBlob(destination, "write")
        return try await store.copy(
            source,
            sourceCondition: sourceCondition,
            known: known,
            to: destination,
            metadata: metadata,
            condition: condition
        )
    }

    package func setMetadata(
        _ metadata: BlobMetadata,
        of blob: BlobAddress,
        condition: VersionCondition
    ) async throws(StorageError) -> BlobVersion {
        try requireBlob(blob, "change")
        return try await store.setMetadata(metadata, of: blob, condition: condition)
    }

    package func setProperties(
        _ headers: BlobHeaders,
        of blob: BlobAddress,
        condition: VersionCondition
    ) async throws(StorageError) -> BlobVersion {
        try requireBlob(blob, "change")
        return try await store.setProperties(headers, of: blob, condition: condition)
    }

    package func delete(_ blob: BlobAddress, condition: VersionCondition) async throws(StorageError) {
        try requireBlob(blob, "delete")
        try await store.delete(blob, condition: condition)
    }

    package func deleteEach(_ deletions: [BlobDeletion], atOnce: Int) async -> [StorageError?] {
        let refusals = deletions.map { deletion -> StorageError? in
            do throws(StorageError) {
                try requireBlob(deletion.blob, "delete")
                return nil
            } catch { return error }
        }
        let blobs = zip(deletions, refusals).filter { $0.1 == nil }.map(\.0)
        var answers = await store.deleteEach(blobs, atOnce: atOnce)[...]
        return refusals.map { refusal in refusal ?? answers.popFirst() ?? nil }
    }

    // MARK: Paths

    package func namespace(of container: String) -> Namespace { store.namespace(of: container) }

    package func renamePath(
        _ source: BlobAddress,
        _ path: RenamedPath,
        to destination: BlobAddress,
        condition: VersionCondition
    ) async throws(StorageError) -> BlobVersion {
        try requireBlob(source, "rename")
        try requireBlob(destination, "write")
        return try await store.renamePath(source, path, to: destination, condition: condition)
    }

    package func makeDirectory(
        _ directory: BlobAddress,
        metadata: BlobMetadata
    ) async throws(StorageError) -> BlobVersion { try await store.makeDirectory(directory, metadata: metadata) }

    package func removeDirectory(_ directory: BlobAddress, recursively: Bool) async throws(StorageError) {
        try await store.removeDirectory(directory, recursively: recursively)
    }
}
