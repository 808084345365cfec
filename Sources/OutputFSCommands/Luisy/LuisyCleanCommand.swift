internal import ArgumentParser
internal import OutputConventions
internal import OutputTransfer

struct LuisyCleanCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gc",
        abstract: "Drop lines of a manifest that say nothing, and list blobs that no manifest names.",
        discussion: """
            Without --yes it only says what would go: keys without a hash, and keys without a blob. No blob is \
            deleted: those that no manifest names are listed, for outputfs rm.
            """
    )

    @Argument(help: "The project: a folder of the container.")
    var project: String

    @Flag(help: "Do it.")
    var yes = false

    @Flag(help: "Show what would be dropped, as without --yes.")
    var dryRun = false

    @Flag(help: "For programs: one JSON object on stdout.")
    var json = false

    @OptionGroup var settings: ConfigurationOptions

    @OptionGroup(title: "Storage")
    var storage: StorageOptions

    private struct Cleaning: Codable {
        struct Orphan: Codable {
            var blob: String
            var bytes: UInt64
        }
        /// Nothing was changed.
        var isDryRun: Bool
        var null: [String]
        var dangling: [String]
        var orphans: [Orphan]
    }

    func validate() throws {
        guard !(yes && dryRun) else { throw ValidationError("Give --yes or --dry-run.") }
    }

    func run() throws {
        TerminationSignals.block()
        let session = try LuisySession(storage, jobs: 16)
        let (container, isDryRun) = (session.container, !yes)
        guard LuisyKey("/" + project).names?.count == 1 else {
            throw CommandFailure(.usage, "'\(project)' is no project: it is one folder of the container")
        }
        let found = try session.run { [project] in try await container.clean(project, isDryRun: isDryRun) }
        if json {
            let keys: (LuisyState) -> [String] = { state in found.dropped.filter { $0.state == state }.map(\.key.text) }
            let orphans = found.orphans.map { Cleaning.Orphan(blob: $0.key.blobName, bytes: $0.byteCount) }
            Terminal.print(
                try JSONText.of(
                    Cleaning(isDryRun: isDryRun, null: keys(.null), dangling: keys(.dangling), orphans: orphans)
                )
            )
            return
        }
        for (key, state) in found.dropped { Terminal.print("\(state.rawValue)  \(key)") }
        for orphan in found.orphans {
            Terminal.print("orphan  \(orphan.key.blobName)  \(HumanUnits.bytes(orphan.byteCount))")
        }
        let lines = "\(found.dropped.count) line\(found.dropped.count == 1 ? "" : "s") of the manifest"
        let orphans = "\(found.orphans.count) blob\(found.orphans.count == 1 ? "" : "s") without a key"
        Terminal.print(
            isDryRun && !found.dropped.isEmpty
                ? "\(lines) would go (--yes), \(orphans)" : "\(lines) dropped, \(orphans)"
        )
    }
}
