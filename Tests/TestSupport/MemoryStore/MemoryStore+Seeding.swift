package import BlobStorage
import Synchronization

/// What tests do behind the store's back: put things in place and look at them, uncounted and unheld.
extension MemoryStore {
    package func addContainer(_ name: String, metadata: BlobMetadata = [:]) {
        state.withLock { state in
            state.containers[name] = ContainerProperties(name: name, version: state.newVersion(), metadata: metadata)
        }
    }

    /// Puts a blob in place, under any name at all, in the container, which is made if need be.
    @discardableResult
    package func add(
        _ blob: BlobAddress,
        _ bytes: [UInt8] = [],
        type: BlobType = .block,
        metadata: BlobMetadata = [:],
        change: (inout BlobProperties) -> Void = { _ in }
    ) -> BlobVersion {
        state.withLock { state in
            if state.containers[blob.container] == nil {
                let properties = ContainerProperties(name: blob.container, version: state.newVersion(), metadata: [:])
                state.containers[blob.container] = properties
            }
            let version = state.newVersion()
            var properties = BlobProperties(
                version: version,
                length: UInt64(bytes.count),
                type: type,
                creationTime: state.now,
                contentType: "application/octet-stream",
                metadata: metadata
            )
            change(&properties)
            if namespace == .hierarchical {
                for parent in blob.parents where state.blobs[parent] == nil {
                    _ = state.addDirectory(parent, metadata: [:])
                }
                properties.isDirectory = properties.isDirectory || metadata["hdi_isfolder"] == "true" && bytes.isEmpty
            }
            state.blobs[blob] = StoredBlob(committed: StoredBlob.Committed(properties: properties, bytes: bytes))
            return version
        }
    }

    /// Puts a block blob in place that was put together from these blocks.
    @discardableResult
    package func add(_ blob: BlobAddress, blocks: [(id: BlockID, bytes: [UInt8])]) -> BlobVersion {
        let version = add(blob, blocks.flatMap(\.bytes))
        state.withLock { state in
            state.blobs[blob]?.committed?.blocks = blocks.map { StoredBlob.StoredBlock(id: $0.id, bytes: $0.bytes) }
        }
        return version
    }

    /// A block of one byte that somebody staged and never committed.
    package func addLeftover(_ id: BlockID, of blob: BlobAddress) {
        state.withLock { $0.blobs[blob, default: StoredBlob()].uncommitted.append(.init(id: id, bytes: [1])) }
    }

    /// Changes what a blob that is there says of itself (tier, lease, …), and with it the ETag.
    package func change(_ blob: BlobAddress, _ change: (inout BlobProperties) -> Void) {
        state.withLock { state in
            guard var committed = state.blobs[blob]?.committed else { return }
            committed.properties.version = state.newVersion()
            change(&committed.properties)
            state.blobs[blob]?.committed = committed
        }
    }

    /// The committed bytes; `nil` when there is no such blob.
    package func bytes(of blob: BlobAddress) -> [UInt8]? { state.withLock { $0.blobs[blob]?.committed?.bytes } }

    package func storedProperties(of blob: BlobAddress) -> BlobProperties? {
        state.withLock { $0.blobs[blob]?.committed?.properties }
    }

    /// The ids of the committed blocks, in the blob's order.
    package func committedBlockIDs(of blob: BlobAddress) -> [BlockID] {
        state.withLock { $0.blobs[blob]?.committed?.blocks.map(\.id) ?? [] }
    }

    package func uncommittedBlockCount(of blob: BlobAddress) -> Int {
        state.withLock { $0.blobs[blob]?.uncommitted.count ?? 0 }
    }

    /// The names of all committed blobs, in order.
    package func blobNames(in container: String) -> [String] {
        state.withLock { state in
            state.blobs.filter { $0.key.container == container && $0.value.committed != nil }.keys.sorted().map(\.name)
        }
    }

    package var containerNames: [String] { state.withLock { $0.containers.keys.sorted() } }

    /// Takes a blob away, as another client would.
    package func remove(_ blob: BlobAddress) { _ = state.withLock { $0.blobs.removeValue(forKey: blob) } }

    /// Moves the store's clock.
    package func advanceTime(bySeconds seconds: Int64) { state.withLock { $0.now += seconds } }
}
