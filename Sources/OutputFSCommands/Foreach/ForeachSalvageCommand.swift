internal import ArgumentParser
internal import Glibc
internal import OutputTransfer

struct ForeachSalvageCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "salvage",
        abstract: "Get the results out where the merge failed or never came.",
        discussion: """
            Each task's result becomes a file in a folder, with names that sort as the tasks do; or all become one \
            list in one file, named by iteration, that readRDS reads. Results that cannot be read are named and left \
            out, and the exit status is 1. Errors stay at their place, as with .errorhandling = "pass". What is \
            there is not overwritten.

            EXAMPLES
              outputfs foreach salvage film-20180412093000 ./results
              outputfs foreach salvage film-20180412093000 --merged all.rds
              outputfs foreach salvage film-20180412093000 --merged good.rds --drop-errors
            """
    )

    @Argument(help: .init("The job's id.", valueName: "job"))
    var job: String

    @Argument(help: .init("The local folder.", valueName: "folder"), completion: .directory)
    var folder: String?

    @Option(help: .init("One list in this file, in place of a folder.", valueName: "file"), completion: .file())
    var merged: String?

    @Flag(help: "Leave iterations out that are errors.")
    var dropErrors = false

    @Flag(help: "Show what would be fetched, and fetch nothing.")
    var dryRun = false

    @Option(help: .init("How many requests at a time, 1 to 256.", valueName: "count"))
    var jobs = 32

    @Flag(help: "For programs: one JSON object on stdout, and no progress.")
    var json = false

    @OptionGroup var settings: ConfigurationOptions

    @OptionGroup(title: "Storage")
    var storage: StorageOptions

    func validate() throws {
        guard (folder == nil) != (merged == nil) else { throw ValidationError("Give a folder, or --merged FILE.") }
        guard (1...256).contains(jobs) else { throw ValidationError("--jobs takes a number from 1 to 256") }
    }

    /// With `--json`: all of the output.
    private struct Output: Codable {
        var tasks: Int
        var iterations: Int
        var errors: Int
        var dropped: Int
        /// Numbers of tasks without a result, as far as it is known.
        var missing: [String]
        var transfer: TransferSummary
    }

    func run() throws {
        TerminationSignals.block()
        let target: ForeachSalvage.Target
        if let merged {
            target = .merged(try ForeachSession.absolute(merged))
        } else {
            target = .folder(try ForeachSession.absolute(folder ?? "."))
        }
        let session = try ForeachSession(job, storage)
        let (tree, container) = (session.tree, session.container)
        let (found, status) = try session.run {
            let job = try await tree.foreachJob(container)
            return (job, try await tree.status(of: job))
        }
        let line = ProgressLine(isTerminal: !json && isatty(STDERR_FILENO) == 1)
        let log = TransferLog(line: line, isJSON: json, isDryRun: dryRun)
        let salvage = ForeachSalvage(tree: tree, job: found, to: target, dropsErrors: dropErrors, jobs: jobs) {
            log.note($0)
        }
        let progress = TransferProgress(line: line)
        if !dryRun { progress.show { salvage.counters } }
        defer { progress.end() }
        let report = try session.run { [dryRun] in dryRun ? try salvage.plan() : try await salvage.run() }
        progress.end()
        let summary = log.summary(salvage.counters, seconds: progress.seconds, unmatched: [])
        if json {
            let output = Output(
                tasks: report.tasks,
                iterations: report.iterations,
                errors: report.errors,
                dropped: report.dropped,
                missing: status.missing,
                transfer: summary
            )
            Terminal.print(try JSONText.of(output))
        } else {
            Terminal.print(summary.text("fetched"))
            if !dryRun { Terminal.print(Self.text(report)) }
            if status.missingCount > 0 {
                Terminal.error(
                    "outputfs: \(status.missingCount) tasks have no result: \(status.missing.joined(separator: ", "))"
                )
            }
        }
        System.exit(summary.exitStatus)
    }

    private static func text(_ report: ForeachSalvage.Report) -> String {
        func count(_ number: Int, _ word: String) -> String { "\(number) \(word)\(number == 1 ? "" : "s")" }
        var text = "\(count(report.iterations, "iteration")) of \(count(report.tasks, "task"))"
        if report.errors > 0 { text += ", \(report.errors) of them errors" }
        if report.dropped > 0 { text += "; \(report.dropped) errors left out" }
        return text
    }
}
