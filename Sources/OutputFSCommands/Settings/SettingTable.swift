internal import ArgumentParser
internal import Logging
internal import OutputConventions

/// Every option that a mount can be given, in the order of docs/CONFIGURATION.md. A new option is a line here, its
/// declaration in Options/, and its line in that page and in the manual: Tests/TidyTests compares them.
enum SettingTable {
    static let storage = [
        Setting("account", .text, .names),
        Setting("endpoint", .text, .names),
        Setting("dfs-endpoint", .text, .belongs),
        Setting("hns", .choice(NamespaceChoice.allCases.map(\.rawValue)), .belongs, standard: "auto"),
        Setting("endpoint-suffix", .text, .belongs),
        Setting("key-file", .path, .proves),
        Setting("sas-file", .path, .proves),
        Setting("connection-string-file", .path, .namesAndProves),
        Setting("container-url-file", .path, .namesAndProves),
        Setting("container-url", .text, .namesAndProves),
        Setting("luisy-container", .text, alias: "LUISY_AZURE_CONTAINER_NAME"),
    ]

    static let identity = [
        Setting("auth", .choice(AuthMethod.allCases.map(\.rawValue)), .proves, standard: "auto"),
        Setting("tenant-id", .text, .belongs),
        Setting("client-id", .text, .belongs),
        Setting("object-id", .text, .belongs),
        Setting("resource-id", .text, .belongs),
        Setting("client-secret-file", .path, .proves),
        Setting("client-certificate-file", .path, .proves),
        Setting("federated-token-file", .path, .proves),
        Setting("authority-host", .text, .belongs),
    ]

    static let tree = [
        Setting("views", .list, standard: OutputView.allCases.map(\.rawValue).joined(separator: ",")),
        Setting("read-only", .flag, standard: "false"),
        Setting("allow-other", .flag),
        Setting("nonempty", .flag, standard: "false"),
        Setting("uid", .number),
        Setting("gid", .number),
        Setting("umask", .mode),
        Setting("file-mode", .mode),
        Setting("dir-mode", .mode),
        Setting("posix-metadata", .onOff, standard: "on"),
        Setting("tracked-kinds", .list, standard: "TaskLog"),
        Setting("log-interval", .duration, standard: "15s"),
        Setting("attr-ttl", .duration, standard: "1s"),
    ]

    static let transfer = [
        Setting("memory", .bytes),
        Setting("cache-dir", .path),
        Setting("cache-size", .bytes),
        Setting("journal-dir", .path),
        Setting("durability", .choice(["commit", "journal"]), standard: "commit"),
        Setting("exclusive", .choice(["close", "open"]), standard: "close"),
        Setting("on-conflict", .choice(["replace", "fail"]), standard: "replace"),
        Setting("verify", .onOff, standard: "on"),
        Setting("retry-deadline", .duration, standard: "60s"),
        Setting("commit-deadline", .duration, standard: "10m"),
        Setting("drain-timeout", .duration, standard: "60s"),
    ]

    static let network = [
        Setting("ca-file", .path),
        Setting("allow-http", .flag, standard: "false"),
        Setting("proxy", .text),
        Setting("proxy-credentials-file", .path),
        Setting("proxy-certificate-file", .path),
        Setting("proxy-key-file", .path),
        Setting("connect-timeout", .duration, standard: "10s"),
        Setting("stall-timeout", .duration, standard: "20s"),
        Setting("max-connections", .number, standard: "64"),
        Setting("max-requests", .number),
        Setting("max-download", .bytes),
        Setting("max-upload", .bytes),
    ]

    static let batch = [
        Setting("create-container", .flag, standard: "false"),
        Setting("status-file", .path),
        Setting("eviction-notice", .onOff),
        Setting("batch-account-url", .text),
        Setting("batch-key-file", .path),
        Setting("batch-token-file", .path),
    ]

    static let process = [
        Setting("log-level", .choice(Logger.Level.allCases.map(\.rawValue)), standard: "notice"),
        Setting("log-file", .path),
        Setting("log-format", .choice(["text", "json"]), standard: "text"),
        Setting("metrics", .text),
    ]

    static let all = storage + identity + tree + transfer + network + batch + process

    /// What commands take that go to the store by themselves.
    private static let wayToStore = storage + identity + network

    /// What commands take that move files.
    private static let moved = tree.filter { $0.name == "posix-metadata" }

    /// What each command takes; a command that is not named takes none of them from files and environment.
    static let byCommand: [String: [Setting]] = [
        "mount": all,
        "config": all,
        "doctor": wayToStore + tree + transfer + batch,
        "upload": wayToStore + process.filter { $0.name.hasPrefix("log-") },
        "get": wayToStore + moved,
        "put": wayToStore + moved,
        "sync": wayToStore + moved,
        "luisy": wayToStore,
        "ls": wayToStore,
        "find": wayToStore,
        "foreach": wayToStore,
        "cat": wayToStore,
        // Where its own arguments name an account: see `PerhapsOnMounts`.
        "rm": wayToStore,
        "verify": wayToStore,
        "jobs": wayToStore + batch.filter { $0.name.hasPrefix("batch-") },
        "recover": wayToStore + transfer.filter { $0.name == "journal-dir" },
    ]

    /// Of how many words a command consists: two, where it has commands of its own.
    static func wordCount(of command: String) -> Int {
        let found = RootCommand.configuration.subcommands.first { $0.configuration.commandName == command }
        return found?.configuration.subcommands.isEmpty ?? true ? 1 : 2
    }

    /// Whether a command looks at paths of the tree; `upload` puts files into one container.
    static func takesDatastores(_ command: String) -> Bool { byCommand[command] != nil && command != "upload" }

    /// Whether a command takes the account of the workspace that the working directory belongs to. What stays longer than a
    /// shell's line, and what recovers what such a one left, does not: it must not depend on where it was typed.
    static func followsWorkspace(_ command: String) -> Bool {
        byCommand[command] != nil && !["mount", "config", "doctor", "upload", "recover", "rm"].contains(command)
    }

    /// What the Azure tools' own variables stand for. Those that hold a secret are never shown.
    static let azureVariables: [(name: String, role: Setting.StorageRole)] = [
        ("AZURE_STORAGE_AUTH_TYPE", .proves),
        ("AZURE_STORAGE_CONNECTION_STRING", .namesAndProves),
        ("AZURE_STORAGE_ACCOUNT", .names),
        ("AZURE_STORAGE_BLOB_ENDPOINT", .names),
        ("AZURE_STORAGE_SERVICE_ENDPOINT", .names),
        ("AZURE_STORAGE_DFS_ENDPOINT", .belongs),
        ("AZURE_STORAGE_KEY", .proves),
        ("AZURE_STORAGE_SAS_TOKEN", .proves),
        ("AZURE_STORAGE_SAS_TOKEN_FILE", .proves),
        ("JOB_CONTAINER_URL", .namesAndProves),
        ("AZ_BATCH_JOB_OUTPUT_CONTAINER", .namesAndProves),
        // Of the identities: they are tried when nothing else is there, and so prove nothing against a key.
        ("AZURE_STORAGE_ENDPOINT_SUFFIX", .belongs),
        ("AZURE_TENANT_ID", .belongs),
        ("AZURE_CLIENT_ID", .belongs),
        ("AZURE_STORAGE_IDENTITY_OBJECT_ID", .belongs),
        ("AZURE_STORAGE_IDENTITY_RESOURCE_ID", .belongs),
        ("AZURE_CLIENT_SECRET", .belongs),
        ("AZURE_CLIENT_CERTIFICATE_PATH", .belongs),
        ("AZURE_FEDERATED_TOKEN_FILE", .belongs),
        ("AZURE_AUTHORITY_HOST", .belongs),
    ]
}
