internal import ArgumentParser

struct ForeachCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "foreach",
        abstract: "Work with the jobs of doAzureParallel, without R and without Batch.",
        discussion: """
            A job is named by its container: film-20180412093000, or foreach/film-20180412093000 as in a mount.

            EXAMPLES
              outputfs foreach status film-20180412093000
              outputfs foreach errors film-20180412093000
              outputfs foreach salvage film-20180412093000 ./results
              outputfs foreach salvage film-20180412093000 --merged all.rds --drop-errors
              outputfs foreach watch film-20180412093000 --mirror ./film
            """,
        subcommands: [
            ForeachStatusCommand.self, ForeachErrorsCommand.self, ForeachSalvageCommand.self, ForeachWatchCommand.self,
        ]
    )
}
