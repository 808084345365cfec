internal import ArgumentParser

/// Where the blobs are and what proves that we may have them. Secrets come in files: a command line can be read by
/// everybody on the machine.
struct StorageOptions: ParsableArguments {
    @Option(help: .init("The storage account.", discussion: "Environment: AZURE_STORAGE_ACCOUNT.", valueName: "name"))
    var account: String?

    @Option(
        help: .init(
            "The Blob endpoint, where it is not https://<account>.blob.core.windows.net.",
            discussion: "Environment: AZURE_STORAGE_BLOB_ENDPOINT, AZURE_STORAGE_SERVICE_ENDPOINT.",
            valueName: "url"
        )
    )
    var endpoint: String?

    @Option(
        help: .init(
            "The Data Lake endpoint, where it is not the Blob endpoint with .dfs. in the place of .blob.",
            discussion: "Environment: AZURE_STORAGE_DFS_ENDPOINT.",
            valueName: "url"
        )
    )
    var dfsEndpoint: String?

    @Option(
        help: .init(
            "Whether the account has a hierarchical namespace: on, off, or auto to ask it (auto).",
            valueName: "on|off|auto"
        ),
        completion: .list(NamespaceChoice.allCases.map(\.rawValue)),
        transform: Values.namespace
    )
    var hns: NamespaceChoice?

    @Option(
        help: .init(
            "What follows <account>.blob. in the endpoints of a cloud.",
            discussion: "Environment: AZURE_STORAGE_ENDPOINT_SUFFIX. Default: core.windows.net.",
            valueName: "suffix"
        )
    )
    var endpointSuffix: String?

    @Option(
        help: .init("A file with an account key.", discussion: "Environment: AZURE_STORAGE_KEY.", valueName: "file"),
        completion: .file()
    )
    var keyFile: String?

    @Option(
        help: .init(
            "A file with a shared access signature (sv=…&sig=…).",
            discussion:
                "Read again when it changes. Environment: AZURE_STORAGE_SAS_TOKEN, AZURE_STORAGE_SAS_TOKEN_FILE.",
            valueName: "file"
        ),
        completion: .file()
    )
    var sasFile: String?

    @Option(
        help: .init(
            "A file with a connection string.",
            discussion: "Environment: AZURE_STORAGE_CONNECTION_STRING.",
            valueName: "file"
        ),
        completion: .file()
    )
    var connectionStringFile: String?

    @Option(
        help: .init(
            "A file with the URL of one container, with its SAS: the tree holds just that job.",
            discussion: "Environment: JOB_CONTAINER_URL, AZ_BATCH_JOB_OUTPUT_CONTAINER.",
            valueName: "file"
        ),
        completion: .file()
    )
    var containerURLFile: String?

    @Option(
        help: .init(
            "The same: the URL itself where it has no SAS, or the variable that holds it.",
            valueName: "url|env:NAME"
        )
    )
    var containerURL: String?

    /// What files say of datastores: see `DatastoreTable.arguments`.
    @Option(help: .hidden, transform: StorageOptions.datastore)
    var datastore: [DatastoreArgument] = []

    @Option(
        help: .init(
            "The container that luisy keeps its projects in: the view projects.",
            discussion: "Environment: LUISY_AZURE_CONTAINER_NAME.",
            valueName: "name"
        )
    )
    var luisyContainer: String?

    @OptionGroup(title: "Signing in")
    var identity: IdentityOptions

    /// Whether one of them is given.
    var namesSource: Bool {
        [account, endpoint, keyFile, sasFile, connectionStringFile, containerURLFile, containerURL].contains {
            $0 != nil
        }
    }

    @OptionGroup(title: "Network")
    var network: NetworkOptions

    /// The one account or container that these, the argument SOURCE, and the environment name, and the way there.
    func source(named argument: String?) throws(CommandFailure) -> StorageSource {
        try completed(try resolver(named: argument).resolve())
    }

    /// With what belongs to the way there, and not to whose bytes these are.
    func completed(_ source: StorageSource) throws(CommandFailure) -> StorageSource {
        var source = source
        let endpoint = dfsEndpoint ?? System.environment["AZURE_STORAGE_DFS_ENDPOINT"].flatMap { $0.isEmpty ? nil : $0 }
        if let endpoint { try source.setDataLakeEndpoint(endpoint) }
        source.namespace = hns ?? .auto
        try source.setLuisyContainer(luisyContainer)
        source.network = try NetworkChoice(network, environment: System.environment, readFile: { System.read($0) })
        source.network.readsFiles(from: System.canonicalPath(".") ?? "/")
        try source.checkEncryption()
        source.datastores = try DatastoreResolver(
            environment: System.environment,
            readFile: { System.read($0) },
            network: source.network
        ).resolve(datastore)
        return source
    }

    private static func datastore(_ text: String) throws -> DatastoreArgument {
        guard let argument = DatastoreArgument(text) else { throw ValidationError("NAME.KEY=VALUE") }
        return argument
    }

    /// What knows where a container URL leads that is named elsewhere than on the command line.
    func resolver(named argument: String? = nil) -> StorageSourceResolver {
        StorageSourceResolver(
            options: .init(
                source: argument,
                account: account,
                endpoint: endpoint,
                keyFile: keyFile,
                sasFile: sasFile,
                connectionStringFile: connectionStringFile,
                containerURLFile: containerURLFile,
                containerURL: containerURL,
                endpointSuffix: endpointSuffix,
                auth: identity.auth,
                identity: identity.plan
            ),
            environment: System.environment,
            readFile: { System.read($0) },
            workingDirectory: System.canonicalPath(".") ?? "/"
        )
    }
}
