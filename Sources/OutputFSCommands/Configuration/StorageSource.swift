internal import AzureBlob
internal import OutputConventions

/// Where the blobs are and what opens the door.
struct StorageSource: Sendable, CustomStringConvertible {
    var account: StorageAccount
    var signIn: SignIn
    /// The one container that the credential is for.
    var container: String?
    var namespace = NamespaceChoice.auto
    /// The container that luisy keeps its projects in, if it can be reached with this credential.
    private(set) var luisyContainer: String?
    /// The way there.
    var network = NetworkChoice()
    /// Beside the account: those of the configuration.
    var datastores: [DatastoreSource] = []

    /// As it stands in /proc/mounts and in `status`: the URL, without secrets.
    var description: String { container.map { "\(account.endpoint)/\($0)" } ?? "\(account.endpoint)" }

    /// Who bytes in the journal are for: a mount takes over only what can be sent with its own credentials.
    var journalOwner: String { description }

    mutating func setLuisyContainer(_ name: String?) throws(CommandFailure) {
        guard let name, !name.isEmpty else { return }
        guard ContainerName.isValid(name) else {
            throw CommandFailure(
                .usage,
                "--luisy-container: '\(name)' is no name of a container",
                try: "3 to 63 characters of a-z, 0-9 and single hyphens"
            )
        }
        luisyContainer = container.map { $0 == name } ?? true ? name : nil
    }

    /// Refuses an endpoint to which everything would go in the clear.
    func checkEncryption() throws(CommandFailure) {
        let endpoint = account.endpoint
        guard endpoint.isOpenToTheNetwork, !network.allowsHTTP else { return }
        throw CommandFailure(
            .usage,
            "\(endpoint) is not encrypted: everybody on the way could read and change what is stored",
            try: "https://\(endpoint.authority)\(endpoint.path)",
            "--allow-http, where that network is trusted (an emulator in another container)"
        )
    }
}

/// Finds the source among the command line and the environment.
///
/// The command line wins over the environment, and what it names is not mixed with what belongs to another account:
/// with an account on the command line the environment gives at most a key, a SAS or a connection string of just that
/// account. Within the environment the
/// order is that of the Azure CLI: connection string, then account with key, then account with SAS; a container URL
/// counts when no account is named. What has neither a key nor a SAS is entered with an identity (`SignInResolver`).
struct StorageSourceResolver {
    var options: Options
    var environment: [String: String]
    /// The content of a small file; fails with the words for its errno.
    var readFile: @Sendable (String) -> Result<[UInt8], Errno>
    /// Where relative paths begin.
    var workingDirectory = "/"

    /// The values of `StorageOptions`, and the SOURCE argument.
    struct Options: Sendable, Equatable {
        var source: String?
        var account: String?
        var endpoint: String?
        var keyFile: String?
        var sasFile: String?
        var connectionStringFile: String?
        var containerURLFile: String?
        var containerURL: String?
        var endpointSuffix: String?
        var auth: AuthMethod?
        var identity = IdentityPlan.Options()
    }

    /// An account, and the secret that came with it.
    private struct Found {
        var account: StorageAccount
        var container: String?
        var secret: SignIn?
        var origin = SecretOrigin.environment
    }

    func resolve() throws(CommandFailure) -> StorageSource {
        try signedIn(found())
    }

    /// The source that a container's URL names which was found elsewhere.
    func source(ofContainer url: String, _ origin: String) throws(CommandFailure) -> StorageSource {
        try signedIn(opened(containerURL(url, origin)))
    }

    private func signedIn(_ found: Found) throws(CommandFailure) -> StorageSource {
        let signIn = try signInResolver.resolve(
            found.secret,
            from: found.origin,
            host: found.account.endpoint.host
        )
        return StorageSource(account: found.account, signIn: signIn, container: found.container)
    }

    var signInResolver: SignInResolver {
        SignInResolver(
            method: options.auth,
            identity: options.identity,
            environment: environment,
            workingDirectory: workingDirectory
        )
    }

    private func found() throws(CommandFailure) -> Found {
        let named = try namedOnCommandLine()
        let secretFiles = [
            ("--key-file", options.keyFile), ("--sas-file", options.sasFile),
            ("--connection-string-file", options.connectionStringFile),
            ("--container-url-file", options.containerURLFile),
        ].filter { $0.1 != nil }
        guard secretFiles.count <= 1 else {
            let names = secretFiles.map(\.0).joined(separator: " and ")
            throw CommandFailure(.usage, "\(names) exclude each other", try: "give the one that is meant")
        }

        if let file = options.connectionStringFile {
            try refuse(named, beside: "--connection-string-file")
            return try connectionString(
                try secret(in: file, "--connection-string-file"),
                "--connection-string-file",
                file
            )
        }
        if options.containerURL != nil {
            try refuse(named, beside: "--container-url")
            return try containerOnCommandLine()
        }
        if let file = options.containerURLFile {
            try refuse(named, beside: "--container-url-file")
            return try opened(
                containerURL(try secret(in: file, "--container-url-file"), "--container-url-file", file)
            )
        }
        var credential: (secret: SignIn, option: String)?
        if let file = options.keyFile {
            credential = (.key(Secret(try secret(in: file, "--key-file"))), "--key-file")
        }
        if let file = options.sasFile { credential = (try sas(in: file, "--sas-file"), "--sas-file") }

        let isNamedHere = named.account != nil || named.endpoint != nil
        if credential == nil, let text = variable("AZURE_STORAGE_CONNECTION_STRING") {
            if !isNamedHere { return try connectionString(text, "AZURE_STORAGE_CONNECTION_STRING") }
            if named.endpoint == nil, let found = try? connectionString(text, "AZURE_STORAGE_CONNECTION_STRING"),
                found.account.name == named.account, try isInNamedCloud(found.account)
            {
                return found
            }
        }
        let account = named.account ?? (named.endpoint == nil ? variable("AZURE_STORAGE_ACCOUNT") : nil)
        let endpoint =
            named.endpoint
            ?? (named.account == nil
                ? variable("AZURE_STORAGE_BLOB_ENDPOINT") ?? variable("AZURE_STORAGE_SERVICE_ENDPOINT") : nil)
        guard account != nil || endpoint != nil else {
            // Given to tasks by those who started them, and by what an early draft of the library's documents promised.
            for name in ["JOB_CONTAINER_URL", "AZ_BATCH_JOB_OUTPUT_CONTAINER"] where credential == nil {
                if let url = variable(name) { return try opened(containerURL(url, name)) }
            }
            throw Self.nothingNamed
        }
        let storage = try storageAccount(name: account, endpoint: endpoint)
        if let credential {
            return Found(account: storage, secret: credential.secret, origin: .secretFile(credential.option))
        }
        return Found(account: storage, secret: try environmentSecret)
    }

    /// An account of the same name in another cloud than `--endpoint-suffix` says is another account.
    private func isInNamedCloud(_ account: StorageAccount) throws(CommandFailure) -> Bool {
        guard options.endpointSuffix != nil else { return true }
        return try storageAccount(name: account.name, endpoint: nil).endpoint == account.endpoint
    }

    /// `--container-url`: a variable's, or a URL without a secret, which the command's other credentials open.
    private func containerOnCommandLine() throws(CommandFailure) -> Found {
        let text = options.containerURL ?? ""
        guard options.containerURLFile == nil, options.connectionStringFile == nil else {
            throw CommandFailure(
                .usage,
                "--container-url and a file that names a container or an account exclude each other"
            )
        }
        if text.hasPrefix("env:") {
            let name = String(text.dropFirst(4))
            guard let url = variable(name) else {
                throw CommandFailure(
                    .usage,
                    "--container-url \(text): the variable \(name) is not set",
                    try: "export \(name)=…"
                )
            }
            return try opened(containerURL(url, "--container-url \(text)"))
        }
        if let query = text.firstIndex(of: "?") {
            // Not printed: what stands behind the question mark is as good as a key.
            throw CommandFailure(
                .usage,
                "--container-url \(text[..<query]) carries a query, and a command line can be read by everybody here",
                try: "--container-url env:NAME, with the URL in that variable",
                "--container-url-file FILE, with the URL in a file that only you can read"
            )
        }
        return try opened(containerURL(text, "--container-url"))
    }

    /// A container whose URL has no SAS, with the key or SAS that the options or the environment have.
    private func opened(_ found: Found) throws(CommandFailure) -> Found {
        guard found.secret == nil else { return found }
        var found = found
        found.origin = .environment
        if let file = options.keyFile {
            (found.secret, found.origin) = (.key(Secret(try secret(in: file, "--key-file"))), .secretFile("--key-file"))
        } else if let file = options.sasFile {
            (found.secret, found.origin) = (try sas(in: file, "--sas-file"), .secretFile("--sas-file"))
        } else {
            found.secret = try environmentSecret
        }
        return found
    }

    /// A key before a SAS, as the Azure CLI has it, unless another way was asked for.
    private var environmentSecret: SignIn? {
        get throws(CommandFailure) {
            let method = try signInResolver.chosenMethod
            if method == .auto || method == .key, let key = variable("AZURE_STORAGE_KEY") { return .key(Secret(key)) }
            guard method == .auto || method == .sas else { return nil }
            if let token = variable("AZURE_STORAGE_SAS_TOKEN") { return .sas(Secret(token), file: nil) }
            guard let file = variable("AZURE_STORAGE_SAS_TOKEN_FILE") else { return nil }
            return try sas(in: file, "AZURE_STORAGE_SAS_TOKEN_FILE")
        }
    }

    private func sas(in file: String, _ option: String) throws(CommandFailure) -> SignIn {
        let text = try secret(in: file, option)
        return .sas(Secret(text), file: renewal(file, option) { .success(Secret($0)) })
    }

    /// How the SAS of a file that may change is read again; `nil` where it cannot change, as behind a pipe.
    private func renewal(
        _ file: String?,
        _ option: String,
        _ secret: @escaping @Sendable (String) -> Result<Secret, AccountError>
    ) -> HeldSAS.File? {
        guard let file, SignInResolver.stays(file) else { return nil }
        let path = signInResolver.absolute(file)
        let readFile = readFile
        return HeldSAS.File(path: path) {
            let text: String
            do throws(CommandFailure) { text = try Self.secret(in: path, option, readFile) } catch {
                return .failure(SignInFailure(.refused, error.what))
            }
            return secret(text).flatMap(HeldSAS.checked)
                .mapError { SignInFailure(.refused, "\(option) \(path): \($0)") }
        }
    }

    // MARK: What the client's own parsers make of it

    private func connectionString(
        _ text: String,
        _ origin: String,
        _ file: String? = nil
    ) throws(CommandFailure) -> Found {
        do throws(AccountError) {
            let parsed = try ConnectionString(text)
            let account = parsed.account
            let renewal = renewal(file, origin) { text in
                guard let parsed = try? ConnectionString(text), case .sas(let token) = parsed.credential,
                    parsed.account == account
                else { return .failure(AccountError("it no longer has a SAS for \(account.endpoint)")) }
                return .success(token)
            }
            return Found(
                account: account,
                secret: Self.secret(parsed.credential, renewal),
                origin: file == nil ? .environment : .accountFile
            )
        } catch {
            throw CommandFailure(
                .configuration,
                "\(origin): \(error)",
                try: "the whole text as the portal or az storage account show-connection-string gives it"
            )
        }
    }

    private func containerURL(
        _ text: String,
        _ origin: String,
        _ file: String? = nil
    ) throws(CommandFailure) -> Found {
        do throws(AccountError) {
            let parsed = try ContainerURL(text)
            let (account, container) = (parsed.account, parsed.container)
            let renewal = renewal(file, origin) { text in
                guard let parsed = try? ContainerURL(text), case .sas(let token) = parsed.credential,
                    parsed.account == account, parsed.container.utf8.elementsEqual(container.utf8)
                else { return .failure(AccountError("it no longer has a SAS for \(container)")) }
                return .success(token)
            }
            return Found(
                account: account,
                container: container,
                secret: Self.secret(parsed.credential, renewal),
                origin: file == nil ? .environment : .accountFile
            )
        } catch {
            throw CommandFailure(
                .configuration,
                "\(origin): \(error)",
                try: "https://<account>.blob.core.windows.net/<container>?sv=…&sig=…"
            )
        }
    }

    private func storageAccount(name: String?, endpoint: String?) throws(CommandFailure) -> StorageAccount {
        do throws(AccountError) {
            switch (name, endpoint) {
            case (let name?, let endpoint?): return StorageAccount(name: name, endpoint: try BlobEndpoint(endpoint))
            case (let name?, nil):
                let suffix = options.endpointSuffix ?? variable("AZURE_STORAGE_ENDPOINT_SUFFIX")
                return try StorageAccount(name: name, endpointSuffix: suffix ?? "core.windows.net")
            case (nil, let endpoint?):
                // The account's name out of its endpoint is a rule of connection strings.
                return try ConnectionString("BlobEndpoint=\(endpoint)").account
            case (nil, nil): throw AccountError("no account is named")
            }
        } catch {
            throw CommandFailure(
                .usage,
                "\(error)",
                try: "--account NAME, and --endpoint https://… or --endpoint-suffix where it is not the public cloud's"
            )
        }
    }

    static let nothingNamed = CommandFailure(
        .usage,
        "no storage account is named",
        try: "--account NAME --key-file FILE",
        "--account NAME (managed identity, service principal, az login: --auth)",
        "export AZURE_STORAGE_CONNECTION_STRING=…, or AZURE_STORAGE_ACCOUNT with AZURE_STORAGE_KEY",
        "export JOB_CONTAINER_URL=… (one job's container, with its SAS)",
        "outputfs demo (needs no account)"
    )

    /// What a parser found, with the way to its successor. A text without a secret names the account only.
    private static func secret(_ credential: Credential, _ renewal: HeldSAS.File?) -> SignIn? {
        switch credential {
        case .sharedKey(let key): .key(key)
        case .sas(let token): .sas(token, file: renewal)
        case .anonymous, .bearer, .changingSAS: nil
        }
    }

    /// SOURCE is an account's name or an endpoint's URL.
    private func namedOnCommandLine() throws(CommandFailure) -> (account: String?, endpoint: String?) {
        for (name, text) in [("SOURCE", options.source), ("--endpoint", options.endpoint)] {
            guard let text, let query = text.firstIndex(of: "?") else { continue }
            // Not printed: what stands behind the question mark is as good as a key.
            throw CommandFailure(
                .usage,
                "\(name) \(text[..<query]) carries a query, and a command line can be read by everybody here",
                try: "put the URL into a file that only you can read, and --container-url-file FILE"
            )
        }
        guard let source = options.source else { return (options.account, options.endpoint) }
        let isURL = source.contains("://")
        if isURL ? options.endpoint != nil : options.account != nil {
            throw CommandFailure(
                .usage,
                "both '\(source)' and \(isURL ? "--endpoint" : "--account") are given",
                try: "leave one out"
            )
        }
        return isURL ? (options.account, source) : (source, options.endpoint)
    }

    private func refuse(_ named: (account: String?, endpoint: String?), beside option: String) throws(CommandFailure) {
        guard named.account != nil || named.endpoint != nil else { return }
        throw CommandFailure(
            .usage,
            "\(option) names the account already",
            try: "leave out the account and the endpoint"
        )
    }

    /// An empty variable is as good as none.
    private func variable(_ name: String) -> String? {
        guard let value = environment[name], !value.isEmpty else { return nil }
        return value
    }

    private func secret(in file: String, _ option: String) throws(CommandFailure) -> String {
        try Self.secret(in: file, option, readFile)
    }

    private static func secret(
        in file: String,
        _ option: String,
        _ readFile: (String) -> Result<[UInt8], Errno>
    ) throws(CommandFailure) -> String {
        switch readFile(file) {
        case .failure(let error):
            throw CommandFailure(
                .configuration,
                "\(option) \(file) cannot be read: \(error)",
                try: "ls -l \(file)"
            )
        case .success(let bytes):
            let isSpace = { (byte: UInt8) in byte == 0x20 || (0x09...0x0D).contains(byte) }
            let start = bytes.firstIndex { !isSpace($0) } ?? bytes.endIndex
            let end = bytes.lastIndex { !isSpace($0) }.map { $0 + 1 } ?? bytes.endIndex
            guard start < end, let text = String(validating: bytes[start..<end], as: UTF8.self) else {
                throw CommandFailure(
                    .configuration,
                    "\(option) \(file) \(start < end ? "is not text" : "is empty")",
                    try: "write the secret into it, and nothing else"
                )
            }
            return text
        }
    }
}
