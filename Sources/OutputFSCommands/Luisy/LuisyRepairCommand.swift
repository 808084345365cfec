internal import ArgumentParser
internal import OutputConventions
internal import OutputTransfer

struct LuisyRepairCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "repair",
        abstract: "Fetch outputs again of which luisy left a file of 0 bytes.",
        discussion: """
            A download of luisy's that fails leaves an empty file, whose hash is recorded as good, so that no later \
            run looks at it again. Files with 0 bytes whose blob is larger are fetched; files that are meant to be \
            empty are not.
            """
    )

    @OptionGroup var arguments: LuisyTransferArguments

    func run() throws {
        TerminationSignals.block()
        let (session, project, keys) = try arguments.open()
        let flags = arguments.transfer
        try session.transfer("fetched", isDryRun: flags.dryRun, isJSON: flags.json) { report in
            let pull = LuisyPull(project, flags.options, report: report)
            return ({ pull.counters }, { try await pull.repair(keys: keys) })
        }
    }
}
