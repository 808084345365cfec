internal import BlobStorage
internal import Dispatch
internal import RDS
internal import Synchronization

/// The bytes of a blob for somebody who waits for them on a thread of his own: 4 MiB that are read, and 4 MiB on their way.
final class BlobBytes: ByteSource {
    private let store: any BlobStore
    private let file: ForeachJob.File
    private let cancellation: ReadCancellation
    private var asked: UInt64 = 0
    private var coming: Fetch?
    private var operation: (any ReadOperation)?
    private var present: RangeBuffer?
    private var waiting = 0..<0

    private final class Fetch: Sendable {
        let buffer: RangeBuffer
        let byteCount: Int
        let result = Mutex<Result<BlobReadResult, StorageError>?>(nil)
        let done = DispatchSemaphore(value: 0)

        init(byteCount: Int) {
            self.byteCount = byteCount
            buffer = RangeBuffer(byteCount: byteCount)
        }
    }

    init(_ store: any BlobStore, _ file: ForeachJob.File, _ cancellation: ReadCancellation) {
        (self.store, self.file, self.cancellation) = (store, file, cancellation)
    }

    /// Who found the file broken wants no more of it.
    deinit { operation?.cancel() }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        if waiting.isEmpty {
            try advance()
            guard !waiting.isEmpty else { return 0 }
        }
        guard let present else { return 0 }
        let count = min(buffer.count, waiting.count)
        buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: present.bytes[waiting.prefix(count)]))
        waiting = waiting.dropFirst(count)
        return count
    }

    private func advance() throws {
        guard let fetch = coming ?? next() else { return }
        coming = nil
        fetch.done.wait()
        guard let result = fetch.result.withLock({ $0 }) else { throw CancellationError() }
        guard try result.get().byteCount == fetch.byteCount else { throw DownloadProblem.shorter(file.address) }
        (present, waiting) = (fetch.buffer, 0..<fetch.byteCount)
        coming = next()
    }

    private func next() -> Fetch? {
        let length = file.properties.length
        guard asked < length else { return nil }
        let range = asked..<min(asked + FileDownload.rangeByteCount, length)
        asked = range.upperBound
        let fetch = Fetch(byteCount: range.count)
        guard let destination = fetch.buffer.bytes.baseAddress else { return nil }
        let read = BlobRead(
            blob: file.address,
            range: range,
            condition: .matches(file.properties.version.etag),
            verification: .offered,
            destination: destination
        )
        let operation = store.read(read) { result in
            fetch.result.withLock { $0 = result }
            fetch.done.signal()
        }
        self.operation = operation
        cancellation.add(operation)
        return fetch
    }
}

/// Ends reads that are under way when their task is cancelled.
final class ReadCancellation: Sendable {
    private let state = Mutex<(isCancelled: Bool, running: [any ReadOperation])>((false, []))

    /// Only the last two can still be running.
    func add(_ operation: any ReadOperation) {
        let isCancelled = state.withLock { state in
            state.running = state.running.suffix(1) + [operation]
            return state.isCancelled
        }
        if isCancelled { operation.cancel() }
    }

    func cancel() {
        let running = state.withLock { state in
            state.isCancelled = true
            return state.running
        }
        for operation in running { operation.cancel() }
    }
}
