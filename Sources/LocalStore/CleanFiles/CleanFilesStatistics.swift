/// What a disk cache holds, and what it did since this process opened it.
package struct CleanFilesStatistics: Sendable, Hashable {
    /// Bytes that count against the capacity, those of all processes: data, indexes, 4 KiB a file for the file system.
    package var usedBytes: UInt64 = 0
    package var capacity: UInt64 = 0
    /// Versions on disk, those of all processes.
    package var files: UInt64 = 0
    /// Reads that were answered, and those that found a cell missing or damaged.
    package var hits: UInt64 = 0
    package var misses: UInt64 = 0
    package var bytesRead: UInt64 = 0
    package var bytesSaved: UInt64 = 0
    package var bytesEvicted: UInt64 = 0
    /// Cells whose bytes did not match their checksum: forgotten.
    package var damagedCells: UInt64 = 0
    /// Saves and new files that came to nothing: no room could be made, or the disk refused.
    package var refusals: UInt64 = 0

    package init() {}
}
