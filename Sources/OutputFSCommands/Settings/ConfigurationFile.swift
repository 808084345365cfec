internal import Glibc

/// One file of settings: what stands at its top is for all mounts, a table `[mount."/mnt/outputs"]` for one, and each
/// `[datastores.lab]` is a datastore.
struct ConfigurationFile: Sendable, Equatable {
    let path: String
    /// For all mounts.
    let common: SettingLayer
    /// For one mount point each, as it is written; equal by bytes only, as directories are.
    let tables: [Table]
    let datastores: [DatastoreTable]
    /// For one workspace of Azure ML each.
    let workspaces: [Workspace]

    struct Workspace: Sendable, Equatable {
        var name: String
        var layer = SettingLayer()

        func isNamed(_ other: String) -> Bool { name.utf8.elementsEqual(other.utf8) }
    }

    struct Table: Sendable, Equatable {
        var mountPoint: String
        var layer = SettingLayer()

        func isFor(_ path: String) -> Bool { mountPoint.utf8.elementsEqual(path.utf8) }
    }

    /// What a file is read with: pure, but for what stands in it.
    ///
    /// - Throws: the file, the line and the key, and what is meant instead.
    init(path: String, text: String, home: String?) throws(CommandFailure) {
        let toml: TOMLText
        do throws(TOMLText.Malformed) { toml = try TOMLText(text) } catch {
            throw CommandFailure(
                .configuration,
                "\(path):\(error.line): \(error.reason)",
                try: "key = \"value\", as docs/CONFIGURATION.md has it"
            )
        }
        var (common, tables) = (SettingLayer(), [Table]())
        var datastores = try toml.tables.filter(\.isDatastore).map { table throws(CommandFailure) in
            try DatastoreTable(name: table.names[1], path: path, line: table.line)
        }
        var workspaces: [Workspace] = []
        for entry in toml.entries {
            if let index = datastores.firstIndex(where: { entry.table == ["datastores", $0.name] }) {
                datastores[index].given.append(
                    try Self.given(entry, of: DatastoreTable.settings, path: path, home: home)
                )
                continue
            }
            let given = try Self.given(entry, of: SettingTable.all, path: path, home: home)
            switch entry.table.count {
            case 0: common.given.append(given)
            case 2 where entry.table[0] == "mount" && entry.table[1].hasPrefix("/"):
                // A table stands in one piece: the parser sees to it.
                if tables.last?.isFor(entry.table[1]) != true { tables.append(Table(mountPoint: entry.table[1])) }
                tables[tables.count - 1].layer.given.append(given)
            case 2 where entry.table[0] == "workspaces":
                if workspaces.last?.isNamed(entry.table[1]) != true {
                    workspaces.append(Workspace(name: entry.table[1]))
                }
                workspaces[workspaces.count - 1].layer.given.append(given)
            default:
                throw CommandFailure(
                    .configuration,
                    "\(path):\(entry.line): '\(entry.key)' stands in [\(entry.table.joined(separator: "."))], "
                        + "which is no table of outputfs",
                    try: "[mount.\"/mnt/outputs\"], for one mount; at the top of the file, for all",
                    "[datastores.NAME], for a datastore"
                )
            }
        }
        (self.path, self.common, self.tables) = (path, common, tables)
        (self.datastores, self.workspaces) = (datastores, workspaces)
    }

    /// Of a workspace, if this file says something of it.
    func layer(ofWorkspace name: String) -> SettingLayer? { workspaces.first { $0.isNamed(name) }?.layer }

    /// Weakest first.
    func layers(mountPoint: String?) -> [SettingLayer] {
        [common] + tables.filter { table in mountPoint.map(table.isFor) ?? false }.map(\.layer)
    }

    private static func given(
        _ entry: TOMLText.Entry,
        of settings: [Setting],
        path: String,
        home: String?
    ) throws(CommandFailure) -> GivenSetting {
        let place = "\(path):\(entry.line): "
        let known = settings.map(\.name)
        guard let setting = settings.first(where: { $0.name == entry.key }) else {
            let nearest = NearestName.find(entry.key.split(separator: "_").joined(separator: "-"), in: known)
            throw CommandFailure(
                .configuration,
                place + "there is no setting '\(entry.key)'",
                try: nearest ?? "one of \(known.joined(separator: ", "))"
            )
        }
        guard let text = setting.text(of: entry.value) else {
            throw CommandFailure(
                .configuration,
                place + "'\(setting.name)' wants \(setting.kind.wanted), and this is \(entry.value.name)",
                try: setting.example
            )
        }
        var value = text
        if setting.kind == .path {
            if value.hasPrefix("~/"), let home { value = Path.join(home, String(value.dropFirst(2))) }
            guard value.hasPrefix("/") else {
                throw CommandFailure(
                    .configuration,
                    place + "'\(setting.name)' wants a path from the root: where this is read from nobody knows",
                    try: "\(setting.name) = \"/…\", or \"~/…\""
                )
            }
        }
        if let objection = setting.objection(to: value) {
            // The value is not repeated: a secret may have been put in the wrong place.
            throw CommandFailure(.configuration, place + "'\(setting.name)': \(objection)", try: setting.example)
        }
        return GivenSetting(setting: setting, value: value, origin: .file(path: path, line: entry.line))
    }
}

extension TOMLText.Table {
    fileprivate var isDatastore: Bool { names.count == 2 && names[0] == "datastores" }
}

extension Setting {
    /// As the option takes it; `nil` for a value of another type.
    fileprivate func text(of value: TOMLText.Value) -> String? {
        switch (value, kind) {
        case (.boolean(let value), .flag): value ? "true" : "false"
        case (.boolean(let value), .onOff): value ? "on" : "off"
        case (.string(let text), .onOff), (.string(let text), .duration), (.string(let text), .bytes),
            (.string(let text), .path), (.string(let text), .text), (.string(let text), .choice),
            (.string(let text), .list), (.string(let text), .mode):
            text
        // 022 is not TOML, and 22 would be 026.
        case (.integer(let digits), .mode): digits.hasPrefix("0o") ? digits : nil
        case (.integer(let digits), .number), (.integer(let digits), .duration), (.integer(let digits), .bytes):
            digits.hasPrefix("0o") ? nil : digits
        case (.strings(let names), .list): names.joined(separator: ",")
        default: nil
        }
    }

    /// A line as it could stand in a file.
    fileprivate var example: String {
        switch kind {
        case .flag, .onOff: "\(name) = true"
        case .duration: "\(name) = \"30s\""
        case .bytes: "\(name) = \"512M\""
        case .mode: "\(name) = \"0644\""
        case .number: "\(name) = 1000"
        case .path: "\(name) = \"/…\""
        case .text: "\(name) = \"…\""
        case .choice(let words): "\(name) = \"\(standard ?? words.first ?? "")\""
        case .list: "\(name) = [\"…\", \"…\"]"
        }
    }
}

extension Setting.Kind {
    /// For sentences: `'uid' wants a number`.
    fileprivate var wanted: String {
        switch self {
        case .flag: "true or false"
        case .onOff: "true or false, or \"on\" or \"off\""
        case .duration: "a time in quotes, such as \"30s\""
        case .bytes: "a size in quotes, such as \"512M\""
        case .mode: "permissions in octal, such as \"0644\" or 0o644"
        case .number: "a number"
        case .path, .text, .choice: "a string"
        case .list: "an array of strings"
        }
    }
}

/// Which files there are.
enum ConfigurationFiles {
    static let system = "/etc/outputfs/config.toml"

    /// The one that is named, which has to be there; else those in the usual places, weakest first.
    static func read(
        named given: String?,
        environment: [String: String],
        readFile: (String) -> Result<[UInt8], Errno>
    ) throws(CommandFailure) -> [ConfigurationFile] {
        let home = environment["HOME"].flatMap { $0.hasPrefix("/") ? $0 : nil }
        var paths = [system]
        if let directory = environment["XDG_CONFIG_HOME"], directory.hasPrefix("/") {
            paths.append(Path.join(directory, "outputfs/config.toml"))
        } else if let home {
            paths.append(Path.join(home, ".config/outputfs/config.toml"))
        }
        if let given { paths = [given] }
        var files: [ConfigurationFile] = []
        for path in paths {
            let bytes: [UInt8]
            switch readFile(path) {
            case .success(let read): bytes = read
            // A home that others may not enter is as good as none; what was named has to be readable.
            case .failure(let error) where given == nil && [ENOENT, ENOTDIR, EACCES].contains(error.code): continue
            case .failure(let error):
                throw CommandFailure(.configuration, "\(path) cannot be read: \(error)", try: "ls -l \(path)")
            }
            guard let text = String(validating: bytes, as: UTF8.self) else {
                throw CommandFailure(.configuration, "\(path) is not text in UTF-8", try: "file \(path)")
            }
            files.append(try ConfigurationFile(path: path, text: text, home: home))
        }
        return files
    }
}
