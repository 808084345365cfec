internal import Glibc
internal import Synchronization

/// A run of stored bytes that never changes once it has been filled. Blocks, blobs, snapshots and copies share extents
/// by reference; the last one to let go frees it.
final class Extent: Sendable {
    enum Place: @unchecked Sendable {
        /// Allocated by `ExtentMemory`.
        case memory(UnsafeMutableRawBufferPointer)
        /// A file of the data directory.
        case file(ContentDirectory)
        /// Zeros that take no room: the parts of a page blob that nobody wrote.
        case zeros
    }

    /// Unique within a data directory; 0 for zeros and for emulators that keep nothing.
    let id: UInt64
    let length: Int
    let place: Place
    /// Whether the bytes of an extent in memory are in the journal.
    private let isInJournal = Atomic<Bool>(false)

    init(id: UInt64, length: Int, place: Place) {
        (self.id, self.length, self.place) = (id, length, place)
    }

    deinit {
        switch place {
        case .memory(let bytes): ExtentMemory.free(bytes)
        case .file(let directory): directory.retire(id)
        case .zeros: break
        }
    }

    /// True for the first caller: the one who has to write the bytes to the journal.
    func claimJournalEntry() -> Bool {
        !isInJournal.exchange(true, ordering: .relaxed)
    }

    static let zeros = Extent(id: 0, length: .max, place: .zeros)
}

/// A part of an extent.
struct StoredSlice: Sendable {
    let extent: Extent
    let offset: Int
    let length: Int

    func part(_ range: Range<Int>) -> StoredSlice {
        StoredSlice(extent: extent, offset: offset + range.lowerBound, length: range.count)
    }

    /// Hands the bytes on in pieces, in order: all at once from memory, 256 KiB each from a file.
    func forEachPiece<E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> Void) throws(E) {
        switch extent.place {
        case .memory(let bytes):
            try body(UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + length]))
        case .zeros:
            try zeroPage.withUnsafeBufferPointer { (page) throws(E) in
                let zeros = UnsafeRawBufferPointer(page)
                var rest = length
                while rest > 0 {
                    let count = min(rest, zeros.count)
                    try body(UnsafeRawBufferPointer(rebasing: zeros[..<count]))
                    rest -= count
                }
            }
        case .file(let directory):
            let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: min(length, 256 << 10), alignment: 4096)
            defer { buffer.deallocate() }
            let descriptor = directory.open(extent.id)
            defer { if descriptor >= 0 { close(descriptor) } }
            var done = 0
            while done < length {
                let wanted = min(buffer.count, length - done)
                let count = pread(descriptor, buffer.baseAddress, wanted, off_t(offset + done))
                // A file that is gone or short shows as a body that ends early, never as wrong bytes.
                guard count > 0 else { return }
                try body(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
                done += count
            }
        }
    }
}

let zeroPage = [UInt8](repeating: 0, count: 64 << 10)
