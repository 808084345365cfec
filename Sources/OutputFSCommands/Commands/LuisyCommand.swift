internal import ArgumentParser

struct LuisyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "luisy",
        abstract: "Work with the projects of luisy without running them: look, fetch, send, mend.",
        discussion: """
            luisy keeps the outputs of a pipeline in one container (LUISY_AZURE_CONTAINER_NAME, or \
            --luisy-container) and in a working directory (WORKING_DIR, or --working-dir), and beside them for each \
            project a manifest, .luisy.hash, with the hash of the code that made each output. Nothing but luisy can \
            compute these hashes: here they come from the manifests, or from --hash.

            In a mount, WORKING_DIR=<mount>/projects needs none of these commands, and no --download and --upload.

            EXAMPLES
              outputfs luisy status
              outputfs luisy plan --download --upload --hash /demo/raw/t.csv=0cc1… demo
              outputfs luisy pull demo
              outputfs luisy push demo /demo/final/model.pkl
              outputfs luisy adopt /demo/interim/table 0cc175b9c0f1b6a831c399e269772661
            """,
        subcommands: [
            LuisyStatusCommand.self, LuisyPlanCommand.self, LuisyPullCommand.self, LuisyPushCommand.self,
            LuisyAdoptCommand.self, LuisyCleanCommand.self, LuisyRepairCommand.self,
        ]
    )
}
