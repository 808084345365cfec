internal import ArgumentParser
internal import BlobStorage
internal import Glibc
internal import OutputTransfer

struct ForeachWatchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch",
        abstract: "Copy what a job writes as it appears, before the job deletes it.",
        discussion: """
            A loop with wait = TRUE deletes its container at the end, also when it failed, and with it the logs that \
            would say why. This copies results and logs into a folder, laid out as foreach/<job> in a mount, until \
            the job is complete: its merged result is there, or all tasks have a result and the merge has ended. \
            When the container is deleted before, what was saved stays, and the exit status is 0.

            EXAMPLES
              outputfs foreach watch film-20180412093000 --mirror ./film
              outputfs foreach watch film-20180412093000 --mirror ./film --once
            """
    )

    @Argument(help: .init("The job's id.", valueName: "job"))
    var job: String

    @Option(help: .init("The local folder.", valueName: "folder"), completion: .directory)
    var mirror: String

    @Option(help: .init("How long to wait between two looks.", valueName: "time"), transform: Values.duration)
    var interval = Duration.seconds(10)

    @Flag(help: "Look once.")
    var once = false

    @Option(help: .init("How many requests at a time, 1 to 256.", valueName: "count"))
    var jobs = 32

    @Flag(help: "For programs: one JSON object on stdout at the end.")
    var json = false

    @OptionGroup var settings: ConfigurationOptions

    @OptionGroup(title: "Storage")
    var storage: StorageOptions

    func validate() throws {
        guard (1...256).contains(jobs) else { throw ValidationError("--jobs takes a number from 1 to 256") }
        guard interval >= .milliseconds(100) else { throw ValidationError("--interval takes at least 100ms") }
    }

    /// With `--json`: all of the output.
    private struct Output: Codable {
        var job: String
        /// `complete`, `running` or `gone`.
        var state: String
        var transfer: TransferSummary
    }

    func run() throws {
        TerminationSignals.block()
        let folder = try ForeachSession.absolute(mirror)
        let session = try ForeachSession(job, storage)
        let line = ProgressLine(isTerminal: false)
        let log = TransferLog(line: line, isJSON: json, isDryRun: false)
        let mirror = ForeachMirror(tree: session.tree, container: session.container, to: folder, jobs: jobs) {
            [json] event in
            if case .done = event.kind, !json {
                Terminal.print("\(event.target)  \(HumanUnits.bytes(event.byteCount))")
            }
            log.note(event)
        }
        let began = ContinuousClock.now
        let state = try session.run { [once, interval] in try await Self.watch(mirror, once: once, interval, line) }
        var counters = mirror.counters
        // What did not get here at first, and did later, is no failure.
        counters.failed = mirror.failedCount
        let seconds = Double(began.duration(to: .now).components.seconds)
        let summary = log.summary(counters, seconds: seconds, unmatched: [])
        if json {
            Terminal.print(try JSONText.of(Output(job: session.container, state: "\(state)", transfer: summary)))
        } else {
            Terminal.print("\(summary.text("saved")); \(Self.text(state))")
        }
        System.exit(summary.exitStatus)
    }

    private static func watch(
        _ mirror: ForeachMirror,
        once: Bool,
        _ interval: Duration,
        _ line: ProgressLine
    ) async throws -> ForeachMirror.State {
        var isAway = false
        while true {
            do {
                let state = try await mirror.round()
                isAway = false
                if once || state != .running { return state }
            } catch let error as StorageError where !once && error.persistence != .permanent && error.kind != .cancelled
            {
                // A watch of hours outlives an outage of minutes.
                if !isAway { line.say("outputfs: \(error); trying again") }
                isAway = true
            }
            try await Task.sleep(for: interval)
        }
    }

    private static func text(_ state: ForeachMirror.State) -> String {
        switch state {
        case .running: "the job may still write more"
        case .complete: "the job is complete"
        case .gone: "the job's container is gone"
        }
    }
}
