package import BlobStorage
internal import LocalStore
internal import Synchronization

/// What one GET told of a blob, and its first bytes, which lie in the cache's memory and belong to nobody yet.
///
/// An open has to ask the store which version there is. Asked by a HEAD, the first read costs a round trip more; asked by
/// this, the first read finds its bytes here.
package final class FirstBytes: Sendable {
    package let properties: BlobProperties
    private let blob: BlobAddress
    private let byteCount: Int
    private let cache: BlockCache
    private let cells: UnplacedCells

    fileprivate init(
        _ blob: BlobAddress,
        _ properties: BlobProperties,
        byteCount: Int,
        _ cells: UnplacedCells,
        _ cache: BlockCache
    ) {
        self.blob = blob
        self.properties = properties
        self.byteCount = byteCount
        self.cells = cells
        self.cache = cache
    }

    /// Makes the bytes those of their version, for all its readers. To be called once a reader of the version that is to
    /// have them is there; without it they are forgotten.
    package func keep() {
        guard let cells = cells.take() else { return }
        cache.place(cells, blob, properties, byteCount: byteCount)
    }
}

/// Pinned cells that are given back unless somebody takes them.
private final class UnplacedCells: Sendable {
    private let id: Mutex<SlotID?>
    private let cache: BlockCache

    init(_ id: SlotID, _ cache: BlockCache) {
        self.id = Mutex(id)
        self.cache = cache
    }

    deinit { if let id = take() { cache.change { state, effects in state.drop(id, &effects) } } }

    func take() -> SlotID? { id.withLock { $0.take() } }
}

extension BlockCache {
    /// Asks for a blob's first bytes, as many as a first small read would bring of one of this length (not 0): all of them
    /// up to 256 KiB, else 64 KiB.
    ///
    /// `nil` when there is no memory for them now, and then nothing was asked. Cancelling the task cancels the request.
    /// A blob that is empty by now tells so with properties and no bytes.
    package func firstBytes(
        of blob: BlobAddress,
        expectedLength: UInt64
    ) async throws(StorageError) -> FirstBytes? {
        let count = geometry.firstPieces(ofLength: expectedLength)
        guard let (id, cells) = state.withLock({ $0.takeUnplaced(count) }) else { return nil }
        let owner = UnplacedCells(id, self)
        let read = BlobRead(
            blob: blob,
            // To the end of the last piece: what was added since comes along.
            range: 0..<UInt64(count * geometry.pieceSize),
            condition: .any,
            verification: verification,
            destination: memory.pointer(at: Int(cells.lowerBound) * geometry.pieceSize),
            wantsProperties: true
        )
        let answer = try await store.result(of: read).get()
        guard let properties = answer.properties else {
            throw StorageError(
                .unexpected,
                .permanent,
                operation: "Get Blob",
                resource: blob.description,
                message: "the answer does not say what the blob is"
            )
        }
        return FirstBytes(blob, properties, byteCount: answer.byteCount, owner, self)
    }

    fileprivate func place(_ id: SlotID, _ blob: BlobAddress, _ properties: BlobProperties, byteCount: Int) {
        let key = VersionKey(blob, properties)
        // A version that nobody has open gets a reader for as long as this takes: it knows the file on disk.
        let isKnown = state.withLock { $0.versions.number(of: key) != nil }
        let reader = isKnown ? nil : open(key, length: properties.length)
        change { state, effects in
            state.place(id, of: key, length: properties.length, byteCount: byteCount, &effects)
        }
        if let reader { close(reader) }
    }
}

extension BlobReader {
    /// Whether any of the bytes that `BlockCache.firstBytes` would bring are here: in memory, on their way there, or on
    /// the local disk. May wait for a few system calls on another thread.
    package func holdsFirstBytes() async -> Bool {
        length > 0 ? await cache.holdsFirstBytes(version, length: length) : true
    }
}

extension BlockCache {
    fileprivate func holdsFirstBytes(_ version: SlotID, length: UInt64) async -> Bool {
        let count = geometry.firstPieces(ofLength: length)
        let range = 0..<min(geometry.start(ofPiece: UInt64(count)), length)
        if state.withLock({ $0.holdsSome(version, range) }) { return true }
        guard disk != nil, let attached = attachedFile(of: version) else { return false }
        let pieces = (0..<UInt64(count)).map { piece in
            geometry.start(ofPiece: piece)..<min(geometry.start(ofPiece: piece + 1), range.upperBound)
        }
        return await withCheckedContinuation { continuation in
            attached.whenKnown { file in
                continuation.resume(returning: pieces.contains { file?.holds($0) == true })
            }
        }
    }
}

extension BlobStore {
    /// The same as `read`, awaited. Cancelling the task cancels the request.
    fileprivate func result(of read: BlobRead) async -> Result<BlobReadResult, StorageError> {
        let operation = Mutex<(any ReadOperation)?>(nil)
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let started = self.read(read) { continuation.resume(returning: $0) }
                operation.withLock { $0 = started }
                if Task.isCancelled { started.cancel() }
            }
        } onCancel: {
            operation.withLock { $0 }?.cancel()
        }
    }
}
