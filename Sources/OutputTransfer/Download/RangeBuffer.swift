internal import BlobStorage
internal import Synchronization

/// Memory for one range on its way from the store to the disk.
final class RangeBuffer: Sendable {
    /// Written by the transport until its completion, then only read. There may be more of it than was asked for.
    nonisolated(unsafe) let bytes: UnsafeMutableRawBufferPointer

    init(byteCount: Int) { bytes = RangeMemory.allocate(byteCount) }

    deinit { RangeMemory.free(bytes) }
}

extension BlobStore {
    /// A ranged GET whose bytes were held against the store's checksum; ends soon when the task is cancelled.
    func read(
        _ blob: BlobAddress,
        _ range: Range<UInt64>,
        _ condition: VersionCondition,
        into buffer: RangeBuffer
    ) async throws(StorageError) -> BlobReadResult {
        guard let destination = buffer.bytes.baseAddress else {
            preconditionFailure("a buffer of at least one byte has an address")
        }
        let read = BlobRead(
            blob: blob,
            range: range,
            condition: condition,
            verification: .offered,
            destination: destination
        )
        let operation = Mutex<(running: (any ReadOperation)?, isCancelled: Bool)>((nil, false))
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation {
                (continuation: CheckedContinuation<Result<BlobReadResult, StorageError>, _>) in
                // The buffer is the transport's until then, whatever becomes of the task.
                let started = self.read(read) { result in
                    withExtendedLifetime(buffer) { continuation.resume(returning: result) }
                }
                let isCancelled = operation.withLock { state in
                    state.running = started
                    return state.isCancelled
                }
                if isCancelled { started.cancel() }
            }
        } onCancel: {
            let running = operation.withLock { state in
                state.isCancelled = true
                return state.running
            }
            running?.cancel()
        }
        return try result.get()
    }
}
