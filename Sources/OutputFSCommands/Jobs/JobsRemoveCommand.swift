internal import ArgumentParser
internal import AzureBlob
internal import Glibc
internal import OutputConventions
internal import OutputTransfer

struct JobsRemoveCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rm",
        abstract: "Remove jobs with all that they left; says first what would go.",
        discussion: """
            Without --yes nothing is removed. A job of Batch and a foreach loop are their containers, which go as a \
            whole. Of a run of Azure ML goes what the workspace's containers hold of it, which the studio leaves \
            behind; the containers are shared, and stay. A job into which something is written meanwhile stays, and \
            is named.

            With --older-than alone, of all jobs those into which nothing was written for so long; those that Batch \
            says are not completed are left out where it is asked.

            EXAMPLES
              outputfs jobs rm film
              outputfs jobs rm --yes film runs/quiet_cow_1
              outputfs jobs rm --older-than 30d --kind foreach
            """
    )

    @Argument(help: .init("Ids, or folders in the tree.", valueName: "job"))
    var jobs: [String] = []

    @Flag(help: "Remove what would go.")
    var yes = false

    @Flag(help: "Show what would go, as without --yes.")
    var dryRun = false

    @Option(
        help: .init("Only jobs into which nothing was written for so long: 12h, 30d, 2w.", valueName: "age"),
        transform: Values.age
    )
    var olderThan: Int64?

    @Option(
        help: .init("With --older-than: only jobs of these conventions.", valueName: "batch|azureml|foreach")
    )
    var kind: [JobConvention] = []

    @Option(name: .customLong("jobs"), help: .init("How many requests at a time, 1 to 64.", valueName: "count"))
    var requests = 16

    @Flag(help: "For programs: one JSON object.")
    var json = false

    @OptionGroup var options: JobOptions

    func validate() throws {
        guard !jobs.isEmpty || olderThan != nil else { throw ValidationError("Name jobs, or give --older-than.") }
        guard !(yes && dryRun) else { throw ValidationError("Give --yes or --dry-run.") }
        guard (1...64).contains(requests) else { throw ValidationError("--jobs takes a number from 1 to 64") }
        guard kind.isEmpty || jobs.isEmpty else { throw ValidationError("--kind chooses among all jobs: name none") }
    }

    func run() throws {
        TerminationSignals.block()
        let names = try jobs.map { try JobName.argument($0) }
        let kinds = kind.isEmpty ? Set(JobConvention.allCases) : Set(kind)
        let session = try JobSession(options)
        let (olderThan, json, requests) = (olderThan, json, requests)
        let line = ProgressLine(isTerminal: !json && isatty(STDERR_FILENO) == 1)
        let removal = yes ? try Composition.removal(from: session.store.source, atOnce: requests) : nil
        let report = try session.run {
            let plan = JobRemovalPlan(session: session, olderThan: olderThan)
            let doomed = names.isEmpty ? try await plan.all(of: kinds) : try await plan.named(names)
            var report = JobRemovalReport(isDryRun: removal == nil)
            guard let removal else {
                for job in doomed { report.jobs.append(.init(job)) }
                return report
            }
            let jobs = JobRemoval(catalog: session.catalog, blobs: removal, atOnce: requests)
            for job in doomed {
                try Task.checkCancellation()
                // Of one job that was named the plan is as new as another look would be; one that is found among all
                // may have been looked at hours ago.
                if names.count != 1, let change = try await plan.change(since: job) {
                    report.failures.append(.init(path: job.job.path, reason: change))
                    continue
                }
                line.show("removing \(job.job.path): \(job.summary.total.files) files")
                let failures = await jobs.remove(job)
                if failures.isEmpty { report.jobs.append(.init(job)) }
                report.failures += failures
            }
            return report
        }
        line.clear()
        if json {
            Terminal.print(try JSONText.of(report))
        } else {
            for job in report.jobs { Terminal.print(job.text(isDryRun: report.isDryRun)) }
            for failure in report.failures { Terminal.error("outputfs: \(failure.path): \(failure.reason)") }
            Terminal.error("outputfs: \(report.text)")
        }
        System.exit(report.failures.isEmpty ? .success : .failure)
    }
}
