internal import BlobStorage
internal import BlobWriting
internal import Checksums
internal import LocalStore
internal import Synchronization

/// Puts one local file into one blob, which is there whole or not at all, with the MD5 of the whole stored beside it.
struct FileUpload: Sendable {
    let store: any BlobStore
    let address: BlobAddress
    let source: SourceFile
    /// Bodies in flight, over all files: `blockByteCount` each.
    let bodies: AsyncLimiter
    /// Threads that may wait for the disk.
    let disk: WorkerThreads
    /// Of a file of several blocks, too. It is made by one thread, and what is sent follows it (0.8 GiB/s).
    var storesMD5 = true
    /// Called with each number of bytes that the store has.
    let progress: @Sendable (Int) -> Void

    /// The length of a block, and of what goes up in one request.
    private static let blockByteCount: UInt64 = 8 << 20
    private static let blockCountMax: UInt64 = 50_000
    /// Tasks of one file; what they may send at once is the limiter's to say, for all files together.
    private static let blocksPerFileMax = 32

    /// - Parameter headers: all but the MD5.
    func run(_ headers: BlobHeaders, _ condition: VersionCondition) async throws -> BlobVersion {
        do {
            return source.byteCount <= Self.blockByteCount
                ? try await putWhole(headers, condition) : try await putBlocks(headers, condition)
        } catch {
            // What was written to between its checksum and its way arrives as damaged; that is not the network's doing.
            if !Task.isCancelled {
                try await disk.perform { () throws(LocalFileError) in try source.requireUnchanged() }
            }
            throw error
        }
    }

    private func putWhole(_ headers: BlobHeaders, _ condition: VersionCondition) async throws -> BlobVersion {
        try await bodies.withSlot {
            try Task.checkCancellation()
            let md5 = WholeMD5()
            let body = try await disk.perform { () throws(LocalFileError) in try source.body(0..<source.byteCount, md5)
            }
            try await disk.perform { () throws(LocalFileError) in try source.requireUnchanged() }
            var headers = headers
            headers.contentMD5 = md5.base64
            let version = try await store.putBlob(address, body, headers: headers, condition: condition)
            progress(body.byteCount)
            return version
        }
    }

    private func putBlocks(_ headers: BlobHeaders, _ condition: VersionCondition) async throws -> BlobVersion {
        let names = BlockNames(uploadID: .random(in: 0...UInt128.max))
        // Whole MiBs, so that 50,000 are enough whatever the length is.
        let needed = (source.byteCount + Self.blockCountMax - 1) / Self.blockCountMax
        let size = max(Self.blockByteCount, ((needed + (1 << 20) - 1) >> 20) << 20)
        let count = Int((source.byteCount + size - 1) / size)
        let md5 = storesMD5 ? WholeMD5() : nil
        // An MD5 cannot be split: block after block goes through it, and then on its way.
        let turn = AsyncLimiter(md5 == nil ? Self.blocksPerFileMax : 1)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for index in 0..<count {
                if index >= Self.blocksPerFileMax { try await group.next() }
                let start = UInt64(index) * size
                let range = start..<min(start + size, source.byteCount)
                await turn.acquire()
                group.addTask { try await stage(names.id(UInt32(index)), range, md5, turn) }
            }
            try await group.waitForAll()
        }
        try await disk.perform { () throws(LocalFileError) in try source.requireUnchanged() }
        var headers = headers
        headers.contentMD5 = md5?.base64
        let blocks = (0..<count).map { BlockReference.uncommitted(names.id(UInt32($0))) }
        return try await store.putBlockList(blocks, of: address, headers: headers, condition: condition)
    }

    /// - Parameter turn: a slot of it is held, until the bytes went through the MD5.
    private func stage(_ id: BlockID, _ range: Range<UInt64>, _ md5: WholeMD5?, _ turn: AsyncLimiter) async throws {
        let body: UploadBody
        do {
            defer { turn.release() }
            try Task.checkCancellation()
            body = try await disk.perform { () throws(LocalFileError) in try source.body(range, md5) }
        }
        try await bodies.withSlot {
            try Task.checkCancellation()
            try await store.putBlock(id, of: address, body)
            progress(body.byteCount)
        }
    }
}

extension SourceFile {
    /// A piece of the file with its CRC-64 for the way; `md5` takes its bytes. Blocks for the disk.
    ///
    /// It is read where it lies, a second time when it is sent (from the page cache by then): 8 MiB of memory for each
    /// block would cost a third more processor time, and 256 MiB.
    func body(_ range: Range<UInt64>, _ md5: WholeMD5?) throws(LocalFileError) -> UploadBody {
        var checksum = CRC64()
        try read(range) { piece in
            checksum.update(piece)
            md5?.update(piece)
        }
        return UploadBody(byteCount: range.count, checksum: .crc64(checksum.value)) { [self] offset, target in
            let piece = UnsafeMutableRawBufferPointer(rebasing: target.prefix(range.count - offset))
            do throws(LocalFileError) {
                try read(into: piece, at: range.lowerBound + UInt64(offset))
                // The store would refuse other bytes than the checksum's, and be asked again until the commit's deadline.
                if offset + piece.count == range.count { try requireUnchanged() }
            } catch { return nil }
            return piece.count
        }
    }

    /// The MD5 of what is there, base64.
    func md5(unless flag: InterruptFlag) throws(LocalFileError) -> String {
        var hasher = MD5Hasher()
        try read(0..<byteCount, unless: flag) { hasher.update($0) }
        return Base64.encode(hasher.finish())
    }
}

/// The MD5 of bytes that come in order, from one thread after the other.
final class WholeMD5: Sendable {
    private let hasher = Mutex(MD5Hasher())

    func update(_ bytes: UnsafeRawBufferPointer) { hasher.withLock { $0.update(bytes) } }

    /// Of what came so far.
    var base64: String { Base64.encode(hasher.withLock { $0.digest() }) }
}
