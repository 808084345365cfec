internal import BlobStorage
internal import BlobWriting
internal import Checksums
internal import Glibc
internal import LocalStore
internal import OutputConventions
internal import Synchronization

/// A local file that becomes a block blob, whatever was there before.
struct LocalFileUpload: Sendable {
    let store: any BlobStore
    let threads: WorkerThreads

    /// Up to so many bytes go in one request, whose MD5 the service checks and keeps.
    static let singleMax = 64 << 20
    /// Blocks of one file at a time.
    static let blocksInFlightMax = 8

    /// - Parameter headers: what is not given follows from the name's ending.
    func send(_ path: String, to blob: BlobAddress, headers: BlobHeaders) async throws(StorageError) {
        let file = try await threads.perform { () throws(StorageError) in try LocalFile(path) }
        var headers = headers
        if headers.contentType == nil { headers.contentType = ContentTypes.type(forName: blob.name) }
        do throws(StorageError) {
            try await send(file, to: blob, headers)
        } catch {
            // An append blob cannot be written over: somebody's log of an earlier try, as a rule.
            guard error.code == "InvalidBlobType" else { throw error }
            try await store.delete(blob, condition: .any)
            try await send(file, to: blob, headers)
        }
    }

    private func send(_ file: LocalFile, to blob: BlobAddress, _ headers: BlobHeaders) async throws(StorageError) {
        if file.byteCount <= Self.singleMax {
            let body = try await threads.perform { () throws(StorageError) in
                var hasher = MD5Hasher()
                try file.readAll(0..<file.byteCount) { hasher.update($0) }
                return file.body(0..<file.byteCount, checksum: .md5(hasher.finish()))
            }
            _ = try await store.putBlob(blob, body, headers: headers, condition: .any)
        } else {
            try await sendBlocks(of: file, to: blob, headers)
        }
    }

    private func sendBlocks(of file: LocalFile, to blob: BlobAddress, _ headers: BlobHeaders) async throws(StorageError)
    {
        let layout = BlockLayout(base: 8 << 20)
        let names = BlockNames(uploadID: UInt128.random(in: 0...UInt128.max))
        let whole = Mutex(MD5Hasher())
        let (store, threads) = (store, threads)
        var blocks: [BlockReference] = []
        let failure = await withTaskGroup(of: StorageError?.self) { group in
            var (offset, inFlight) = (0, 0)
            while offset < file.byteCount {
                if inFlight == Self.blocksInFlightMax {
                    if let failure = await group.next() ?? nil {
                        group.cancelAll()
                        return failure as StorageError?
                    }
                    inFlight -= 1
                }
                let id = names.id(UInt32(blocks.count))
                let range = offset..<min(offset + Int(layout.blockSize(after: blocks.count)), file.byteCount)
                blocks.append(.uncommitted(id))
                offset = range.upperBound
                inFlight += 1
                let body: UploadBody
                do throws(StorageError) {
                    // In order, since the whole file's MD5 is made on the way.
                    body = try await threads.perform { () throws(StorageError) in
                        var checksum = CRC64()
                        try file.readAll(range) { bytes in
                            checksum.update(bytes)
                            whole.withLock { $0.update(bytes) }
                        }
                        return file.body(range, checksum: .crc64(checksum.value))
                    }
                } catch {
                    group.cancelAll()
                    return error
                }
                group.addTask {
                    do throws(StorageError) {
                        try await store.putBlock(id, of: blob, body)
                        return nil
                    } catch { return error }
                }
            }
            for await failure in group where failure != nil {
                group.cancelAll()
                return failure
            }
            return nil
        }
        if let failure { throw failure }
        var headers = headers
        headers.contentMD5 = Base64.encode(whole.withLock { $0.digest() })
        _ = try await store.putBlockList(blocks, of: blob, headers: headers, condition: .any)
    }
}

/// An open file of the size that it had when it was opened; what is appended to it later is not sent.
private final class LocalFile: Sendable {
    let path: String
    let byteCount: Int
    private let descriptor: Int32

    private static let chunkSize = 1 << 20

    init(_ path: String) throws(StorageError) {
        self.path = path
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Self.failure(path, "cannot be opened: \(Errno())") }
        self.descriptor = descriptor
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw Self.failure(path, "cannot be looked at: \(Errno())") }
        byteCount = Int(status.st_size)
    }

    deinit { close(descriptor) }

    func readAll(_ range: Range<Int>, _ body: (UnsafeRawBufferPointer) -> Void) throws(StorageError) {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.chunkSize, alignment: 16)
        defer { buffer.deallocate() }
        var offset = range.lowerBound
        while offset < range.upperBound {
            let wanted = min(Self.chunkSize, range.upperBound - offset)
            let count = pread(descriptor, buffer.baseAddress, wanted, offset)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw Self.failure(path, "cannot be read: \(Errno())") }
            guard count > 0 else { throw Self.failure(path, "got shorter while it was read") }
            body(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            offset += count
        }
    }

    func body(_ range: Range<Int>, checksum: BodyChecksum) -> UploadBody {
        UploadBody(byteCount: range.count, checksum: checksum) { [self] offset, buffer in
            let count = min(buffer.count, range.count - offset)
            let read = pread(descriptor, buffer.baseAddress, count, range.lowerBound + offset)
            // 0 is no progress: the file got shorter.
            return read > 0 || count == 0 ? read : nil
        }
    }

    private static func failure(_ path: String, _ reason: String) -> StorageError {
        StorageError(.localInput, .permanent, operation: "upload", resource: path, message: reason)
    }
}
