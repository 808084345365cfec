internal import BlobStorage

/// Files from their first byte to their last, one after the other, with a few ranges on their way: many small files are
/// read as fast as one large one.
struct OrderedRead: Sendable {
    let store: any BlobStore
    /// Ranges of at most 4 MiB in flight.
    let ahead: Int

    /// Which file could not be read.
    struct Failure: Error {
        let file: Int
        let reason: any Error
    }

    private struct Piece: Sendable {
        let file: Int
        let range: Range<UInt64>
    }

    /// Gives the bytes to `body` with the number of their file. Each range was held against the store's checksum; a blob
    /// that is replaced meanwhile throws `Failure`, like one that cannot be read.
    func read(_ files: [TreeFile], _ body: (_ file: Int, UnsafeRawBufferPointer) throws -> Void) async throws {
        var next = Pieces(files)
        var running: [(piece: Piece, bytes: Task<RangeBuffer, any Error>)] = []
        defer { for read in running { read.bytes.cancel() } }
        while true {
            try Task.checkCancellation()
            while running.count < ahead, let piece = next.pop() {
                let file = files[piece.file]
                running.append((piece, Task { [store] in try await Self.fetch(piece.range, of: file, from: store) }))
            }
            guard let first = running.first else { return }
            let buffer: RangeBuffer
            do {
                buffer = try await withTaskCancellationHandler {
                    try await first.bytes.value
                } onCancel: {
                    first.bytes.cancel()
                }
            } catch {
                throw Failure(file: first.piece.file, reason: error)
            }
            running.removeFirst()
            try body(first.piece.file, UnsafeRawBufferPointer(rebasing: buffer.bytes[..<first.piece.range.count]))
        }
    }

    private static func fetch(
        _ range: Range<UInt64>,
        of file: TreeFile,
        from store: any BlobStore
    ) async throws -> RangeBuffer {
        let buffer = RangeBuffer(byteCount: range.count)
        // An append blob only grows.
        let isLog = file.properties.type == .append
        let condition: VersionCondition = isLog ? .any : .matches(file.properties.version.etag)
        let result = try await store.read(file.address, range, condition, into: buffer)
        guard result.byteCount == range.count else { throw DownloadProblem.shorter(file.address) }
        return buffer
    }

    /// All ranges in their order.
    private struct Pieces {
        private let lengths: [UInt64]
        private var file = 0
        private var offset: UInt64 = 0

        init(_ files: [TreeFile]) { lengths = files.map(\.properties.length) }

        mutating func pop() -> Piece? {
            while file < lengths.count {
                if offset < lengths[file] {
                    let end = min(offset + FileDownload.rangeByteCount, lengths[file])
                    defer { offset = end }
                    return Piece(file: file, range: offset..<end)
                }
                (file, offset) = (file + 1, 0)
            }
            return nil
        }
    }
}
