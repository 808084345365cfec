internal import ArgumentParser
internal import AzureBlob
internal import Logging

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

    @Option(
        help: .init(
            "The Batch account: true job ids, and records of jobs and tasks. Without key or token: by the identity of --auth.",
            discussion: "Environment: AZURE_BATCH_ENDPOINT, AZ_BATCH_ACCOUNT_URL.",
            valueName: "url"
        )
    )
    var batchAccountURL: String?

    @Option(
        help: .init(
            "A file with the Batch account's key.",
            discussion: "Environment: AZURE_BATCH_ACCESS_KEY.",
            valueName: "file"
        ),
        completion: .file()
    )
    var batchKeyFile: String?

    @Option(
        help: .init("A file with a Microsoft Entra token for Batch, read anew for every request.", valueName: "file"),
        completion: .file()
    )
    var batchTokenFile: String?

    /// - Parameters:
    ///   - identity: who signs in where neither key nor token is given.
    ///   - network: the way to who gives tokens.
    func account(
        identity: SignInResolver,
        network: NetworkSettings,
        logger: Logger
    ) throws(CommandFailure) -> BatchAccount? {
        try BatchAccountSource(
            url: batchAccountURL,
            keyFile: batchKeyFile,
            tokenFile: batchTokenFile.map(System.absolutePath),
            environment: System.environment,
            readFile: { System.read($0) },
            signIn: { host throws(CommandFailure) in
                SignedIn(
                    try identity.identity(toHost: host),
                    for: .batch(host: host),
                    tools: IdentityTools(forNetwork: network),
                    logger: logger
                ).token
            }
        ).resolve()
    }

    /// By default where a machine may be taken away.
    func watchesEvents(on node: BatchNode?) -> Bool { evictionNotice ?? (node.map { !$0.isDedicated } ?? false) }

    /// Where the machine's metadata service is; the variable is azure-identity's.
    static var metadataBase: String? {
        System.environment["AZURE_POD_IDENTITY_AUTHORITY_HOST"].flatMap { $0.isEmpty ? nil : $0 }
    }
}
