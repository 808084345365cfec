internal import ArgumentParser
internal import OutputConventions
internal import OutputTransfer

struct LuisyPullCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pull",
        abstract: "Fetch what a run with --download could fetch.",
        discussion: """
            Each output is there whole, with its line in the manifest, or not at all. What is here stays, unless \
            --hash names other code than it was made by. A blob that is newer than the store's manifest is not \
            fetched: its line may be about older bytes.
            """
    )

    @OptionGroup var arguments: LuisyTransferArguments
    @OptionGroup var hashes: LuisyHashOptions

    func run() throws {
        TerminationSignals.block()
        var code = LuisyProject.Code()
        code.hashes = try hashes.hashes()
        let (session, project, keys) = try arguments.open()
        try Self.run(session, project, code, keys, arguments.transfer)
    }

    static func run(
        _ session: LuisySession,
        _ project: LuisyProject,
        _ code: LuisyProject.Code,
        _ keys: [LuisyKey],
        _ flags: LuisyTransferFlags
    ) throws {
        try session.transfer("fetched", isDryRun: flags.dryRun, isJSON: flags.json) { report in
            let pull = LuisyPull(project, flags.options, report: report)
            return ({ pull.counters }, { try await pull.run(code, keys: keys) })
        }
    }
}
