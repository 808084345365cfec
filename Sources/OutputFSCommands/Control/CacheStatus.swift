/// What is kept in memory, and what reading cost. Counters begin with the mount; sizes are in bytes.
struct CacheStatus: Codable, Sendable, Equatable {
    /// Memory in use, in flight included, and its bound (`--memory`).
    var resident: UInt64
    var budget: UInt64
    /// Reads answered from memory at once, and those that had to wait for the local disk or the store.
    var hits: UInt64
    var misses: UInt64
    /// Bytes handed to readers.
    var served: UInt64
    /// Bytes that were brought into memory for that: from the local disk, and from the store.
    var fromDisk: UInt64
    var fromStore: UInt64
    /// Bytes of those that were asked for ahead of any reader, and how many of them for nothing.
    var readAhead: UInt64
    var readAheadWaste: UInt64
    /// The part of the reads that memory answered, and of the bytes that did not come from the store, from 0 to 1;
    /// `nil` before the first.
    private(set) var readHitRate: Double?
    private(set) var byteHitRate: Double?

    init(
        resident: UInt64,
        budget: UInt64,
        hits: UInt64,
        misses: UInt64,
        served: UInt64,
        fromDisk: UInt64,
        fromStore: UInt64,
        readAhead: UInt64,
        readAheadWaste: UInt64
    ) {
        (self.resident, self.budget) = (resident, budget)
        (self.hits, self.misses) = (hits, misses)
        (self.served, self.fromDisk, self.fromStore) = (served, fromDisk, fromStore)
        (self.readAhead, self.readAheadWaste) = (readAhead, readAheadWaste)
        let reads = hits + misses
        readHitRate = reads > 0 ? Double(hits) / Double(reads) : nil
        // Small reads fetch whole pieces, and some of what is read ahead is for nothing: then more comes than is read.
        byteHitRate = served > 0 ? max(0, 1 - Double(fromStore) / Double(served)) : nil
    }
}

/// What is kept on the local disk, by all mounts that share the directory, and what this mount did there.
struct DiskCacheStatus: Codable, Sendable, Equatable {
    var directory: String
    /// Bytes that the directory may hold, and those that it holds.
    var capacity: UInt64
    var used: UInt64
    /// Versions of blobs, complete or in part.
    var files: UInt64
    /// Bytes that this mount put there, that it fetched and is still to put there, that it could not put there (the disk
    /// was slower than the store, or full), and that it took away for others to come.
    var saved: UInt64
    var waiting: UInt64
    var notSaved: UInt64
    var evicted: UInt64
    /// Pieces of 64 KiB that were not as they had been saved; they were fetched again.
    var damaged: UInt64
}
