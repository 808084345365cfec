internal import ArgumentParser

/// The program's arguments with what files, environment and `-o` say put in front, so that each option is declared,
/// checked and explained once: the last of two values wins, and what was given by its own name stands last.
struct SettledArguments: Sendable {
    /// For ArgumentParser; without the program's name.
    var arguments: [String]
    /// Everything that has a value other than its default, with its origin.
    var settings: [GivenSetting] = []
    /// Of the files, by name: a later file's takes the place of an earlier one's as a whole.
    var datastores: [DatastoreTable] = []
    /// The configuration files that were read, weakest first.
    var files: [String] = []

    /// - Parameter given: the program's arguments, without its name.
    init(
        _ given: [String],
        environment: [String: String],
        workingDirectory: String? = nil,
        readFile: (String) -> Result<[UInt8], Errno>
    ) throws(CommandFailure) {
        arguments = given
        guard let command = given.first, let allowed = SettingTable.byCommand[command] else { return }
        // A worker's were settled by its keeper: what `-o rw` took back would come again out of a file, and what is
        // written into a file while the mount serves would count for the next worker.
        guard !KeeperOptions.areOfWorker(given) else { return }
        // `jobs list`: what is put in front of the arguments stands behind both words.
        let words = Array(given.prefix(SettingTable.wordCount(of: command)))
        let line = try CommandLineSettings(given.dropFirst(words.count))
        let own = words + line.others
        // What ArgumentParser refuses, --help, and what commands `jobs` alone has, it tells by itself.
        guard let parsed = try? RootCommand.parseAsRoot(own), type(of: parsed).configuration.subcommands.isEmpty else {
            arguments = own
            return
        }
        if (parsed as? any PerhapsOnMounts)?.isOnMounts == true {
            arguments = own
            return
        }
        let (source, mountPoint) = (parsed as? any TakingPlaces)?.sourceAndMountPoint ?? (nil, nil)

        let named = line.configurationFile ?? line.mountOptions.configurationFile ?? environment[Setting.fileVariable]
        let read = try ConfigurationFiles.read(
            named: named.flatMap { $0.isEmpty ? nil : $0 },
            environment: environment,
            readFile: readFile
        )
        files = read.map(\.path)
        var layers = read.flatMap { $0.layers(mountPoint: mountPoint) }
        // Nobody looks for a workspace of which no file says anything.
        if let workingDirectory, SettingTable.followsWorkspace(command),
            read.contains(where: { !$0.workspaces.isEmpty }),
            let workspace = WorkspaceName.find(
                environment: environment,
                workingDirectory: workingDirectory,
                readFile: readFile
            )
        {
            layers += read.compactMap { $0.layer(ofWorkspace: workspace) }
        }
        layers.append(try SettingEnvironment.layer(environment))
        // One layer, for they come from one person: `-o key_file=…` is for the SOURCE in front of it.
        layers.append(SettingLayer(given: line.mountOptions.given + line.given, namesStorage: source != nil))
        settings = SettingLayers.resolved(layers).filter { allowed.contains($0.setting) }

        let inherited = settings.filter { $0.origin != .commandLine }.flatMap { $0.setting.arguments($0.value) }
        for table in read.flatMap(\.datastores) where SettingTable.takesDatastores(command) {
            datastores.removeAll { $0.name == table.name }
            datastores.append(table)
        }
        let flags = line.mountOptions.mountFlags.flatMap { ["--mount-flag", $0] }
        arguments =
            words + inherited + datastores.flatMap(\.arguments) + (command == "mount" ? flags : []) + line.others
    }
}

/// A command with the arguments SOURCE and MOUNTPOINT, or one of them.
protocol TakingPlaces {
    /// As they were written; the mount point is looked for in configuration files.
    var sourceAndMountPoint: (source: String?, mountPoint: String?) { get }
}

extension TakingPlaces {
    /// `[source] mountpoint`.
    static func taken(_ places: [String]) -> (source: String?, mountPoint: String?) {
        let mountPoint = BatchNode.mountPoint(named: places.last)
        return (places.count == 2 ? places[0] : nil, mountPoint.map { System.canonicalPath($0) ?? $0 })
    }
}

/// A command whose paths lie below mounts unless its own arguments name an account. Files and environment must not name one
/// then: a path of the machine would be taken for one of the tree.
protocol PerhapsOnMounts {
    var isOnMounts: Bool { get }
}

/// What the command line says of settings, by their names alone: their values are ArgumentParser's to check.
struct CommandLineSettings: Sendable {
    var given: [GivenSetting] = []
    var mountOptions = MountOptionList()
    var configurationFile: String?
    /// Without `-o`.
    var others: [String] = []

    init(_ arguments: ArraySlice<String>) throws(CommandFailure) {
        var rest = arguments
        while let argument = rest.popFirst() {
            if argument == "--" {
                others += [argument] + rest
                return
            }
            if argument.hasPrefix("-o") {
                var list = String(argument.dropFirst(2))
                if list.isEmpty {
                    guard let next = rest.popFirst() else {
                        throw CommandFailure(.usage, "-o wants a list of options", try: "-o ro,uid=1000")
                    }
                    list = next
                }
                try mountOptions.read(list)
                continue
            }
            others.append(argument)
            let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            let setting = SettingTable.all.first { $0.option == parts[0] }
            if let setting, setting.kind == .flag {
                given.append(GivenSetting(setting: setting, value: "true", origin: .commandLine))
            }
            guard setting.map({ $0.kind != .flag }) ?? (parts[0] == "--config") else { continue }
            let value: String
            if parts.count == 2 {
                value = parts[1]
            } else {
                guard let next = rest.popFirst() else { return }
                others.append(next)
                value = next
            }
            if let setting {
                given.append(GivenSetting(setting: setting, value: value, origin: .commandLine))
            } else {
                configurationFile = value
            }
        }
    }
}
