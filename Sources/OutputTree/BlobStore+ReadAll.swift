import BlobStorage
import Synchronization

extension BlobStore {
    /// A small blob's bytes, whole. Cancelling the task cancels the request.
    func readAll(_ blob: BlobAddress, length: Int) async throws(StorageError) -> [UInt8] {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: length, alignment: 16)
        defer { buffer.deallocate() }
        guard let destination = buffer.baseAddress, length > 0 else { return [] }
        let read = BlobRead(
            blob: blob,
            range: 0..<UInt64(length),
            condition: .any,
            verification: .none,
            destination: destination
        )
        let operation = Mutex<(any ReadOperation)?>(nil)
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation {
                (continuation: CheckedContinuation<Result<BlobReadResult, StorageError>, Never>) in
                let started = self.read(read) { continuation.resume(returning: $0) }
                operation.withLock { $0 = started }
                if Task.isCancelled { started.cancel() }
            }
        } onCancel: {
            operation.withLock { $0 }?.cancel()
        }
        let count = try result.get().byteCount
        return [UInt8](UnsafeRawBufferPointer(rebasing: buffer[..<count]))
    }
}
