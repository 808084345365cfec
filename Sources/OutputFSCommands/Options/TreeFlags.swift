internal import ArgumentParser
internal import OutputConventions

/// What the tree looks like, and to whom.
struct TreeFlags: ParsableArguments {
    @Option(
        help: .init(
            "The folders at the top: \(OutputView.allCases.map(\.rawValue).joined(separator: ",")) (all).",
            valueName: "list"
        ),
        transform: Values.views
    )
    var views: [OutputView]?

    @Flag(help: "Refuse everything that would change something (-o ro).")
    var readOnly = false

    @Flag(help: "Let other users in; permissions still count. Needs user_allow_other in /etc/fuse.conf, or root.")
    var allowOther = false

    @Flag(help: "Mount over a directory that is not empty.")
    var nonempty = false

    @Option(help: .init("The owner of all files (the mounting user).", valueName: "id"))
    var uid: UInt32?

    @Option(help: .init("The group of all files (the mounting user's).", valueName: "id"))
    var gid: UInt32?

    @Option(
        help: .init("Takes these bits from 0666 and 0777.", valueName: "octal"),
        transform: Values.mode
    )
    var umask: UInt16?

    @Option(help: .init("Permissions of files (0644).", valueName: "octal"), transform: Values.mode)
    var fileMode: UInt16?

    @Option(help: .init("Permissions of directories (0755).", valueName: "octal"), transform: Values.mode)
    var dirMode: UInt16?

    @Option(
        help: .init(
            "Whether owner and permissions that blobs carry are shown (on). Off for a machine whose user ids are others.",
            valueName: "on|off"
        ),
        transform: Values.onOff
    )
    var posixMetadata: Bool?

    @Option(
        help: .init("How long names, sizes and absence may be out of date (1s).", valueName: "time"),
        transform: Values.duration
    )
    var attrTTL: Duration?
}

/// How bytes travel, and what they may cost.
struct TransferFlags: ParsableArguments {
    @Option(
        help: .init("Memory for blocks, in flight and kept (256M).", valueName: "size"),
        transform: Values.byteCount
    )
    var memory: Int?

    @Option(
        help: .init(
            "Where bytes wait until they are in the store (/var/spool/outputfs, or ~/.local/state/outputfs/spool).",
            valueName: "directory"
        )
    )
    var spoolDir: String?

    @Option(
        help: .init("Whether the store's checksums are checked while reading (on).", valueName: "on|off"),
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
