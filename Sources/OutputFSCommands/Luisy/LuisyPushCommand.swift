internal import ArgumentParser
internal import OutputConventions
internal import OutputTransfer

struct LuisyPushCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "push",
        abstract: "Send what a run with --upload would send, and directories, too.",
        discussion: """
            The bytes go first, then their line in the store's manifest, into which the lines of all who push at the \
            same time are merged. Of a directory, files in the store that are not here go, so that no old part is \
            read with the new ones. What somebody else wrote meanwhile stays as they left it.
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
        try session.transfer("sent", isDryRun: flags.dryRun, isJSON: flags.json) { report in
            let push = LuisyPush(project, flags.options, report: report)
            return ({ push.counters }, { try await push.run(code, keys: keys) })
        }
    }
}
