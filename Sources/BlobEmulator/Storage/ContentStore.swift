internal import Glibc
internal import Synchronization

/// Takes in the bodies of writes: into memory, or with a data directory into files that are on disk when it returns.
final class ContentStore: Sendable {
    /// With a data directory, bodies up to this size travel in the journal, so that a small write costs one fsync.
    static let inlineLimit = 32 << 10

    let directory: ContentDirectory?
    private let lastID: Atomic<UInt64>

    init(directory: ContentDirectory?, lastID: UInt64 = 0) {
        self.directory = directory
        self.lastID = Atomic(lastID)
    }

    private func nextID() -> UInt64 {
        lastID.add(1, ordering: .relaxed).newValue
    }

    /// Reads `length` bytes of `body`.
    func receive(
        _ body: any RequestBody,
        length: Int,
        digests: inout BodyDigests
    ) throws(Failure) -> Content {
        if let directory, length > Self.inlineLimit {
            return try receive(body, length: length, into: directory, digests: &digests)
        }
        var content = Content()
        while content.length < length {
            let count = min(length - content.length, ExtentMemory.pieceSize)
            guard let memory = ExtentMemory.allocate(count) else { throw .code(.internalError) }
            // Owned from here on: freed with the extent if the peer goes away.
            let extent = Extent(id: directory == nil ? 0 : nextID(), length: count, place: .memory(memory))
            var filled = 0
            while filled < count {
                let received = try body.read(into: UnsafeMutableRawBufferPointer(rebasing: memory[filled..<count]))
                guard received > 0 else { throw .connectionLost }
                digests.update(UnsafeRawBufferPointer(rebasing: memory[filled..<filled + received]))
                filled += received
            }
            content.append(StoredSlice(extent: extent, offset: 0, length: count))
        }
        return content
    }

    private func receive(
        _ body: any RequestBody,
        length: Int,
        into directory: ContentDirectory,
        digests: inout BodyDigests
    ) throws(Failure) -> Content {
        let id = nextID()
        let descriptor = directory.create(id)
        guard descriptor >= 0 else { throw .code(.internalError) }
        defer { close(descriptor) }
        // Owned from here on: the file goes with the extent if anything fails.
        let extent = Extent(id: id, length: length, place: .file(directory))
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: min(length, 256 << 10), alignment: 4096)
        defer { buffer.deallocate() }
        var received = 0
        while received < length {
            let count = try body.read(into: buffer)
            guard count > 0 else { throw .connectionLost }
            let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<count])
            digests.update(bytes)
            guard writeAll(descriptor, bytes) else { throw .code(.internalError) }
            received += count
        }
        guard fdatasync(descriptor) == 0, directory.synchronize(id) else { throw .code(.internalError) }
        return Content(StoredSlice(extent: extent, offset: 0, length: length))
    }
}

/// Writes all of `bytes`; false if the file system refuses.
func writeAll(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) -> Bool {
    var written = 0
    while written < bytes.count {
        let rest = UnsafeRawBufferPointer(rebasing: bytes[written...])
        let count = write(descriptor, rest.baseAddress, rest.count)
        if count < 0 {
            if errno == EINTR { continue }
            return false
        }
        written += count
    }
    return true
}
