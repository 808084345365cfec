internal import CZlib

/// Compresses what is written to it with gzip, at the level that `saveRDS` uses.
package final class GzipWriter: ByteSink {
    private let sink: any ByteSink
    private let stream: UnsafeMutablePointer<z_stream>
    private let packed: UnsafeMutableRawBufferPointer

    private static let level: Int32 = 6
    /// 15: the largest window; 16: with gzip's header, checksum and length.
    private static let gzipWindow: Int32 = 15 + 16
    /// zlib's own choice of how much memory its state takes (256 KiB).
    private static let memoryLevel: Int32 = 8

    package init(_ sink: any ByteSink) {
        self.sink = sink
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        packed = .allocate(byteCount: 64 << 10, alignment: 16)
        let size = Int32(MemoryLayout<z_stream>.size)
        let code = deflateInit2_(
            stream,
            Self.level,
            Z_DEFLATED,
            Self.gzipWindow,
            Self.memoryLevel,
            Z_DEFAULT_STRATEGY,
            ZLIB_VERSION,
            size
        )
        precondition(code == Z_OK, "zlib cannot begin: out of memory, or another version than this was built with")
    }

    deinit {
        deflateEnd(stream)
        stream.deallocate()
        packed.deallocate()
    }

    package func write(_ bytes: UnsafeRawBufferPointer) throws {
        var rest = bytes
        while !rest.isEmpty {
            let piece = UnsafeRawBufferPointer(rebasing: rest.prefix(1 << 30))
            try deflate(piece, Z_NO_FLUSH)
            rest = UnsafeRawBufferPointer(rebasing: rest[piece.count...])
        }
    }

    /// Nothing can be written behind this.
    package func finish() throws { try deflate(UnsafeRawBufferPointer(start: nil, count: 0), Z_FINISH) }

    private func deflate(_ bytes: UnsafeRawBufferPointer, _ flush: Int32) throws {
        stream.pointee.next_in = UnsafeMutablePointer(
            mutating: bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
        )
        stream.pointee.avail_in = UInt32(bytes.count)
        repeat {
            stream.pointee.next_out = packed.baseAddress?.assumingMemoryBound(to: UInt8.self)
            stream.pointee.avail_out = UInt32(packed.count)
            _ = CZlib.deflate(stream, flush)
            let count = packed.count - Int(stream.pointee.avail_out)
            if count > 0 { try sink.write(UnsafeRawBufferPointer(rebasing: packed[..<count])) }
        } while stream.pointee.avail_out == 0
    }
}
