internal import ArgumentParser
internal import AzureBlob
internal import OutputTransfer

struct JobsShowCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "What a job has left: tasks, kinds, files, bytes, logs, first and last change.",
        discussion: "One listing of the job's blobs, 5,000 a request; nothing is read."
    )

    @Argument(help: .init("Its id, or its folder in the tree.", valueName: "job"))
    var job: String

    @Flag(help: "For programs: one JSON object, with every task.")
    var json = false

    @OptionGroup var options: JobOptions

    func run() throws {
        TerminationSignals.block()
        let name = try JobName.argument(job)
        let session = try JobSession(options)
        let report = try session.run {
            let job = try await session.job(name)
            guard let summary = try await session.catalog.summary(of: job) else {
                throw CommandFailure(.notFound, "\(job.path) went away")
            }
            return JobReport(job, summary, state: try await session.state(of: job)?.state)
        }
        Terminal.print(json ? try JSONText.of(report) : report.text)
    }
}
