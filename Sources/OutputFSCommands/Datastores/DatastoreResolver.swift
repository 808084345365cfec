internal import AzureBlob
internal import BlobStorage
internal import OutputConventions

/// Makes datastores of what `[datastores.NAME]` says. Nobody is asked.
///
/// Of the environment only what says who the process is counts (identities, the cloud), never an account, a key or a SAS:
/// those are for another account.
struct DatastoreResolver {
    var environment: [String: String]
    var readFile: @Sendable (String) -> Result<[UInt8], Errno>
    /// The way to the store: the same for all.
    var network: NetworkChoice

    /// In the order of their names.
    func resolve(_ arguments: [DatastoreArgument]) throws(CommandFailure) -> [DatastoreSource] {
        let tables = Dictionary(grouping: arguments, by: \.datastore).sorted { $0.key < $1.key }
        var found: [DatastoreSource] = []
        var owners: [String: (name: String, given: [String: String])] = [:]
        for (name, arguments) in tables {
            let values = Dictionary(arguments.filter { !$0.key.isEmpty }.map { ($0.key, $0.value) }) { $1 }
            let datastore: DatastoreSource
            do throws(CommandFailure) { datastore = try resolve(name, values) } catch {
                throw CommandFailure(error.status, "[datastores.\(name)]: \(error.what)", remedies: error.remedies)
            }
            found.append(datastore)
            guard let container = datastore.foreign.map({ "\($0)" }) else { continue }
            let given = values.filter { $0.key != "prefix" }
            if let owner = owners[container], owner.given != given {
                throw CommandFailure(
                    .configuration,
                    "[datastores.\(name)] and [datastores.\(owner.name)] are one container, \(container), "
                        + "and do not open it the same way",
                    try: "the same settings in both, but for the prefix"
                )
            }
            owners[container] = (name, given)
        }
        return found
    }

    private func resolve(_ name: String, _ values: [String: String]) throws(CommandFailure) -> DatastoreSource {
        let prefix = try Self.prefix(values["prefix"] ?? "")
        guard values.keys.contains(where: { $0 != "container" && $0 != "prefix" }) else {
            let container = try Self.container(values["container"], of: nil)
            return DatastoreSource(name: name, source: nil, container: container, prefix: prefix)
        }
        let names = DatastoreTable.settings.filter(\.role.doesName).map(\.name)
        guard names.contains(where: { values[$0] != nil }) else {
            throw CommandFailure(
                .configuration,
                "it says how to open an account, and not which",
                try: "account = \"…\"",
                "only container and prefix, for one in the mount's own account"
            )
        }
        var source = try StorageSourceResolver(
            options: try options(values),
            environment: ownEnvironment,
            readFile: readFile
        ).resolve()
        if let endpoint = values["dfs-endpoint"] { try source.setDataLakeEndpoint(endpoint) }
        source.namespace = values["hns"].flatMap { NamespaceChoice(rawValue: $0.lowercased()) } ?? .auto
        source.network = network
        try source.checkEncryption()
        if source.namespace == .on, let failure = NamespaceDetection.failure(.hierarchical, source) { throw failure }
        let container = try Self.container(values["container"], of: source)
        source.container = container
        return DatastoreSource(name: name, source: source, container: container, prefix: prefix)
    }

    private func options(_ values: [String: String]) throws(CommandFailure) -> StorageSourceResolver.Options {
        var options = StorageSourceResolver.Options()
        options.account = values["account"]
        options.endpoint = values["endpoint"]
        options.endpointSuffix = values["endpoint-suffix"]
        options.keyFile = values["key-file"]
        options.sasFile = values["sas-file"]
        options.connectionStringFile = values["connection-string-file"]
        options.containerURLFile = values["container-url-file"]
        options.containerURL = values["container-url"]
        options.auth = values["auth"].flatMap { AuthMethod(rawValue: $0.lowercased()) }
        options.identity.tenantID = values["tenant-id"]
        options.identity.clientID = values["client-id"]
        options.identity.objectID = values["object-id"]
        options.identity.resourceID = values["resource-id"]
        options.identity.clientSecretFile = values["client-secret-file"]
        options.identity.clientCertificateFile = values["client-certificate-file"]
        options.identity.federatedTokenFile = values["federated-token-file"]
        options.identity.authorityHost = values["authority-host"]
        return options
    }

    /// Without what says or opens the account of the mount. A variable that `container-url = "env:NAME"` names stays.
    private var ownEnvironment: [String: String] {
        let foreign = SettingTable.azureVariables.filter { $0.role != .belongs }.map(\.name)
        return environment.filter { !foreign.contains($0.key) }
    }

    /// The one that is given; of a container's URL that one.
    private static func container(_ given: String?, of source: StorageSource?) throws(CommandFailure) -> String {
        guard let given else {
            if let container = source?.container { return container }
            throw CommandFailure(.configuration, "it names no container", try: "container = \"…\"")
        }
        guard ContainerName.isValid(given) else {
            throw CommandFailure(
                .configuration,
                "'\(given)' is no name of a container",
                try: "3 to 63 small letters, digits and hyphens"
            )
        }
        if let own = source?.container, own != given {
            throw CommandFailure(
                .configuration,
                "container is '\(given)', and the container's URL is of '\(own)'",
                try: "leave out container"
            )
        }
        return given
    }

    /// Empty, or with a slash behind it.
    private static func prefix(_ text: String) throws(CommandFailure) -> String {
        var names = text.split(separator: "/", omittingEmptySubsequences: false)
        if names.last == "" { names.removeLast() }
        guard !names.contains(where: { $0.isEmpty || $0 == "." || $0 == ".." }) else {
            throw CommandFailure(
                .configuration,
                "prefix '\(text)' is no folder of a container",
                try: "prefix = \"folder/in/it\""
            )
        }
        return names.map { $0 + "/" }.joined()
    }
}
