internal import ArgumentParser
internal import Glibc
internal import OutputTransfer
internal import Synchronization

struct GetCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "get",
        abstract: "Fetch jobs, tasks, folders or files, many at a time, without a mount.",
        usage: "outputfs get [<options>] <source> ... <destination>",
        discussion: """
            A source is a path as in a mount, perhaps with wildcards: * and ? within a name, ** over folders. What \
            is below a folder lands directly in the destination; with wildcards, what they stand for. Folders are \
            folders: 'out' never brings 'out2'. A single file may be given another name.

            With --keep the whole path of the tree stands below the destination, with --strip what is below a path: \
            that of a run gives the layout of hi-ml. Times, permissions and symbolic links that a mount or other \
            tools stored are restored; a link that leads out of the destination is not made.

            Each file is fetched under a hidden name and put in place when all of it is there and its checksums are \
            right; a large one that was interrupted goes on where it stopped, if the blob is still the same.

            EXAMPLES
              outputfs get jobs/film/tasks/frame-1 ./frame-1
              outputfs get 'jobs/film/tasks/*/TaskLog' ./logs
              outputfs get 'jobs/film/**/*.csv' ./tables --keep
              outputfs get containers/models/best.pt ./best.pt --validate
              outputfs get runs/keen_sky_1x2y3z --checkpoints --once-per-node ./ckpt
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

    @Option(help: .init("Keep the path of the tree but for this beginning.", valueName: "path"))
    var strip: String?

    @Flag(help: "Of each path, a run's, fetch outputs/checkpoints only, where hi-ml keeps them; with --validate.")
    var checkpoints = false

    @Flag(
        help: """
            Of the processes that a launcher started on this machine, the one of local rank 0 fetches, and the others wait \
            for it and end as it does.
            """
    )
    var oncePerNode = false

    @Flag(help: "Show what would be fetched, and fetch nothing.")
    var dryRun = false

    @Option(help: .init("How many requests at a time, 1 to 256.", valueName: "count"))
    var jobs = 32

    @Flag(help: "For programs: one JSON object on stdout, and no progress.")
    var json = false

    @OptionGroup var posix: PosixMetadataOption

    @OptionGroup var settings: ConfigurationOptions

    @OptionGroup(title: "Storage")
    var storage: StorageOptions

    func validate() throws {
        guard paths.count >= 2 else { throw ValidationError("Give at least one path of the tree, and a destination.") }
        guard OverwritePolicy(rawValue: overwrite) != nil else {
            throw ValidationError("--overwrite takes never, changed or always")
        }
        guard !keep || strip == nil else { throw ValidationError("Give one of --keep and --strip.") }
        guard (1...256).contains(jobs) else { throw ValidationError("--jobs takes a number from 1 to 256") }
    }

    func run() throws {
        TerminationSignals.block()
        let patterns = try sources.map { try TreePattern.argument($0) }
        let options = try options()
        let destination = try Self.destination(paths.last ?? ".")
        let session = try StoreSession(storage)
        let summary: TransferSummary
        if oncePerNode, !dryRun {
            let folder = meetingPlace(destination, patterns)
            let request = ["\(session.source)", destination, overwrite, "\(options)"] + sources
            summary = try OncePerNode(in: folder, for: request).run {
                try isThere(patterns, at: destination, options, session)
            } fetch: {
                try fetch(patterns, to: destination, options, session)
            }
        } else {
            summary = try fetch(patterns, to: destination, options, session)
        }
        for source in summary.unmatched where !json { Terminal.error("outputfs: nothing fits \(source)") }
        Terminal.print(json ? try JSONText.of(summary) : summary.text("fetched"))
        System.exit(summary.exitStatus)
    }

    /// Of a run, hi-ml's trainer keeps its checkpoints there.
    private static let checkpointFolder = "/outputs/checkpoints"

    private var sources: [String] { paths.dropLast().map { checkpoints ? $0 + Self.checkpointFolder : $0 } }

    private func options() throws(CommandFailure) -> DownloadOptions {
        var options = DownloadOptions()
        options.overwrite = OverwritePolicy(rawValue: overwrite) ?? .changed
        (options.validates, options.isDryRun, options.jobs) = (validates || checkpoints, dryRun, jobs)
        options.usesPosixMetadata = posix.isOn
        if keep { options.layout = .wholePath }
        if let strip {
            guard let names = try TreePattern.argument(strip).plainPath else {
                throw CommandFailure(.usage, "--strip \(strip): no wildcards", try: "one path of the tree")
            }
            options.layout = .stripping(names)
        }
        return options
    }

    private func fetch(
        _ patterns: [TreePattern],
        to destination: String,
        _ options: DownloadOptions,
        _ session: StoreSession
    ) throws -> TransferSummary {
        let line = ProgressLine(isTerminal: !json && isatty(STDERR_FILENO) == 1)
        let log = TransferLog(line: line, isJSON: json, isDryRun: dryRun)
        let download = Download(tree: session.tree, to: destination, options: options) { log.note($0) }
        let progress = TransferProgress(line: line)
        progress.show { download.counters }
        defer { progress.end() }
        let unmatched = try session.run { try await download.run(patterns) }
        progress.end()
        var summary = log.summary(download.counters, seconds: progress.seconds, unmatched: unmatched.map(\.text))
        if options.validates { summary.withoutMD5 = download.counters.withoutMD5 }
        return summary
    }

    // MARK: Once per node

    /// Beside what may become a file, and inside of what is a folder: known from the arguments alone, since what is there
    /// changes while the processes arrive.
    private func meetingPlace(_ destination: String, _ patterns: [TreePattern]) -> String {
        let last = paths.last ?? "."
        let isFolder =
            patterns.count > 1 || patterns.contains { $0.plainPath == nil } || last.hasSuffix("/") || keep
            || strip != nil || [".", ".."].contains(last) || last.hasSuffix("/.") || last.hasSuffix("/..")
        guard !isFolder, let slash = destination.lastIndex(of: "/") else { return destination }
        return slash == destination.startIndex ? "/" : String(destination[..<slash])
    }

    private func isThere(
        _ patterns: [TreePattern],
        at destination: String,
        _ options: DownloadOptions,
        _ session: StoreSession
    ) throws -> Bool {
        var options = options
        // Whoever fetched it has validated it.
        (options.isDryRun, options.validates) = (true, false)
        if options.overwrite == .always { options.overwrite = .changed }
        let download = Download(tree: session.tree, to: destination, options: options) { _ in }
        let unmatched = try session.run { try await download.run(patterns) }
        let counters = download.counters
        return unmatched.isEmpty && counters.failed == 0 && counters.kept == counters.found
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
