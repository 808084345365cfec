internal import ArgumentParser
internal import OutputTree

/// How bytes travel, and what they may cost.
struct TransferFlags: ParsableArguments {
    @Option(
        help: .init("Memory for blocks, in flight and kept (256M).", valueName: "size"),
        transform: Values.byteCount
    )
    var memory: Int?

    @Option(
        help: .init(
            "A directory on a local disk that keeps what was read, also over re-mounts (none).",
            valueName: "directory"
        ),
        completion: .directory
    )
    var cacheDir: String?

    @Option(
        help: .init(
            "How much --cache-dir may hold (10G, or 80 % of the room on its disk if that is less).",
            valueName: "size"
        ),
        transform: Values.byteCount
    )
    var cacheSize: Int?

    @Option(
        help: .init(
            "Where bytes wait until they are in the store (/var/spool/outputfs, or ~/.local/state/outputfs/journal).",
            valueName: "directory"
        ),
        completion: .directory
    )
    var journalDir: String?

    @Option(
        help: .init(
            "What close and fsync wait for: the store, or this machine's disk (commit).",
            valueName: "commit|journal"
        ),
        completion: .list(["commit", "journal"]),
        transform: Values.durability
    )
    var durability: Durability?

    @Option(
        help: .init(
            "When O_EXCL puts the name into the store: with the first commit, or empty at open (close).",
            valueName: "close|open"
        ),
        completion: .list(["close", "open"]),
        transform: Values.exclusiveCreation
    )
    var exclusive: ExclusiveCreation?

    @Option(
        help: .init(
            "What close does when somebody replaced the file since it was opened (replace).",
            valueName: "replace|fail"
        ),
        completion: .list(["replace", "fail"]),
        transform: Values.conflictPolicy
    )
    var onConflict: ConflictPolicy?

    @Option(
        help: .init("Whether the store's checksums are checked while reading (on).", valueName: "on|off"),
        completion: .list(["on", "off"]),
        transform: Values.onOff
    )
    var verify: Bool?

    @Option(
        help: .init("How long a read or a look-up is retried before it fails (60s).", valueName: "time"),
        transform: Values.duration
    )
    var retryDeadline: Duration?

    @Option(
        help: .init("How long close and fsync try before they fail (10m).", valueName: "time"),
        transform: Values.duration
    )
    var commitDeadline: Duration?

    @Option(
        help: .init("How long a mount that is asked to end waits for uploads (60s).", valueName: "time"),
        transform: Values.duration
    )
    var drainTimeout: Duration?
}
