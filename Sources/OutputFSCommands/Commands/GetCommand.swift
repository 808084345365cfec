internal import ArgumentParser
internal import Glibc
internal import OutputTransfer
internal import Synchronization

struct GetCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "get",
        abstract: "Fetch jobs, tasks, folders or files, many at a time, without a mount.",
        discussion: """
            A source is a path as in a mount, perhaps with wildcards: * and ? within a name, ** over folders. What is below
            a folder lands directly in the destination; with wildcards, what they stand for. Folders are folders: 'out'
            never brings 'out2'. A single file may be given another name.

            Each file is fetched under a hidden name and put in place when all of it is there and its checksums are right;
            a large one that was interrupted goes on where it stopped, if the blob is still the same.

            EXAMPLES
              outputfs get jobs/film/tasks/frame-1 ./frame-1
              outputfs get 'jobs/film/tasks/*/TaskLog' ./logs
              outputfs get 'jobs/film/**/*.csv' ./tables --keep
              outputfs get containers/models/best.pt ./best.pt --validate
            """
    )

    @Argument(help: .init("Paths of the tree, then a local folder (or the name for a single file).", valueName: "path"))
    var paths: [String]

    @Option(help: .init("What becomes of files that are there: never, changed or always replaced.", valueName: "when"))
    var overwrite = "changed"

    @Flag(
        name: .customLong("validate"),
        help: "Hold whole files against the MD5 that their writers stored. Ranges always are verified."
    )
    var validates = false

    @Flag(help: "Keep the whole path of the tree below the destination.")
    var keep = false

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
        guard paths.count >= 2 else { throw ValidationError("Give at least one path of the tree, and a destination.") }
        guard OverwritePolicy(rawValue: overwrite) != nil else {
            throw ValidationError("--overwrite takes never, changed or always")
        }
        guard (1...256).contains(jobs) else { throw ValidationError("--jobs takes a number from 1 to 256") }
    }

    func run() throws {
        TerminationSignals.block()
        var options = DownloadOptions()
        options.overwrite = OverwritePolicy(rawValue: overwrite) ?? .changed
        (options.validates, options.keepsPath, options.isDryRun, options.jobs) = (validates, keep, dryRun, jobs)
        let patterns = try paths.dropLast().map { try TreePattern.argument($0) }
        let session = try StoreSession(storage)
        let line = ProgressLine(isTerminal: !json && isatty(STDERR_FILENO) == 1)
        let log = TransferLog(line: line, isJSON: json, isDryRun: dryRun)
        let download = Download(
            tree: session.tree,
            to: try Self.destination(paths.last ?? "."),
            options: options
        ) { log.note($0) }
        let progress = TransferProgress(line: line)
        progress.show { download.counters }
        defer { progress.end() }
        let unmatched = try session.run { try await download.run(patterns) }
        progress.end()
        let summary = log.summary(download.counters, seconds: progress.seconds, unmatched: unmatched.map(\.text))
        for source in summary.unmatched where !json { Terminal.error("outputfs: nothing fits \(source)") }
        Terminal.print(json ? try JSONText.of(summary) : summary.text("fetched"))
        System.exit(summary.exitStatus)
    }

    /// Absolute; a slash at its end says that it is a folder.
    private static func destination(_ path: String) throws(CommandFailure) -> String {
        guard !path.hasPrefix("/") else { return path }
        guard let directory = System.canonicalPath(".") else {
            throw CommandFailure(.notFound, "the working directory is gone", try: "cd to one that is there")
        }
        return path == "." ? directory : (directory == "/" ? "" : directory) + "/" + path
    }
}
