/// A clean file that stays whole while this lives: byte for byte the blob, for the kernel to read from.
package final class CleanFileLease: Sendable {
    /// The file's size, bytes.
    package let length: UInt64
    /// This process wrote a part of it, an eighth or more, past the page cache.
    package let isPastPageCache: Bool
    private let index: OpenFile
    private let data: OpenFile

    /// `index` has the shared lock of leases.
    init(index: OpenFile, data: OpenFile, length: UInt64, isPastPageCache: Bool) {
        self.isPastPageCache = isPastPageCache
        self.index = index
        self.data = data
        self.length = length
    }

    /// Who holds a copy of this descriptor holds the lock: the file stays whole although this process ends.
    package var lockDescriptor: Int32 { index.descriptor }

    /// Open for reading only; closed with the lease.
    package var descriptor: Int32 { data.descriptor }
}
