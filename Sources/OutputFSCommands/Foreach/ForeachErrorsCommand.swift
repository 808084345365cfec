internal import ArgumentParser
internal import Glibc
internal import OutputTransfer

struct ForeachErrorsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "errors",
        abstract: "Which iterations failed, and why.",
        discussion: """
            Reads the results of all tasks, many at a time. The exit status is 0 when no iteration failed, and 1 \
            when one did or a result cannot be read. With .errorhandling = "remove" the workers leave errors out, \
            and nothing is found here.

            EXAMPLES
              outputfs foreach errors film-20180412093000
              outputfs foreach errors film-20180412093000 --json
            """
    )

    @Argument(help: .init("The job's id.", valueName: "job"))
    var job: String

    @Option(help: .init("How many results at a time, 1 to 256.", valueName: "count"))
    var jobs = 32

    @Flag(help: "For programs: one JSON object, and no progress.")
    var json = false

    @OptionGroup var settings: ConfigurationOptions

    @OptionGroup(title: "Storage")
    var storage: StorageOptions

    func validate() throws {
        guard (1...256).contains(jobs) else { throw ValidationError("--jobs takes a number from 1 to 256") }
    }

    /// With `--json`: all of the output.
    private struct Output: Codable {
        var job: String
        var results: Int
        var iterations: Int
        var errors: [ForeachErrors.IterationError]
        var unreadable: [ForeachErrors.UnreadableResult]
    }

    func run() throws {
        TerminationSignals.block()
        let session = try ForeachSession(job, storage)
        let (tree, container) = (session.tree, session.container)
        let found = try session.run { try await tree.foreachJob(container) }
        let errors = ForeachErrors(tree: tree, job: found, jobs: jobs)
        let progress = TransferProgress(line: ProgressLine(isTerminal: !json && isatty(STDERR_FILENO) == 1))
        progress.show { errors.counters }
        defer { progress.end() }
        let report = try session.run { try await errors.run() }
        progress.end()
        if json {
            let output = Output(
                job: container,
                results: report.results,
                iterations: report.iterations,
                errors: report.errors,
                unreadable: report.unreadable
            )
            Terminal.print(try JSONText.of(output))
        } else {
            for error in report.errors { Terminal.print(Self.line(error)) }
            for result in report.unreadable { Terminal.error("outputfs: \(result.blob): \(result.reason)") }
            if report.errors.isEmpty {
                Terminal.error("outputfs: no errors in \(report.iterations) iterations of \(report.results) results")
            }
        }
        System.exit(report.errors.isEmpty && report.unreadable.isEmpty ? .success : .failure)
    }

    /// `17 (task 6): x is too large, in half(x)`; one line, whatever the message has.
    private static func line(_ error: ForeachErrors.IterationError) -> String {
        var line = printable(error.iteration)
        if let task = error.task { line += " (task \(task))" }
        line += ": " + printable(error.message)
        if let call = error.call { line += ", in " + printable(call) }
        return line
    }

    private static func printable(_ text: String) -> String {
        var line = ""
        for scalar in text.unicodeScalars {
            // Line ends become blanks; other control characters could make a terminal do things.
            if scalar == "\n" || scalar == "\t" {
                line += " "
            } else if scalar.value >= 0x20 && !(0x7F...0x9F).contains(scalar.value) {
                line.unicodeScalars.append(scalar)
            }
        }
        return line
    }
}
