package import Logging

/// The disk cache: one directory of versions of blobs, which several processes may use at the same time.
///
/// Nothing in it is ever needed: whatever the disk refuses, or a crash leaves behind, is as if it had not been saved.
package final class CleanFiles: Sendable {
    package struct Configuration: Sendable, Hashable {
        package let directory: String
        /// Bytes, over all processes that share the directory; the smallest of their capacities is kept.
        package let capacity: UInt64
        /// Bytes with a checksum of their own: what is read and saved at least. A multiple of 4,096.
        package let cellSize: Int

        package init(directory: String, capacity: UInt64, cellSize: Int = 65_536) {
            self.directory = directory
            self.capacity = capacity
            self.cellSize = cellSize
        }
    }

    package let configuration: Configuration
    private let threads: WorkerThreads
    private let logger: Logger

    /// Opens the directory, or makes it (0700). Refuses one that is a symbolic link, belongs to another user, holds
    /// other things or another format, or lies on a file system without holes. What was left there is looked through
    /// on `threads`.
    package init(_ configuration: Configuration, threads: WorkerThreads, logger: Logger) throws(LocalStoreError) {
        self.configuration = configuration
        self.threads = threads
        self.logger = logger
    }

    /// Opens the file of a version, or makes it. `nil` when the disk refuses (the first time, the log says so).
    ///
    /// A few system calls: for a thread that may block. While somebody holds the file, the same key gives the same
    /// object. A known file that is shorter grows, as by `extend`; one that is longer stays so.
    package func file(_ key: CleanFileKey, length: UInt64) -> CleanFile? { nil }

    package var statistics: CleanFilesStatistics { CleanFilesStatistics() }
}
