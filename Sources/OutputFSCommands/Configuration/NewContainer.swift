internal import OutputConventions

/// The container that `--create-container` makes: what the .NET library's PrepareOutputStorageAsync does for a job.
struct NewContainer: Sendable, Equatable {
    var name: String
    /// The true id, which the name does not always tell.
    var jobID: String?

    /// That of the mount, else that of this task's job.
    init(source: StorageSource, environment: [String: String]) throws(CommandFailure) {
        let jobID = environment["AZ_BATCH_JOB_ID"].flatMap { JobContainer.isJobID($0) ? $0 : nil }
        if let container = source.container {
            name = container
            self.jobID = jobID.flatMap { JobContainer.name(forJob: $0) == container ? $0 : nil }
        } else if let jobID {
            name = JobContainer.name(forJob: jobID)
            self.jobID = jobID
        } else {
            throw CommandFailure(
                .usage,
                "--create-container: no container is named",
                try: "--container-url https://<account>.blob.core.windows.net/<container>",
                "export AZ_BATCH_JOB_ID=… (in a start task no job is known; a task makes its own: mkdir jobs/$AZ_BATCH_JOB_ID)"
            )
        }
    }
}
