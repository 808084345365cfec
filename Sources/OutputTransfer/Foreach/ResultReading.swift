internal import BlobStorage
internal import LocalStore
internal import RDS

/// Reads RDS blobs from front to back, on threads that may wait: one blob a thread, whatever its size 8 MiB of memory.
struct ResultReading: Sendable {
    private let store: any BlobStore
    private let threads: WorkerThreads

    init(_ store: any BlobStore, jobs: Int) {
        self.store = store
        threads = WorkerThreads(name: "results", count: jobs)
    }

    /// How often a blob may be replaced while it is read before that counts as a failure.
    private static let versionsMax = 3

    func read<Value: Sendable>(
        _ file: ForeachJob.File,
        _ body: @escaping @Sendable (any ByteSource) throws -> Value
    ) async throws -> Value {
        var file = file
        for attempt in 1... {
            do {
                return try await readOnce(file, body)
            } catch let error as StorageError where error.kind == .conditionFailed && attempt < Self.versionsMax {
                let properties = try await store.properties(of: file.address)
                file = ForeachJob.File(address: file.address, properties: properties)
            }
        }
        preconditionFailure("the loop only ends by return or throw")
    }

    private func readOnce<Value: Sendable>(
        _ file: ForeachJob.File,
        _ body: @escaping @Sendable (any ByteSource) throws -> Value
    ) async throws -> Value {
        let cancellation = ReadCancellation()
        let store = store
        return try await withTaskCancellationHandler {
            try await threads.perform { try body(BlobBytes(store, file, cancellation)) }
        } onCancel: {
            cancellation.cancel()
        }
    }
}
