internal import BlobStorage
internal import BlobWriting
internal import Checksums
internal import LocalStore

/// Puts one local file into one blob, which is there whole or not at all, with the MD5 of the whole stored beside it.
struct FileUpload: Sendable {
    let store: any BlobStore
    let address: BlobAddress
    let source: SourceFile
    /// Bodies in flight, over all files: `blockByteCount` each.
    let bodies: AsyncLimiter
    /// Threads that may wait for the disk.
    let disk: WorkerThreads
    /// Called with each number of bytes that the store has.
    let progress: @Sendable (Int) -> Void

    /// The length of a block, and of what goes up in one request.
    private static let blockByteCount: UInt64 = 8 << 20
    private static let blockCountMax: UInt64 = 50_000
    /// Tasks of one file; what they may send at once is the limiter's to say, for all files together.
    private static let blocksPerFileMax = 32

    /// - Parameter headers: all but the MD5.
    func run(_ headers: BlobHeaders, _ condition: VersionCondition) async throws -> BlobVersion {
        source.byteCount <= Self.blockByteCount
            ? try await putWhole(headers, condition) : try await putBlocks(headers, condition)
    }

    private func putWhole(_ headers: BlobHeaders, _ condition: VersionCondition) async throws -> BlobVersion {
        try await bodies.withSlot {
            try Task.checkCancellation()
            let (body, md5) = try await body(0..<source.byteCount)
            try await disk.perform { () throws(LocalFileError) in try source.requireUnchanged() }
            var headers = headers
            headers.contentMD5 = md5
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
        // The digest of the whole cannot be split, so it goes beside the blocks: 0.8 GiB/s.
        async let digest = disk.performInterruptibly { flag throws(LocalFileError) in try source.md5(unless: flag) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for index in 0..<count {
                if index >= Self.blocksPerFileMax { try await group.next() }
                let start = UInt64(index) * size
                let range = start..<min(start + size, source.byteCount)
                group.addTask { try await stage(names.id(UInt32(index)), range) }
            }
            try await group.waitForAll()
        }
        var headers = headers
        headers.contentMD5 = try await digest
        try await disk.perform { () throws(LocalFileError) in try source.requireUnchanged() }
        let blocks = (0..<count).map { BlockReference.uncommitted(names.id(UInt32($0))) }
        return try await store.putBlockList(blocks, of: address, headers: headers, condition: condition)
    }

    private func stage(_ id: BlockID, _ range: Range<UInt64>) async throws {
        try await bodies.withSlot {
            try Task.checkCancellation()
            let (body, _) = try await body(range)
            try await store.putBlock(id, of: address, body)
            progress(body.byteCount)
        }
    }

    /// A piece of the file in memory, with its CRC-64 for the way and its MD5.
    private func body(_ range: Range<UInt64>) async throws -> (UploadBody, md5: String) {
        let buffer = RangeBuffer(byteCount: range.count)
        return try await disk.perform { () throws(LocalFileError) in
            let bytes = UnsafeMutableRawBufferPointer(rebasing: buffer.bytes[..<range.count])
            try source.read(into: bytes, at: range.lowerBound)
            let isWhole = UInt64(range.count) == source.byteCount
            var md5 = ""
            if isWhole {
                var hasher = MD5Hasher()
                hasher.update(UnsafeRawBufferPointer(bytes))
                md5 = Base64.encode(hasher.finish())
            }
            let checksum = BodyChecksum.crc64(CRC64.checksum(UnsafeRawBufferPointer(bytes)))
            let body = UploadBody(byteCount: range.count, checksum: checksum) { offset, target in
                let count = min(target.count, range.count - offset)
                target.copyMemory(from: UnsafeRawBufferPointer(rebasing: buffer.bytes[offset..<offset + count]))
                return count
            }
            return (body, md5)
        }
    }

}

extension SourceFile {
    /// The MD5 of what is there, base64. Fails soon after the flag is set.
    func md5(unless flag: InterruptFlag) throws(LocalFileError) -> String {
        var hasher = MD5Hasher()
        let buffer = RangeBuffer(byteCount: Int(min(byteCount, 1 << 20)))
        var offset: UInt64 = 0
        while offset < byteCount {
            if flag.isSet { throw LocalFileError(path, "was not read to its end: interrupted") }
            let count = Int(min(1 << 20, byteCount - offset))
            let piece = UnsafeMutableRawBufferPointer(rebasing: buffer.bytes[..<count])
            try read(into: piece, at: offset)
            hasher.update(UnsafeRawBufferPointer(piece))
            offset += UInt64(count)
        }
        return Base64.encode(hasher.finish())
    }
}
