internal import ArgumentParser
internal import Glibc
internal import OutputTransfer

struct JobsWaitCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "wait",
        abstract: "Wait until the outputs of jobs are there.",
        discussion: """
            With --for: until so many files or folders below the job fit each pattern. Else until the job is over: \
            one of Batch, for which a credential for Batch is needed, when it or all its tasks are completed and two \
            looks at its blobs show the same; a foreach loop when its merged result is there. A job that is not \
            there yet is waited for, too.

            Ends with 0 when everything is there, 1 when a job is over and failed (a task of it, or the merge), 75 \
            when --timeout has passed. Looks are 1 to 30 seconds apart.

            EXAMPLES
              outputfs jobs wait film --batch-account-url "$AZ_BATCH_ACCOUNT_URL"
              outputfs jobs wait film --for 'tasks/*/TaskOutput/result.csv' --count 100 --timeout 2h
              outputfs jobs wait runs/quiet_cow_1 --for outputs/model.pt
              outputfs jobs wait foreach/job20261121101500
            """
    )

    @Argument(help: .init("Ids, or folders in the tree.", valueName: "job"))
    var jobs: [String]

    @Option(
        name: .customLong("for"),
        help: .init("A path below the job, perhaps with wildcards; may be given more than once.", valueName: "pattern")
    )
    var patterns: [String] = []

    @Option(help: .init("How many have to fit each --for.", valueName: "count"))
    var count = 1

    @Option(help: .init("How long at most (for ever).", valueName: "time"), transform: Values.duration)
    var timeout: Duration?

    @Flag(help: "For programs: one JSON object a job, as each is settled.")
    var json = false

    @OptionGroup var options: JobOptions

    func validate() throws {
        guard !jobs.isEmpty else { throw ValidationError("Name at least one job.") }
        guard (1...1_000_000).contains(count) else { throw ValidationError("--count takes a number from 1 on") }
        guard count == 1 || !patterns.isEmpty else { throw ValidationError("--count counts what fits --for") }
    }

    func run() throws {
        TerminationSignals.block()
        let names = try jobs.map { try JobName.argument($0) }
        let goal = JobProgress.Goal(patterns: try patterns.map { try TreePattern.argument($0) }, count: count)
        let session = try JobSession(options)
        let (timeout, json) = (timeout, json)
        let line = ProgressLine(isTerminal: !json && isatty(STDERR_FILENO) == 1)
        let outcomes = try session.run {
            try await JobWaiting(session: session, goal: goal, timeout: timeout).run(names) { event in
                switch event {
                case .waiting(let text): line.show(text)
                case .settled(let outcome):
                    line.clear()
                    if json {
                        Terminal.print(try JSONText.line(of: outcome))
                    } else {
                        Terminal.print(outcome.text)
                    }
                }
            }
        }
        line.clear()
        System.exit(JobWaiting.exitStatus(of: outcomes))
    }
}
