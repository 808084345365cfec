package import BlobStorage
import Dispatch
import Synchronization

extension MemoryStore {
    @discardableResult
    package func read(
        _ read: BlobRead,
        completion: @escaping @Sendable (Result<BlobReadResult, StorageError>) -> Void
    ) -> any ReadOperation {
        let failures = Failures(operation: .read, resource: read.blob.description)
        let fault = desk.admit(.read)
        let operation = MemoryRead(desk: desk)
        desk.enter(.read, id: operation.id) { [self] isReleased in
            // Never on the caller's thread, not even what is known at once.
            queue.async { [self] in
                guard isReleased, !operation.isCancelled else { return completion(.failure(failures.cancelled)) }
                if let fault, !fault.takesEffect { return completion(.failure(fault.error)) }
                do throws(StorageError) {
                    let result = try transfer(read, failures)
                    completion(fault.map { .failure($0.error) } ?? .success(result))
                } catch {
                    completion(.failure(error))
                }
            }
        }
        return operation
    }

    private func transfer(_ read: BlobRead, _ failures: Failures) throws(StorageError) -> BlobReadResult {
        guard !read.range.isEmpty else { throw failures(.invalid, 400, "InvalidHeaderValue") }
        guard read.verification == .none || read.range.count <= RangeVerification.lengthMax else {
            throw failures(.invalid, 400, "OutOfRangeInput")
        }
        let stored = try state.withLock { (state) throws(StorageError) in
            try state.existing(read.blob, read.condition, failures).readable(failures)
        }
        guard !stored.properties.isArchived else { throw failures(.archived, 409, "BlobArchived") }
        let length = stored.bytes.count
        let start = Int(clamping: read.range.lowerBound)
        guard start < length else { throw failures(.invalid, 416, "InvalidRange") }
        let count = Int(clamping: min(read.range.upperBound, UInt64(length))) - start
        traffic.add(count, ordering: .relaxed)
        // In two pieces, so that progress is more than one step; with a checksum the bytes come all at once.
        let firstCount = read.verification == .none ? (count + 1) / 2 : count
        stored.bytes.withUnsafeBytes { bytes in
            guard let source = bytes.baseAddress else { return }
            read.destination.copyMemory(from: source + start, byteCount: firstCount)
            if read.verification == .none { read.onProgress?(firstCount) }
            guard firstCount < count else { return }
            (read.destination + firstCount).copyMemory(from: source + start + firstCount, byteCount: count - firstCount)
            read.onProgress?(count)
        }
        return BlobReadResult(byteCount: count, blobLength: UInt64(length), version: stored.properties.version)
    }
}

private final class MemoryRead: ReadOperation {
    let id: UInt64
    private let desk: FaultDesk
    private let cancellation = Atomic(false)

    init(desk: FaultDesk) {
        self.desk = desk
        id = desk.newID()
    }

    var isCancelled: Bool { cancellation.load(ordering: .acquiring) }

    func cancel() {
        cancellation.store(true, ordering: .releasing)
        desk.leave(.read, id: id)
    }
}
