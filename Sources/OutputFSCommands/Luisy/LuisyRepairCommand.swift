internal import ArgumentParser
internal import OutputConventions
internal import OutputTransfer

struct LuisyRepairCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "repair",
        abstract: "Fetch outputs again of which luisy left a file of 0 bytes.",
        discussion: """
            A download of luisy's that fails leaves an empty file, whose hash is recorded as good, so that no later run looks
            at it again. Files with 0 bytes whose blob is larger are fetched; files that are meant to be empty are not.
            """
    )

    @Argument(help: "The project: a folder of the working directory.")
    var project: String

    @Argument(help: .init("Outputs, by their keys; none: all.", valueName: "key"))
    var keys: [String] = []

    @OptionGroup var place: WorkingDirectoryOption
    @OptionGroup var transfer: LuisyTransferFlags
    @OptionGroup var settings: ConfigurationOptions

    @OptionGroup(title: "Storage")
    var storage: StorageOptions

    func run() throws {
        TerminationSignals.block()
        let keys = try LuisyKey.arguments(keys)
        let directory = try place.directory()
        let session = try LuisySession(storage, jobs: transfer.jobs)
        let project = try session.project(project, directory)
        try session.transfer("fetched", isDryRun: transfer.dryRun, isJSON: transfer.json) { [transfer] report in
            let pull = LuisyPull(project, transfer.options, report: report)
            return ({ pull.counters }, { try await pull.repair(keys: keys) })
        }
    }
}
