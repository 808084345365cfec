internal import ArgumentParser
internal import OutputConventions

/// What the tree looks like, and to whom.
struct TreeFlags: ParsableArguments {
    @Option(
        help: .init(
            "The folders at the top: \(OutputView.allCases.map(\.rawValue).joined(separator: ",")) (all).",
            valueName: "list"
        ),
        completion: .list(OutputView.allCases.map(\.rawValue)),
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
        completion: .list(["on", "off"]),
        transform: Values.onOff
    )
    var posixMetadata: Bool?

    @Option(
        help: .init(
            "Kinds of output that are shown while they grow, as append blobs (TaskLog); an empty list for none.",
            valueName: "list"
        ),
        transform: Values.kinds
    )
    var trackedKinds: TrackedKinds?

    @Option(
        help: .init("How long after a log's first unsent byte it is sent (15s).", valueName: "time"),
        transform: Values.duration
    )
    var logInterval: Duration?

    @Option(
        help: .init("How long names, sizes and absence may be out of date (1s).", valueName: "time"),
        transform: Values.duration
    )
    var attrTTL: Duration?
}
