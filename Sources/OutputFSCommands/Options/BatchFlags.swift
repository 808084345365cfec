internal import ArgumentParser

/// What a mount does on a node of Azure Batch.
struct BatchFlags: ParsableArguments {
    @Option(
        help: .init(
            "Keep outputfs status --json of this mount in a file (on a node: outputfs-status.json where Batch shows it).",
            valueName: "file"
        ),
        completion: .file()
    )
    var statusFile: String?

    @Flag(help: "Make the container that is mounted, or that of AZ_BATCH_JOB_ID, if it is not there.")
    var createContainer = false

    @Option(
        help: .init(
            "Whether to send everything when the machine is about to be taken away (on a node: on, if it is a Spot one).",
            valueName: "on|off"
        ),
        completion: .list(["on", "off"]),
        transform: Values.onOff
    )
    var evictionNotice: Bool?

    @OptionGroup
    var account: BatchAccountFlags

    /// By default where a machine may be taken away.
    func watchesEvents(on node: BatchNode?) -> Bool { evictionNotice ?? (node.map { !$0.isDedicated } ?? false) }

    /// Where the machine's metadata service is; the variable is azure-identity's.
    static var metadataBase: String? {
        System.environment["AZURE_POD_IDENTITY_AUTHORITY_HOST"].flatMap { $0.isEmpty ? nil : $0 }
    }
}
