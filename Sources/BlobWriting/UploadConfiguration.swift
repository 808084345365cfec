package import BlobStorage
package import LocalStore

/// How files go up. The defaults are what a task node wants; each figure is a bound, too.
package struct UploadConfiguration: Sendable {
    /// Which checksum each request body carries, for the service to check.
    package enum BodyCheck: Sendable, Hashable {
        case crc64
        case md5
        case none
    }

    /// On a disk with room for everything that is written and not committed.
    package var journalDirectory: String
    /// Whose bytes they are: only a mount of the same account, or container, takes over what a process left there.
    package var journalOwner = ""
    /// What earlier processes of the same mount left is this one's, however they ended.
    package var journalSuccession: JournalSuccession?
    /// The length of a file's first 25,000 blocks, in bytes; see `BlockLayout`.
    package var blockSize: UInt64 = 8 << 20
    /// A file up to this length that was never staged goes up as one Put Blob: one round trip instead of two.
    package var singlePutMax: UInt64 = 8 << 20
    /// Pieces of a base version from this length on are copied by the service, and holes of a file made of one block of
    /// zeros; what is shorter is fetched, and sent: a request costs as much as 256 KiB take at 10 to 100 MiB/s.
    package var copyMin: UInt64 = 256 << 10
    /// Blocks on their way at once, over all files. Their bytes are in the page cache, not in this process.
    package var stagesInFlightMax = 16
    /// Put Blob and Put Block List on their way at once, over all files.
    package var commitsInFlightMax = 64
    /// Ranges of base versions being fetched at once, of 4 MiB each, over all files.
    package var fetchesInFlightMax = 8
    /// Blocks that an append blob may have before it is put anew in few: the service's limit.
    package var appendBlockCountMax = 50_000
    package var checksum: BodyCheck = .crc64
    /// What ranges of a base version are checked against.
    package var verification: RangeVerification = .crc64
    /// Store the MD5 of the whole file where it is known without reading the file again. It costs 1.2 CPU seconds
    /// per GiB on a thread of its own.
    package var storesWholeMD5 = true

    package init(journalDirectory: String) { self.journalDirectory = journalDirectory }
}
