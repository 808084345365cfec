package import BlobStorage
import Synchronization

extension MemoryStore {
    package func putBlock(_ id: BlockID, of blob: BlobAddress, _ body: UploadBody) async throws(StorageError) {
        try await perform(.putBlock, on: blob.description) { [self] (failures) throws(StorageError) in
            guard body.byteCount > 0 else { throw failures(.invalid, 400, "InvalidHeaderValue") }
            let bytes = try body.bytes(failures)
            traffic.add(bytes.count, ordering: .relaxed)
            try state.withLock { (state) throws(StorageError) in
                try state.stage(id, bytes, of: blob, failures)
            }
        }
    }

    package func putBlock(
        _ id: BlockID,
        of blob: BlobAddress,
        from source: BlobAddress,
        range: Range<UInt64>,
        sourceCondition: VersionCondition
    ) async throws(StorageError) {
        try await perform(.putBlockFromBlob, on: blob.description) { [self] (failures) throws(StorageError) in
            try state.withLock { (state) throws(StorageError) in
                let source = try state.existing(source, sourceCondition, failures)
                guard !range.isEmpty, range.upperBound <= source.bytes.count else {
                    throw failures(.invalid, 416, "InvalidRange")
                }
                let bytes = Array(source.bytes[Int(range.lowerBound)..<Int(range.upperBound)])
                try state.stage(id, bytes, of: blob, failures)
            }
        }
    }

    package func putBlockList(
        _ blocks: [BlockReference],
        of blob: BlobAddress,
        headers: BlobHeaders,
        condition: VersionCondition
    ) async throws(StorageError) -> BlobVersion {
        try await perform(.putBlockList, on: blob.description) { [self] (failures) throws(StorageError) in
            guard blocks.count <= 50_000 else { throw failures(.tooLarge, 400, "BlockListTooLong") }
            return try replace(blob, type: .block, headers: headers, condition: condition, failures) {
                (stored) throws(StorageError) in
                let committed = BlockIndex(stored?.committed?.blocks ?? [])
                let uncommitted = BlockIndex(stored?.uncommitted ?? [])
                var list: [StoredBlob.StoredBlock] = []
                for reference in blocks {
                    let block =
                        switch reference {
                        case .latest(let id): uncommitted[id] ?? committed[id]
                        case .committed(let id): committed[id]
                        case .uncommitted(let id): uncommitted[id]
                        }
                    guard let block else { throw failures(.conflict, 400, "InvalidBlockList") }
                    list.append(block)
                }
                return (list.flatMap(\.bytes), list)
            }
        }
    }

    package func blockList(of blob: BlobAddress) async throws(StorageError) -> BlockList {
        try await perform(.blockList, on: blob.description) { [self] (failures) throws(StorageError) in
            try state.withLock { (state) throws(StorageError) in
                guard let stored = try state.blob(blob, failures) else {
                    throw failures(.notFound, 404, "BlobNotFound")
                }
                try stored.committed?.check(.block, failures)
                return BlockList(
                    committed: stored.committed?.blocks.map(Block.init) ?? [],
                    uncommitted: stored.uncommitted.map(Block.init).sorted { $0.id.base64 < $1.id.base64 },
                    version: stored.committed?.properties.version
                )
            }
        }
    }
}

/// Blocks by their ids.
private struct BlockIndex {
    private let blocks: [BlockID: StoredBlob.StoredBlock]

    init(_ blocks: [StoredBlob.StoredBlock]) {
        self.blocks = Dictionary(blocks.map { ($0.id, $0) }) { first, _ in first }
    }

    subscript(_ id: BlockID) -> StoredBlob.StoredBlock? { blocks[id] }
}

extension Block {
    fileprivate init(_ block: StoredBlob.StoredBlock) {
        self.init(id: block.id, byteCount: UInt64(block.bytes.count))
    }
}

extension MemoryStore.State {
    /// Keeps a block for a later commit; the same id again replaces it.
    fileprivate mutating func stage(
        _ id: BlockID,
        _ bytes: [UInt8],
        of blob: BlobAddress,
        _ failures: Failures
    ) throws(StorageError) {
        try NameRules.check(blobName: blob.name, failures)
        try NameRules.check(id, failures)
        var stored = try self.blob(blob, failures) ?? StoredBlob()
        try stored.committed?.check(.block, failures)
        try stored.committed?.checkLease(failures)
        guard stored.blockIDCount ?? id.base64.utf8.count == id.base64.utf8.count else {
            throw failures(.conflict, 400, "InvalidBlobOrBlock")
        }
        stored.uncommitted.removeAll { $0.id == id }
        guard stored.uncommitted.count < 100_000 else { throw failures(.tooLarge, 409, "BlockCountExceedsLimit") }
        stored.uncommitted.append(StoredBlob.StoredBlock(id: id, bytes: bytes))
        blobs[blob] = stored
    }
}
