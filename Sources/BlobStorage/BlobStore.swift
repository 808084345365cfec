/// What storage must offer: the seam between the tree and whatever keeps the blobs.
///
/// Each operation is one promise, retries and recovery included: it succeeds, or says why not, within the deadlines
/// that the implementation was given; a commit whose answer was lost is recognised as done, and an append is never
/// applied twice. All async operations end soon when their task is cancelled.
///
/// Implementations: `AzureBlobStore` (the service), `StoreRouter` (several accounts), `MemoryStore` (tests).
package protocol BlobStore: AnyObject, Sendable {
    // MARK: Containers

    func listContainers(_ query: ContainerQuery, after marker: ListMarker?) async throws(StorageError) -> ContainerPage
    /// `.alreadyExists` if it is there.
    func createContainer(_ name: String, metadata: BlobMetadata) async throws(StorageError) -> BlobVersion
    func properties(ofContainer name: String) async throws(StorageError) -> ContainerProperties
    func setMetadata(_ metadata: BlobMetadata, ofContainer name: String) async throws(StorageError) -> BlobVersion
    /// With all that is in it. `unmodifiedSince`: the container's own Last-Modified, in seconds since 1970; `.conditionFailed` if
    /// it was made anew or its settings changed since. That blobs were written does not show there. `nil`: in any case.
    func deleteContainer(_ name: String, unmodifiedSince: Int64?) async throws(StorageError)

    // MARK: Blobs

    /// `nextKnown` is told where the next page begins as soon as that is known: perhaps long before the page can be
    /// returned, perhaps more than once, perhaps never. It must not block.
    func listBlobs(
        _ query: BlobQuery,
        after marker: ListMarker?,
        nextKnown: @Sendable (ListMarker) -> Void
    ) async throws(StorageError) -> BlobPage
    func properties(of blob: BlobAddress) async throws(StorageError) -> BlobProperties
    /// The data plane: starts a ranged GET; `completion` is called once, on the transport's thread, and must not block.
    @discardableResult
    func read(
        _ read: BlobRead,
        completion: @escaping @Sendable (Result<BlobReadResult, StorageError>) -> Void
    ) -> any ReadOperation

    /// Put Blob: the whole content in one request, at most 5,000 MiB.
    func putBlob(
        _ blob: BlobAddress,
        _ body: UploadBody,
        headers: BlobHeaders,
        condition: VersionCondition
    ) async throws(StorageError) -> BlobVersion
    /// Put Block: stages bytes that a later commit may name; at most 4,000 MiB.
    func putBlock(_ id: BlockID, of blob: BlobAddress, _ body: UploadBody) async throws(StorageError)
    /// Put Block From URL: stages a range of another blob of this account, without moving it through here.
    func putBlock(
        _ id: BlockID,
        of blob: BlobAddress,
        from source: BlobAddress,
        range: Range<UInt64>,
        sourceCondition: VersionCondition
    ) async throws(StorageError)
    /// Put Block List: the list becomes the blob, in one step.
    func putBlockList(
        _ blocks: [BlockReference],
        of blob: BlobAddress,
        headers: BlobHeaders,
        condition: VersionCondition
    ) async throws(StorageError) -> BlobVersion
    func blockList(of blob: BlobAddress) async throws(StorageError) -> BlockList

    /// Puts an empty append blob in place. With `.any` it empties an append blob that is there.
    func createAppendBlob(
        _ blob: BlobAddress,
        headers: BlobHeaders,
        condition: VersionCondition
    ) async throws(StorageError) -> BlobVersion
    /// Append Block at exactly this position: `.conditionFailed` if the blob's end is elsewhere. At most 4 MiB.
    func append(_ body: UploadBody, to blob: BlobAddress, at position: UInt64) async throws(StorageError)
        -> AppendResult

    /// A complete server-side copy within the account, visible all at once. `metadata` nil keeps the source's. It is a
    /// block blob, also that of an append blob: only block blobs can be put together unseen.
    ///
    /// `known`: all that the store says of the version of the source that is to be copied, so that it need not be asked;
    /// another version is then not copied. The answer is what the store has to say of the copy now.
    func copy(
        _ source: BlobAddress,
        sourceCondition: VersionCondition,
        known: BlobProperties?,
        to destination: BlobAddress,
        metadata: BlobMetadata?,
        condition: VersionCondition
    ) async throws(StorageError) -> BlobProperties
    func setMetadata(
        _ metadata: BlobMetadata,
        of blob: BlobAddress,
        condition: VersionCondition
    ) async throws(StorageError) -> BlobVersion
    /// Set Blob Properties: clears what is not given. The metadata of `headers` is not looked at.
    func setProperties(
        _ headers: BlobHeaders,
        of blob: BlobAddress,
        condition: VersionCondition
    ) async throws(StorageError) -> BlobVersion
    /// Deletes the blob and its snapshots.
    func delete(_ blob: BlobAddress, condition: VersionCondition) async throws(StorageError)
    /// Deletes many, with as few requests as the store allows, of which so many are in flight at once. One answer each, in
    /// their order: `nil` for what is deleted now, else what `delete` would throw. Of what is gone already it is open
    /// which of `.notFound` and `.conditionFailed` is said.
    func deleteEach(_ deletions: [BlobDeletion], atOnce: Int) async -> [StorageError?]

    // MARK: Paths, in a hierarchical namespace

    /// How the container's account keeps directories; what follows is for `.hierarchical` only.
    func namespace(of container: String) -> Namespace
    /// Gives a file, or a directory with all that is in it, another name within the account, in one step. A file in its
    /// place is replaced if `condition` permits; a directory never is. Directories on the way to the new name are made. Answers
    /// which version has the new name: as a rule the one that had the old.
    func renamePath(
        _ source: BlobAddress,
        _ path: RenamedPath,
        to destination: BlobAddress,
        condition: VersionCondition
    ) async throws(StorageError) -> BlobVersion
    /// `.alreadyExists` if anything has the name.
    func makeDirectory(_ directory: BlobAddress, metadata: BlobMetadata) async throws(StorageError) -> BlobVersion
    /// `.notEmpty` if something is in it, unless that is to go with it.
    func removeDirectory(_ directory: BlobAddress, recursively: Bool) async throws(StorageError)
}

extension BlobStore {
    package func deleteContainer(_ name: String) async throws(StorageError) {
        try await deleteContainer(name, unmodifiedSince: nil)
    }
}

extension BlobStore {
    package func namespace(of container: String) -> Namespace { .flat }

    package func renamePath(
        _ source: BlobAddress,
        _ path: RenamedPath,
        to destination: BlobAddress,
        condition: VersionCondition
    ) async throws(StorageError) -> BlobVersion { throw .flat("rename", source) }

    package func makeDirectory(
        _ directory: BlobAddress,
        metadata: BlobMetadata
    ) async throws(StorageError) -> BlobVersion { throw .flat("make a directory", directory) }

    package func removeDirectory(_ directory: BlobAddress, recursively: Bool) async throws(StorageError) {
        throw .flat("remove a directory", directory)
    }
}

extension StorageError {
    fileprivate static func flat(_ operation: String, _ path: BlobAddress) -> StorageError {
        StorageError(
            .invalid,
            .permanent,
            operation: operation,
            resource: path.description,
            message: "the account has no hierarchical namespace"
        )
    }
}

extension BlobStore {
    package func listBlobs(_ query: BlobQuery, after marker: ListMarker?) async throws(StorageError) -> BlobPage {
        try await listBlobs(query, after: marker) { _ in }
    }

    package func copy(
        _ source: BlobAddress,
        sourceCondition: VersionCondition,
        to destination: BlobAddress,
        metadata: BlobMetadata?,
        condition: VersionCondition
    ) async throws(StorageError) -> BlobProperties {
        try await copy(
            source,
            sourceCondition: sourceCondition,
            known: nil,
            to: destination,
            metadata: metadata,
            condition: condition
        )
    }
}
