package import BlobStorage
internal import Synchronization

/// Brings a directory's rename that was cut short to one of its two ends.
package struct MoveResolver: Sendable {
    private let store: any BlobStore
    private let move: UnfinishedMove

    package init(_ move: UnfinishedMove, store: any BlobStore) { (self.move, self.store) = (move, store) }

    /// Deletes what is to go. `gone` hears of each blob.
    ///
    /// - Throws: the first failure, when the rest has been tried.
    package func run(gone: @escaping @Sendable (BlobAddress) -> Void) async throws(StorageError) {
        let staying = try await listed(move.stayingSide)
        let first = Mutex<StorageError?>(nil)
        try await forEachPage(of: move.goingSide) { page async throws(StorageError) in
            let doomed = page.compactMap { tail, blob -> BlobDeletion? in
                guard let twin = staying[tail], move.deletes(blob.properties, twin: twin) else { return nil }
                return BlobDeletion(blob.address, condition: .matches(blob.properties.version.etag))
            }
            guard !doomed.isEmpty else { return }
            for (deletion, failure) in zip(doomed, await store.deleteEach(doomed)) {
                switch failure?.kind {
                case nil, .notFound: gone(deletion.blob)
                // Another version: somebody wrote there, and it is theirs.
                case .conditionFailed: break
                default: first.withLock { $0 = $0 ?? failure }
                }
            }
        }
        if let failure = first.withLock({ $0 }) { throw failure }
    }

    private typealias Blob = (address: BlobAddress, properties: BlobProperties)

    /// By what stands behind the prefix; the marker has a name that nothing behind a prefix can have.
    private func listed(_ side: BlobAddress) async throws(StorageError) -> [[UInt8]: BlobProperties] {
        var blobs: [[UInt8]: BlobProperties] = [:]
        try await forEachPage(of: side) { page async throws(StorageError) in
            for (tail, blob) in page { blobs[tail] = blob.properties }
        }
        return blobs
    }

    private func forEachPage(
        of side: BlobAddress,
        _ body: ([(tail: [UInt8], blob: Blob)]) async throws(StorageError) -> Void
    ) async throws(StorageError) {
        let query = BlobQuery(container: side.container, prefix: side.name, includesMetadata: true)
        var next: ListMarker?
        repeat {
            let page = try await store.listBlobs(query, after: next)
            let blobs = page.items.compactMap { item -> (tail: [UInt8], blob: Blob)? in
                guard case .blob(let name, let properties) = item else { return nil }
                let address = BlobAddress(container: side.container, name: name)
                return (Array(name.utf8.dropFirst(side.name.utf8.count)), (address, properties))
            }
            try await body(blobs)
            next = page.next
        } while next != nil
        guard let marker = UnfinishedMove.marker(of: side) else { return }
        do throws(StorageError) {
            let properties = try await store.properties(of: marker)
            try await body([(Self.markerTail, (marker, properties))])
        } catch {
            guard error.kind == .notFound else { throw error }
        }
    }

    /// No UTF-8.
    private static let markerTail: [UInt8] = [0xFF]
}
