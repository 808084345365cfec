/// What `outputfs config` prints: each option with its value and the origin of that.
struct ConfigurationReport: Codable, Sendable, Equatable {
    struct Row: Codable, Sendable, Equatable {
        var name: String
        /// `nil` for none, and for what is not shown.
        var value: String?
        /// `default`, `FILE:LINE`, a variable's name, `-o`, `command line`.
        var origin: String
        /// The value is there and is nobody's business.
        var isSecret = false
    }

    /// A datastore, and what its table says.
    struct Datastore: Codable, Sendable, Equatable {
        var name: String
        var settings: [Row]
    }

    /// Those that were read, weakest first.
    var files: [String]
    var settings: [Row]
    var datastores: [Datastore]
    /// `OUTPUTFS_…` variables that mean nothing.
    var unknownVariables: [String]

    init(
        _ settled: SettledArguments,
        source: String?,
        environment: [String: String],
        user: (id: UInt32, group: UInt32)
    ) {
        files = settled.files
        datastores = settled.datastores.map { table in
            Datastore(
                name: table.name,
                settings: table.given.map {
                    Row(name: $0.setting.name, value: Self.shown($0.value), origin: "\($0.origin)")
                }
            )
        }
        unknownVariables = SettingEnvironment.unknown(environment).map(\.variable)
        let given = Dictionary(settled.settings.map { ($0.setting.name, $0) }) { $1 }
        let azure = Self.azureRows(given: settled.settings, source: source, environment: environment)
        settings = SettingTable.all.map { setting in
            if let source, (source.contains("://") ? "endpoint" : "account") == setting.name {
                return Row(name: setting.name, value: Self.shown(source), origin: "\(SettingOrigin.commandLine)")
            }
            if let given = given[setting.name] {
                return Row(name: setting.name, value: Self.shown(given.value), origin: "\(given.origin)")
            }
            if let row = azure.first(where: { $0.name == setting.name }) { return row }
            let standard = setting.standard ?? Self.standard(setting.name, given, environment, user)
            return Row(name: setting.name, value: standard, origin: "default")
        }
    }

    /// One line a setting, and below what was read.
    var text: String {
        var table = TextTable([("OPTION", .left), ("VALUE", .left), ("ORIGIN", .left)])
        for row in settings { table.add([row.name, row.isSecret ? "(not shown)" : row.value ?? "none", row.origin]) }
        let read = files.isEmpty ? "none" : files.joined(separator: ", ")
        let unknown = unknownVariables.map { "\($0) is set, and is no variable of outputfs" }
        return ([table.text] + datastores.map(\.text) + ["", "Configuration files: \(read)"] + unknown)
            .joined(separator: "\n")
    }

    /// What stands behind a question mark is as good as a key, and a secret may have been put in the wrong place.
    private static func shown(_ value: String) -> String {
        ["AccountKey=", "sig="].contains { value.prefix { $0 != "?" }.contains($0) }
            ? "(not shown)" : String(value.prefix { $0 != "?" })
    }

    /// What `StorageSourceResolver` takes from the Azure tools' variables, under the names of the options that say the same.
    private static func azureRows(
        given: [GivenSetting],
        source: String?,
        environment: [String: String]
    ) -> [Row] {
        let options = [
            "AZURE_STORAGE_CONNECTION_STRING": "connection-string-file", "AZURE_STORAGE_ACCOUNT": "account",
            "AZURE_STORAGE_BLOB_ENDPOINT": "endpoint", "AZURE_STORAGE_SERVICE_ENDPOINT": "endpoint",
            "AZURE_STORAGE_KEY": "key-file", "AZURE_STORAGE_SAS_TOKEN": "sas-file",
            "AZURE_STORAGE_SAS_TOKEN_FILE": "sas-file", "JOB_CONTAINER_URL": "container-url-file",
            "AZ_BATCH_JOB_OUTPUT_CONTAINER": "container-url-file",
            "AZURE_STORAGE_AUTH_TYPE": "auth", "AZURE_STORAGE_ENDPOINT_SUFFIX": "endpoint-suffix",
            "AZURE_TENANT_ID": "tenant-id", "AZURE_CLIENT_ID": "client-id",
            "AZURE_STORAGE_IDENTITY_OBJECT_ID": "object-id", "AZURE_STORAGE_IDENTITY_RESOURCE_ID": "resource-id",
            "AZURE_CLIENT_SECRET": "client-secret-file", "AZURE_CLIENT_CERTIFICATE_PATH": "client-certificate-file",
            "AZURE_FEDERATED_TOKEN_FILE": "federated-token-file", "AZURE_AUTHORITY_HOST": "authority-host",
        ]
        let secrets: Set = [
            "AZURE_STORAGE_CONNECTION_STRING", "AZURE_STORAGE_KEY", "AZURE_STORAGE_SAS_TOKEN", "JOB_CONTAINER_URL",
            "AZ_BATCH_JOB_OUTPUT_CONTAINER",
            "AZURE_CLIENT_SECRET",
        ]
        var isNamed = source != nil || given.contains { $0.setting.role.doesName }
        var isProved = given.contains { $0.setting.role.doesProve }
        var rows: [Row] = []
        for (variable, role) in SettingTable.azureVariables {
            guard let value = environment[variable], !value.isEmpty, let option = options[variable] else { continue }
            if role.doesName, isNamed, !(option == "endpoint" && rows.contains { $0.name == "account" }) { continue }
            if role.doesProve, isProved { continue }
            isNamed = isNamed || role.doesName
            // These methods use the key or SAS that there is.
            let isOpen = option == "auth" && AuthMethod.usesSecret(value)
            isProved = isProved || role.doesProve && !isOpen
            if rows.contains(where: { $0.name == option }) { continue }
            let isSecret = secrets.contains(variable)
            rows.append(Row(name: option, value: isSecret ? nil : shown(value), origin: variable, isSecret: isSecret))
        }
        return rows
    }

    /// Defaults that depend on the machine, the user or other settings.
    private static func standard(
        _ name: String,
        _ given: [String: GivenSetting],
        _ environment: [String: String],
        _ user: (id: UInt32, group: UInt32)
    ) -> String? {
        let servesTasks = MountConfiguration.servesTasks(userID: user.id, environment: environment)
        let umask =
            given["umask"].flatMap { try? Values.mode($0.value) }
            ?? MountConfiguration.standardUmask(userID: user.id, environment: environment)
        switch name {
        case "allow-other": return servesTasks ? "true" : "false"
        case "umask": return umask == 0 ? "000" : octal(umask)
        case "eviction-notice": return BatchNode(environment: environment)?.isDedicated == false ? "on" : "off"
        case "uid": return "\(user.id)"
        case "gid": return "\(user.group)"
        case "file-mode": return octal(0o666 & ~umask)
        case "dir-mode": return octal(0o777 & ~umask)
        case "memory": return "\(MountConfiguration.Default.memory)"
        case "cache-size": return given["cache-dir"] == nil ? nil : "10G, or 80 % of the room if that is less"
        case "journal-dir":
            return MountConfiguration.journalDirectory(
                given: nil,
                userID: user.id,
                environment: environment,
                workingDirectory: "/"
            )
        default: return nil
        }
    }

    private static func octal(_ mode: UInt16) -> String { "0" + String(mode, radix: 8) }
}

extension ConfigurationReport.Datastore {
    fileprivate var text: String {
        var table = TextTable([("DATASTORE \(name)", .left), ("VALUE", .left), ("ORIGIN", .left)])
        for row in settings { table.add([row.name, row.value ?? "none", row.origin]) }
        return "\n" + table.text
    }
}
