internal import ArgumentParser
internal import AzureBlob
internal import OutputConventions
internal import OutputTransfer
internal import Synchronization

struct JobsListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List jobs, runs and foreach loops, as they are found.",
        discussion: """
            Jobs of Batch are told by the names of their containers, 5,000 a request. Foreach loops are told by \
            their content: one small listing of each container, 16 at a time; containers named like those of Batch \
            are looked into with --kind foreach only. With --older-than the blobs of each job are listed, 16 jobs at \
            a time.

            The time is that of the container, when it was made or its settings changed, and with --older-than that \
            of the job's last blob.
            """
    )

    @Option(
        help: .init("Only jobs of these conventions; may be given more than once.", valueName: "batch|azureml|foreach")
    )
    var kind: [JobConvention] = []

    @Option(
        help: .init("Only jobs into which nothing was written for so long: 12h, 30d, 2w.", valueName: "age"),
        transform: Values.age
    )
    var olderThan: Int64?

    @Flag(help: "For programs: one JSON object a line.")
    var json = false

    @OptionGroup var options: JobOptions

    func run() throws {
        TerminationSignals.block()
        let session = try JobSession(options)
        let kinds = kind.isEmpty ? Set(JobConvention.allCases) : Set(kind)
        let (json, olderThan) = (json, olderThan)
        try session.run {
            var jobs: [BatchJob] = []
            // Which loops go on is asked only where that counts.
            let isAsked = kinds.contains(.batch) || olderThan != nil && kinds.contains(.foreach)
            if isAsked, let batch = session.batch { jobs = try await batch.jobs() }
            let known = KnownJobs(jobs)
            let isFirst = Mutex(true)
            let show: @Sendable (JobLine) throws -> Void = { line in
                let isFirst = isFirst.withLock { isFirst in
                    defer { isFirst = false }
                    return isFirst
                }
                if isFirst, !json { Terminal.print(JobLine.columns("KIND", "CHANGED", "STATE", "ID")) }
                Terminal.print(json ? try JSONText.line(of: line) : line.text)
            }
            let catalog = JobCatalog(tree: session.store.tree, trueIDs: known.ids)
            guard let olderThan else {
                return try await catalog.each(of: kinds) { job in
                    try show(JobLine(job, state: known.state(of: job)))
                }
            }
            try await AgedJobs(catalog: catalog, known: known, seconds: olderThan).each(of: kinds) { aged in
                let last = aged.summary.total.last
                try show(JobLine(aged.job, state: known.state(of: aged.job), lastWritten: last))
            }
        }
    }
}
