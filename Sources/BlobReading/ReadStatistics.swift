/// What reading did so far, and what it holds now.
package struct ReadStatistics: Sendable, Hashable {
    /// Reads answered from memory at once.
    package var hits: UInt64 = 0
    /// Reads that had to wait for the store.
    package var misses: UInt64 = 0
    /// GETs started, and how many of them ahead of any reader.
    package var requests: UInt64 = 0
    package var readAheadRequests: UInt64 = 0
    /// GETs that failed or were cancelled.
    package var failedRequests: UInt64 = 0
    /// Bytes that the store delivered.
    package var bytesFromStore: UInt64 = 0
    /// Reads of clean files in place of GETs, and the bytes that they brought.
    package var diskHits: UInt64 = 0
    package var bytesFromDisk: UInt64 = 0
    /// Bytes from the store that went to the disk, and those that will not: it was too slow, or full.
    package var bytesSaved: UInt64 = 0
    package var bytesNotSaved: UInt64 = 0
    /// Bytes from the store that are to go to the disk still, in whole pieces.
    package var bytesToSave: UInt64 = 0
    /// Bytes handed to readers.
    package var bytesServed: UInt64 = 0
    /// Bytes asked for ahead of any reader.
    package var readAheadBytes: UInt64 = 0
    /// Bytes of those that were given up before anybody read them.
    package var readAheadWaste: UInt64 = 0
    /// Bytes of memory in use now, in flight included, and the pool's size.
    package var residentBytes: UInt64 = 0
    package var memoryBudget: UInt64 = 0
    /// Reads that wait for memory now, and how many ever had to.
    package var queuedReads: UInt64 = 0
    package var queuedReadsEver: UInt64 = 0

    package init() {}
}
