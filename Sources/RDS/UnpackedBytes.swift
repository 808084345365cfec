internal import CZlib

/// What a file holds, whether it is compressed with gzip (as `saveRDS` does unless it is told otherwise) or not at all.
///
/// Unpacks as it is read, so however much a file unpacks to, it takes one buffer of memory.
package final class UnpackedBytes: ByteSource {
    private let source: any ByteSource
    private let stream: UnsafeMutablePointer<z_stream>
    private let packed: UnsafeMutableRawBufferPointer
    /// What of `packed` has not been used.
    private var waiting: Range<Int>
    private var packedOffset: UInt64 = 0
    private var isPacked = false
    private var isOver = false

    private static let bufferByteCount = 64 << 10
    /// 15: the largest window; 16: with gzip's header, checksum and length.
    private static let gzipWindow: Int32 = 15 + 16

    package init(_ source: any ByteSource) throws {
        self.source = source
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        packed = .allocate(byteCount: Self.bufferByteCount, alignment: 16)
        waiting = 0..<0
        // From here on `deinit` frees what is there, whatever fails.
        while waiting.count < Self.signatureByteCount {
            let rest = UnsafeMutableRawBufferPointer(rebasing: packed[waiting.upperBound...])
            let count = try source.read(into: rest)
            if count == 0 { break }
            waiting = 0..<waiting.upperBound + count
        }
        let signature = [UInt8](packed[waiting.prefix(Self.signatureByteCount)])
        if let name = Self.otherCompression(signature) {
            throw RDSError(0, "is compressed with \(name), and only gzip can be read")
        }
        isPacked = signature.starts(with: [0x1F, 0x8B])
        guard isPacked else { return }
        let code = inflateInit2_(stream, Self.gzipWindow, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        guard code == Z_OK else { throw RDSError(0, "cannot be unpacked (zlib says \(code))") }
    }

    deinit {
        // Does nothing to a stream that was not begun.
        inflateEnd(stream)
        stream.deallocate()
        packed.deallocate()
    }

    private static let signatureByteCount = 6

    private static func otherCompression(_ signature: [UInt8]) -> String? {
        if signature.starts(with: Array("BZh".utf8)) { return "bzip2" }
        if signature.starts(with: [0xFD, 0x37, 0x7A, 0x58, 0x5A, 0x00]) { return "xz" }
        if signature.starts(with: [0x28, 0xB5, 0x2F, 0xFD]) { return "zstd" }
        return nil
    }

    package func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        guard isPacked else { return try copy(into: buffer) }
        while !isOver {
            if waiting.isEmpty { try fill() }
            guard !waiting.isEmpty else {
                throw RDSError(packedOffset, "ends in the middle of its compressed bytes")
            }
            let count = try unpack(into: buffer)
            if count > 0 { return count }
        }
        return 0
    }

    private func copy(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        guard waiting.isEmpty else {
            let count = min(buffer.count, waiting.count)
            buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: packed[waiting.prefix(count)]))
            waiting = waiting.dropFirst(count)
            return count
        }
        return try source.read(into: buffer)
    }

    private func fill() throws {
        waiting = 0..<(try source.read(into: packed))
    }

    private func unpack(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        let input = UnsafeMutableRawBufferPointer(rebasing: packed[waiting])
        stream.pointee.next_in = input.baseAddress?.assumingMemoryBound(to: UInt8.self)
        stream.pointee.avail_in = UInt32(input.count)
        let room = min(buffer.count, Int(UInt32.max))
        stream.pointee.next_out = buffer.baseAddress?.assumingMemoryBound(to: UInt8.self)
        stream.pointee.avail_out = UInt32(room)
        let code = inflate(stream, Z_NO_FLUSH)
        let used = input.count - Int(stream.pointee.avail_in)
        waiting = waiting.dropFirst(used)
        packedOffset += UInt64(used)
        switch code {
        case Z_OK, Z_BUF_ERROR: break
        case Z_STREAM_END: try finishMember()
        default:
            let words = stream.pointee.msg.map { String(cString: $0) } ?? "zlib says \(code)"
            throw RDSError(packedOffset, "cannot be unpacked (\(words))")
        }
        return room - Int(stream.pointee.avail_out)
    }

    /// A gzip file may be several, one behind the other; what else follows is passed over, as R does.
    private func finishMember() throws {
        if waiting.isEmpty { try fill() }
        if waiting.isEmpty || packed[waiting.lowerBound] != 0x1F {
            isOver = true
        } else {
            inflateReset(stream)
        }
    }
}
