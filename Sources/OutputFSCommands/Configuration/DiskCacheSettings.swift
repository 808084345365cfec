/// What `--cache-dir` and `--cache-size` ask for: a directory that keeps what was read.
struct DiskCacheSettings: Sendable, Equatable {
    /// Absolute; made when missing.
    var directory: String
    /// In bytes; `nil`: what `standardCapacity` gives for the disk as it is found.
    var capacity: UInt64?

    /// 16 blocks of 4 MiB: with less, one stream pushes everything else out.
    static let capacityMin: UInt64 = 64 << 20
    /// Enough for a job's inputs, and no surprise on the disk of an operating system.
    static let capacityStandard: UInt64 = 10 << 30

    /// `nil` without a directory.
    ///
    /// - Throws: `usage` for a size without a directory, and for one below `capacityMin`.
    init?(directory: String?, size: Int?, workingDirectory: String) throws(CommandFailure) {
        guard let directory else {
            guard size == nil else {
                throw CommandFailure(
                    .usage,
                    "--cache-size says how much --cache-dir may hold, and there is none",
                    try: "--cache-dir DIRECTORY as well",
                    "--memory SIZE, for what is kept in memory"
                )
            }
            return nil
        }
        self.directory = directory.hasPrefix("/") ? directory : Path.join(workingDirectory, directory)
        capacity = size.map { UInt64($0) }
        if let capacity, capacity < Self.capacityMin {
            throw CommandFailure(
                .usage,
                "--cache-size \(HumanUnits.bytes(capacity)) is too little to keep anything for long",
                try: "at least \(HumanUnits.bytes(Self.capacityMin))"
            )
        }
    }

    /// The size when none is said, in bytes: 10 GiB, or 80 % of the disk's room when that is less.
    ///
    /// What the directory holds already counts as room: else each mount would halve the cache of the one before.
    ///
    /// - Parameters:
    ///   - free: what this user may still write on that disk.
    ///   - held: what the directory takes now.
    /// - Throws: `cannotCreate` where that is less than `capacityMin`.
    static func standardCapacity(free: UInt64, held: UInt64, directory: String) throws(CommandFailure) -> UInt64 {
        let room = free.addingReportingOverflow(held)
        let capacity = min(capacityStandard, (room.overflow ? UInt64.max : room.partialValue) / 5 * 4)
        guard capacity >= capacityMin else {
            throw CommandFailure(
                .cannotCreate,
                "the disk of --cache-dir \(directory) has only \(HumanUnits.bytes(free)) left",
                try: "--cache-dir on another disk",
                "--cache-size \(HumanUnits.bytes(capacityMin).split(separator: " ").joined()) or more, to use it anyway"
            )
        }
        return capacity
    }
}
