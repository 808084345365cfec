internal import ArgumentParser
internal import BlobStorage
internal import Glibc
internal import OutputTransfer

struct SyncCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sync",
        abstract: "Make a local folder and a directory of the tree alike: changed files only.",
        discussion: """
            Files are compared by content: length and MD5, which is not computed again for a file whose length and \
            time are those of the last time. Nothing is deleted on either side. With --both the newer change goes \
            over; what was changed on both sides since they were alike is a conflict: it is named, neither side is \
            touched, and the exit status is 1. The folder keeps what it knows in .outputfs-sync.

            EXAMPLES
              outputfs sync --upload ./results jobs/film/JobOutput
              outputfs sync --download ./models containers/models
              outputfs sync --both ./notes containers/notes --dry-run
            """
    )

    @Argument(help: "The local folder.", completion: .directory)
    var folder: String

    @Argument(help: .init("A path of the tree.", valueName: "path"))
    var path: String

    @Flag(help: "Send what changed here.")
    var upload = false

    @Flag(help: "Fetch what changed there.")
    var download = false

    @Flag(help: "Both, and say where both sides changed.")
    var both = false

    @Flag(
        help:
            "By luisy's rules: the folder is its working directory, the path a project. As 'luisy push' and 'luisy pull'."
    )
    var luisy = false

    @Flag(help: "Show what would be done, and do nothing.")
    var dryRun = false

    @Option(help: .init("How many requests at a time, 1 to 256.", valueName: "count"))
    var jobs = 16

    @Flag(help: "For programs: one JSON object on stdout, and no progress.")
    var json = false

    @OptionGroup var posix: PosixMetadataOption

    @OptionGroup var settings: ConfigurationOptions

    @OptionGroup(title: "Storage")
    var storage: StorageOptions

    func validate() throws {
        guard [upload, download, both].filter(\.self).count == 1 else {
            throw ValidationError("Give one of --upload, --download and --both.")
        }
        guard !(luisy && both) else { throw ValidationError("With --luisy give --upload or --download.") }
        guard (1...256).contains(jobs) else { throw ValidationError("--jobs takes a number from 1 to 256") }
    }

    func run() throws {
        TerminationSignals.block()
        let pattern = try TreePattern.argument(path)
        guard let names = pattern.plainPath else {
            throw CommandFailure(.usage, "\(path): what is synchronized has no wildcards", try: "one path of the tree")
        }
        guard !folder.isEmpty else { throw CommandFailure(.usage, "'' is no folder", try: ". for this one") }
        if luisy { return try runLuisy(names) }
        var status = stat()
        guard stat(folder, &status) == 0 else {
            throw CommandFailure(.notFound, "\(folder) cannot be found: \(Errno())", try: "mkdir -p \(folder)")
        }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            throw CommandFailure(.usage, "\(folder) is no folder", try: "outputfs put or get, for a single file")
        }
        let session = try StoreSession(storage)
        let isDownload = download
        let target = try session.run {
            do {
                _ = try await session.tree.matches(pattern) { match in
                    guard case .file = match.found else { return }
                    let file = "/" + match.path.joined(separator: "/")
                    throw CommandFailure(.usage, "\(file) is a file, and no directory", try: "outputfs get, or put")
                }
            } catch let error as TreeError where error.reason == .notFound && !isDownload {
                // It is yet to be made.
            } catch let error as StorageError where error.kind == .notFound && !isDownload {
                // So is its container.
            }
            return try await session.tree.target(names)
        }
        var options = Sync.Options()
        (options.isDryRun, options.jobs, options.usesPosixMetadata) = (dryRun, jobs, posix.isOn)
        let line = ProgressLine(isTerminal: !json && isatty(STDERR_FILENO) == 1)
        let log = TransferLog(line: line, isJSON: json, isDryRun: dryRun)
        let sync: Sync
        do {
            sync = try Sync(
                tree: session.tree,
                folder: folder,
                target: target,
                remote: "\(session.source)/\(names.joined(separator: "/"))",
                direction: upload ? .upload : download ? .download : .both,
                options: options
            ) { event, decision in log.note(event.showing(decision)) }
        } catch let error as LocalFileError {
            throw CommandFailure(error.isMissing ? .notFound : .configuration, "\(error)")
        }
        let progress = TransferProgress(line: line)
        progress.show { sync.counters }
        defer { progress.end() }
        try session.run { try await sync.run() }
        progress.end()
        let summary = log.summary(sync.counters, seconds: progress.seconds, unmatched: [])
        Terminal.print(json ? try JSONText.of(summary) : summary.text("moved"))
        System.exit(summary.exitStatus)
    }
}

extension TransferEvent {
    /// With source and target as the file moves.
    fileprivate func showing(_ decision: SyncDecision) -> TransferEvent {
        decision == .download ? TransferEvent(source: target, target: source, byteCount: byteCount, kind: kind) : self
    }
}
