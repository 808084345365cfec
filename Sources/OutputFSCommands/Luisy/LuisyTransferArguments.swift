internal import ArgumentParser
internal import OutputConventions
internal import OutputTransfer

/// What `pull`, `push` and `repair` take: which outputs of which project, where they lie, and how they are moved.
struct LuisyTransferArguments: ParsableArguments {
    @Argument(help: "The project: a folder of the working directory.")
    var project: String

    @Argument(help: .init("Outputs, by their keys; none: all.", valueName: "key"))
    var keys: [String] = []

    @OptionGroup var place: WorkingDirectoryOption
    @OptionGroup var transfer: LuisyTransferFlags
    @OptionGroup var settings: ConfigurationOptions

    @OptionGroup(title: "Storage")
    var storage: StorageOptions

    /// Both sides, and what is meant; says what cannot be before the store is asked.
    func open() throws(CommandFailure) -> (session: LuisySession, project: LuisyProject, keys: [LuisyKey]) {
        let keys = try LuisyKey.arguments(keys)
        let directory = try place.directory()
        let session = try LuisySession(storage, jobs: transfer.jobs)
        return (session, try session.project(project, directory), keys)
    }
}
