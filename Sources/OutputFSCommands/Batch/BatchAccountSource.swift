internal import AzureBlob
internal import BlobStorage

/// Finds the Batch account and what opens it; `nil` where nothing of the kind is asked for.
struct BatchAccountSource {
    /// `--batch-account-url`, `--batch-key-file`, `--batch-token-file`.
    var url: String?
    var keyFile: String?
    var tokenFile: String?
    var environment: [String: String]
    /// The content of a small file.
    var readFile: @Sendable (String) -> Result<[UInt8], Errno>
    /// Tokens of an identity for the account at this host.
    var signIn: (_ host: String) throws(CommandFailure) -> any CredentialSource

    /// A URL alone, which Batch gives to every task, asks for nothing: who has no credential for it has no use for it. On
    /// the command line it is meant.
    func resolve() throws(CommandFailure) -> BatchAccount? {
        let key = variable("AZURE_BATCH_ACCESS_KEY")
        guard url != nil || keyFile != nil || tokenFile != nil || key != nil else { return nil }
        guard let url = url ?? variable("AZURE_BATCH_ENDPOINT") ?? variable("AZ_BATCH_ACCOUNT_URL") else {
            throw CommandFailure(
                .usage,
                "a credential for Batch is given, and no account",
                try: "--batch-account-url https://<account>.<region>.batch.azure.com"
            )
        }
        guard keyFile == nil || tokenFile == nil else {
            throw CommandFailure(.usage, "--batch-key-file and --batch-token-file exclude each other")
        }
        let credential: BatchAccount.Credential
        if let keyFile {
            credential = .sharedKey(try secret(keyFile, "--batch-key-file"))
        } else if let tokenFile {
            _ = try secret(tokenFile, "--batch-token-file")
            // Tokens live for an hour: whoever renews them puts the next one there.
            credential = .bearer(BatchTokenFile(path: tokenFile, readFile: readFile))
        } else if let key {
            credential = .sharedKey(Secret(key))
        } else {
            credential = .bearer(
                try signIn(try Self.checked { () throws(AccountError) in try BatchAccount.host(url: url) })
            )
        }
        return try Self.checked { () throws(AccountError) in
            try BatchAccount(url: url, name: variable("AZURE_BATCH_ACCOUNT"), credential: credential)
        }
    }

    private static func checked<Value>(_ body: () throws(AccountError) -> Value) throws(CommandFailure) -> Value {
        do throws(AccountError) { return try body() } catch {
            throw CommandFailure(.usage, "\(error)", try: "--batch-account-url \"$AZ_BATCH_ACCOUNT_URL\"")
        }
    }

    private func variable(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }

    private func secret(_ file: String, _ option: String) throws(CommandFailure) -> Secret {
        try Self.secret(file, option, readFile)
    }

    fileprivate static func secret(
        _ file: String,
        _ option: String,
        _ readFile: (String) -> Result<[UInt8], Errno>
    ) throws(CommandFailure) -> Secret {
        switch readFile(file) {
        case .failure(let error):
            throw CommandFailure(.configuration, "\(option) \(file) cannot be read: \(error)", try: "ls -l \(file)")
        case .success(let bytes):
            let text = String(validating: bytes, as: UTF8.self)?.split(whereSeparator: \.isWhitespace) ?? []
            guard text.count == 1, let secret = text.first else {
                throw CommandFailure(
                    .configuration,
                    "\(option) \(file) is \(text.isEmpty ? "empty" : "more than one word")",
                    try: "write the secret into it, and nothing else"
                )
            }
            return Secret(String(secret))
        }
    }
}

/// A token that somebody else renews. Tokens live for an hour: it is read for every request.
private struct BatchTokenFile: CredentialSource {
    let path: String
    let readFile: @Sendable (String) -> Result<[UInt8], Errno>

    func ready() -> Secret? { nil }

    func secret(refused: Secret?) async -> Result<Secret, StorageError> {
        do throws(CommandFailure) {
            return .success(try BatchAccountSource.secret(path, "--batch-token-file", readFile))
        } catch {
            return .failure(
                StorageError(
                    .unauthenticated,
                    .permanent,
                    operation: "sign in",
                    resource: path,
                    message: error.what
                )
            )
        }
    }
}
