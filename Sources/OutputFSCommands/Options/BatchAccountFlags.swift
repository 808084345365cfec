internal import ArgumentParser
internal import AzureBlob
internal import Logging

/// The Batch account that is asked about jobs and tasks.
struct BatchAccountFlags: ParsableArguments {
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
}
