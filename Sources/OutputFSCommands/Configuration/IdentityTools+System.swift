internal import AzureBlob

/// What asking for tokens takes from this machine.
extension IdentityTools {
    /// The way to who gives tokens is that to the store, without its limits.
    init(forNetwork network: NetworkSettings) {
        self.init(
            readFile: { path in
                System.read(path).mapError {
                    SignInFailure(.refused, "\(path) cannot be read: \($0)", try: "ls -l \(path)")
                }
            },
            run: { command in
                ChildProcess.run(
                    command.program,
                    command.arguments,
                    environment: Self.environment(System.environment).merging(command.environment) { $1 },
                    timeout: command.timeout
                )
            },
            network: NetworkSettings(caFile: network.caFile, proxies: network.proxies)
        )
    }

    /// For `az`: without the secrets that are none of its business. A SAS may be in a variable of any name
    /// (`--container-url env:NAME`).
    static func environment(_ environment: [String: String]) -> [String: String] {
        environment.filter { name, value in
            !secretVariables.contains(name) && !value.contains("sig=") && !value.contains("AccountKey=")
        }
    }

    private static let secretVariables: Set = [
        "AZURE_STORAGE_KEY", "AZURE_STORAGE_SAS_TOKEN", "AZURE_STORAGE_CONNECTION_STRING", "AZURE_CLIENT_SECRET",
        "AZURE_CLIENT_CERTIFICATE_PASSWORD", "AZURE_BATCH_ACCESS_KEY", "JOB_CONTAINER_URL",
        "AZ_BATCH_JOB_OUTPUT_CONTAINER", "IDENTITY_HEADER",
    ]
}
