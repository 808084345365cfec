internal import OutputTransfer

extension SyncCommand {
    /// The same as `luisy push` and `luisy pull`.
    ///
    /// - Parameter names: `projects/<project>`, or `containers/<container>/<project>`.
    func runLuisy(_ names: [String]) throws {
        let isInProjects = names.count == 2 && names[0] == "projects"
        guard isInProjects || names.count == 3 && names[0] == "containers" else {
            throw CommandFailure(
                .usage,
                "\(path) is no project of luisy",
                try: "projects/NAME, or containers/CONTAINER/NAME"
            )
        }
        let directory: WorkingDirectory
        do throws(LocalFileError) { directory = try WorkingDirectory(folder) } catch {
            throw CommandFailure(
                .notFound,
                "\(error)",
                try: "luisy's working directory, which holds the project's folder"
            )
        }
        let session = try LuisySession(storage, container: isInProjects ? nil : names[1], jobs: jobs)
        let project = try session.project(names[names.count - 1], directory)
        let flags = LuisyTransferFlags(dryRun: dryRun, jobs: jobs, json: json)
        if upload {
            try LuisyPushCommand.run(session, project, .init(), [], flags)
        } else {
            try LuisyPullCommand.run(session, project, .init(), [], flags)
        }
    }
}
