/// The bytes of an RDS file, as R writes them: numbers with the highest byte first (XDR).
///
/// A length that the file claims leads to no memory: what is passed over is read and forgotten, piece by piece.
final class RDSInput {
    private let source: any ByteSource
    private let buffer: UnsafeMutableRawBufferPointer
    private var present = 0..<0
    /// Bytes taken so far.
    private(set) var offset: UInt64 = 0
    /// What is taken goes there, too.
    var copy: (any ByteSink)?

    init(_ source: any ByteSource, bufferByteCount: Int = 128 << 10) {
        self.source = source
        buffer = .allocate(byteCount: bufferByteCount, alignment: 16)
    }

    deinit { buffer.deallocate() }

    func int32() throws -> Int32 {
        let value = try int32Alone()
        if let copy { try withUnsafeBytes(of: value.bigEndian) { try copy.write($0) } }
        return value
    }

    /// A number that is not copied: the caller does that.
    func int32Alone() throws -> Int32 {
        try require(4)
        let value = UnsafeRawBufferPointer(buffer).loadUnaligned(fromByteOffset: present.lowerBound, as: Int32.self)
        take(4)
        return Int32(bigEndian: value)
    }

    func double() throws -> Double {
        let high = UInt64(UInt32(bitPattern: try int32()))
        let low = UInt64(UInt32(bitPattern: try int32()))
        return Double(bitPattern: high << 32 | low)
    }

    func skip(_ count: UInt64) throws {
        var left = count
        while left > 0 {
            if present.isEmpty { try require(1) }
            let piece = Int(min(left, UInt64(present.count)))
            try copy?.write(UnsafeRawBufferPointer(rebasing: buffer[present.prefix(piece)]))
            take(piece)
            left -= UInt64(piece)
        }
    }

    /// - Parameter count: what the caller is ready to hold; memory grows with what comes.
    func bytes(_ count: Int) throws -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < count {
            if present.isEmpty { try require(1) }
            let piece = UnsafeRawBufferPointer(rebasing: buffer[present.prefix(count - bytes.count)])
            try copy?.write(piece)
            bytes.append(contentsOf: piece)
            take(piece.count)
        }
        return bytes
    }

    /// What the file begins with: fewer bytes where it has no more.
    func beginning(_ count: Int) throws -> [UInt8] {
        while try present.count < count && fill() {}
        let bytes = [UInt8](buffer[present.prefix(count)])
        take(bytes.count)
        return bytes
    }

    /// Reads what is left, so that the checksum behind it is looked at.
    func finish() throws {
        while true {
            offset += UInt64(present.count)
            present = 0..<0
            let count = try source.read(into: buffer)
            if count == 0 { return }
            present = 0..<count
        }
    }

    private func take(_ count: Int) {
        present = present.dropFirst(count)
        offset += UInt64(count)
    }

    private func require(_ count: Int) throws {
        while present.count < count {
            guard try fill() else { throw RDSError(offset, "ends in the middle of a value") }
        }
    }

    /// - Returns: false: there is no more.
    private func fill() throws -> Bool {
        let kept = present.count
        buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: buffer[present]))
        present = 0..<kept
        let more = try source.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[kept...]))
        present = 0..<kept + more
        return more > 0
    }
}
