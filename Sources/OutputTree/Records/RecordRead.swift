import BlobStorage
import Synchronization

/// A read of a record: it ends once, with bytes or with why not.
final class RecordRead: ReadOperation {
    private struct State {
        var completion: (@Sendable (Result<BlobReadResult, StorageError>) -> Void)?
        var task: Task<Void, Never>?
        var isCancelled = false
    }

    private let read: BlobRead
    private let state: Mutex<State>

    init(_ read: BlobRead, completion: @escaping @Sendable (Result<BlobReadResult, StorageError>) -> Void) {
        self.read = read
        state = Mutex(State(completion: completion))
    }

    /// Asks, and ends with the answer.
    func begin(_ ask: @escaping @Sendable () async -> JobRecord?) {
        let task = Task { self.finish(with: await ask()) }
        let isLate = state.withLock { state in
            state.task = task
            return state.isCancelled
        }
        if isLate { task.cancel() }
    }

    func cancel() {
        let task = state.withLock { state in
            state.isCancelled = true
            return state.task
        }
        task?.cancel()
        end(.failure(StoreWithRecords.failure(.cancelled, "read", read.blob, "cancelled")))
    }

    func finish(with record: JobRecord?) {
        guard let record else {
            let reason = "Batch knows nothing of it any more, or does not answer"
            end(.failure(StoreWithRecords.failure(.notFound, "read", read.blob, reason)))
            return
        }
        let properties = record.properties
        guard read.condition == .any || read.condition == .matches(properties.version.etag) else {
            let reason = "Batch says something else by now"
            end(.failure(StoreWithRecords.failure(.conditionFailed, "read", read.blob, reason)))
            return
        }
        // The destination is the caller's again as soon as the completion is called: the copy is made by whoever ends it.
        end(
            .success(
                BlobReadResult(
                    byteCount: 0,
                    blobLength: properties.length,
                    version: properties.version,
                    properties: read.wantsProperties ? properties : nil
                )
            ),
            copying: record.text
        )
    }

    private func end(_ result: Result<BlobReadResult, StorageError>, copying text: [UInt8] = []) {
        guard let completion = state.withLock({ $0.completion.take() }) else { return }
        var result = result
        if case .success(var success) = result {
            let start = Int(min(read.range.lowerBound, UInt64(text.count)))
            let end = Int(min(read.range.upperBound, UInt64(text.count)))
            text[start..<end].withUnsafeBytes { bytes in
                if let first = bytes.baseAddress { read.destination.copyMemory(from: first, byteCount: bytes.count) }
            }
            success.byteCount = end - start
            result = .success(success)
        }
        completion(result)
    }
}
