/// Where the body of a request comes from: a socket, or a part of a batch that is in memory.
protocol RequestBody: AnyObject {
    /// The declared length; nil if the request declared none.
    var length: Int? { get }
    /// Fills the start of `buffer` and returns how many bytes that were; 0 at the end of the body.
    func read(into buffer: UnsafeMutableRawBufferPointer) throws(Failure) -> Int
}

/// The body of a request that has none.
final class EmptyBody: RequestBody {
    let length: Int? = 0

    func read(into buffer: UnsafeMutableRawBufferPointer) throws(Failure) -> Int {
        0
    }
}

extension RequestBody {
    /// The whole body in memory, for the documents that some operations take; at most `limit` bytes.
    func readAll(limit: Int) throws(Failure) -> [UInt8] {
        guard let length else { throw .code(.missingContentLengthHeader) }
        guard length <= limit else { throw .bodyTooLarge(limit: limit) }
        let storage = UnsafeMutableRawBufferPointer.allocate(byteCount: length, alignment: 16)
        defer { storage.deallocate() }
        var filled = 0
        while filled < length {
            let count = try read(into: UnsafeMutableRawBufferPointer(rebasing: storage[filled...]))
            guard count > 0 else { throw .connectionLost }
            filled += count
        }
        return [UInt8](storage)
    }
}
