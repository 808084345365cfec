internal import BlobStorage
internal import Synchronization

/// Memory for one range on its way from the store to the spool; freed with the last reference.
final class FetchedBytes: Sendable {
    private nonisolated(unsafe) let memory: UnsafeMutableRawPointer
    private let count: Int

    init(count: Int) {
        self.count = count
        memory = .allocate(byteCount: count, alignment: 4096)
    }

    deinit { memory.deallocate() }

    fileprivate var destination: UnsafeMutableRawPointer { memory }
    /// For its only owner.
    var room: UnsafeMutableRawBufferPointer { UnsafeMutableRawBufferPointer(start: memory, count: count) }
    var buffer: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: memory, count: count) }
}

extension BlobStore {
    /// A ranged GET for a task; ends soon when the task is cancelled.
    func read(
        _ range: Range<UInt64>,
        of blob: BlobAddress,
        _ condition: VersionCondition,
        _ verification: RangeVerification,
        into bytes: FetchedBytes
    ) async -> Result<BlobReadResult, StorageError> {
        let read = BlobRead(
            blob: blob,
            range: range,
            condition: condition,
            verification: verification,
            destination: bytes.destination
        )
        let running = RunningRead()
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                // The completion holds the memory for as long as the transport may write there.
                let operation = self.read(read) { result in
                    withExtendedLifetime(bytes) { continuation.resume(returning: result) }
                }
                running.set(operation)
            }
        } onCancel: {
            running.cancel()
        }
    }
}

/// Brings a read and its cancellation together, whichever comes first.
private final class RunningRead: Sendable {
    private let state = Mutex<(operation: (any ReadOperation)?, isCancelled: Bool)>((nil, false))

    func set(_ operation: any ReadOperation) {
        let isCancelled = state.withLock { state in
            state.operation = operation
            return state.isCancelled
        }
        if isCancelled { operation.cancel() }
    }

    func cancel() {
        let operation = state.withLock { state in
            state.isCancelled = true
            return state.operation
        }
        operation?.cancel()
    }
}
