internal import ArgumentParser
internal import Glibc
internal import OutputTransfer

struct PutCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "put",
        abstract: "Upload files and folders, many at a time, without a mount.",
        usage: "outputfs put [<options>] <source> ... <destination>",
        discussion: """
            What is in a folder lands directly in the destination, a path as in a mount; the job's container is made \
            where it is missing. A single file goes into a destination that ends with a slash or is a folder, and \
            else gets its name. Each file is there whole or not at all, with its MD5, time and permissions stored; \
            one that somebody else writes meanwhile stays as they left it. Links that stay within the folder are \
            stored as links, others as what they lead to.

            With --artifact the destination is a container, and the upload is Azure ML's: below LocalUpload/<hash>, \
            named by its content, confirmed at the end. What is there already is held against the local files by \
            name, size and MD5, and only what is missing is sent.

            EXAMPLES
              outputfs put ./frames jobs/film/tasks/frame-1/TaskOutput
              outputfs put summary.json jobs/film/JobOutput/
              outputfs put --artifact --name mnist --version 3 ./data containers/azureml-blobstore-1f2e
            """
    )

    @Argument(help: .init("Local files and folders, then a path of the tree.", valueName: "path"))
    var paths: [String]

    @Option(help: .init("What becomes of files that are there: never, changed or always replaced.", valueName: "when"))
    var overwrite = "changed"

    @Flag(help: "Upload as azure-ai-ml does: content-addressed, idempotent, confirmed.")
    var artifact = false

    @Option(help: .init("The asset's name; the folder's or file's own.", valueName: "name"))
    var name: String?

    @Option(help: .init("The asset's version; 1.", valueName: "version"))
    var version: String?

    @Option(help: .init("Rules from this file instead of the folder's own.", valueName: "file"), completion: .file())
    var ignoreFile: String?

    @Flag(
        name: .customLong("no-md5"),
        help: "Store no MD5 of files above 8 MiB: for networks faster than 0.8 GiB/s a file."
    )
    var noMD5 = false

    @Flag(help: "Show what would be uploaded, and send nothing.")
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
        guard paths.count >= 2 else {
            throw ValidationError("Give at least one file or folder, and a path of the tree.")
        }
        guard OverwritePolicy(rawValue: overwrite) != nil else {
            throw ValidationError("--overwrite takes never, changed or always")
        }
        guard (1...256).contains(jobs) else { throw ValidationError("--jobs takes a number from 1 to 256") }
        guard artifact || name == nil && version == nil && ignoreFile == nil else {
            throw ValidationError("--name, --version and --ignore-file belong to --artifact")
        }
        guard !artifact || !noMD5 else {
            throw ValidationError("--no-md5 does not go with --artifact: its files are told apart by MD5")
        }
        guard !artifact || paths.count == 2 else { throw ValidationError("An artifact is one file or folder.") }
        for value in [name, version].compactMap(\.self) where !value.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) {
            throw ValidationError("'\(value)' cannot be stored: a name or version is ASCII without blanks")
        }
    }

    func run() throws {
        TerminationSignals.block()
        let pattern = try TreePattern.argument(paths.last ?? "/")
        guard let path = pattern.plainPath else {
            throw CommandFailure(.usage, "\(pattern.text): a destination has no wildcards", try: "one path of the tree")
        }
        let session = try StoreSession(storage)
        if artifact {
            try putArtifact(to: path, session)
        } else {
            try putFiles(to: path, session)
        }
    }

    private func putFiles(to path: [String], _ session: StoreSession) throws {
        var options = UploadOptions()
        options.overwrite = OverwritePolicy(rawValue: overwrite) ?? .changed
        (options.isDryRun, options.jobs, options.usesPosixMetadata) = (dryRun, jobs, posix.isOn)
        options.storesMD5 = !noMD5
        let sources = Array(paths.dropLast())
        let line = ProgressLine(isTerminal: !json && isatty(STDERR_FILENO) == 1)
        let log = TransferLog(line: line, isJSON: json, isDryRun: dryRun)
        let upload = Upload(tree: session.tree, options: options) { log.note($0) }
        let progress = TransferProgress(line: line)
        progress.show { upload.counters }
        defer { progress.end() }
        let mayBeNamed = sources.count == 1 && !paths[1].hasSuffix("/")
        try session.run {
            let isNamed = mayBeNamed ? try await session.tree.isNewFile(path, for: sources[0]) : false
            try await upload.run(sources, to: try await session.tree.target(path), isNamed: isNamed)
        }
        progress.end()
        let summary = log.summary(upload.counters, seconds: progress.seconds, unmatched: [])
        Terminal.print(json ? try JSONText.of(summary) : summary.text("uploaded"))
        System.exit(summary.exitStatus)
    }

    /// Without asking the store.
    private func showArtifact(_ folder: ArtifactFolder, in container: String) throws {
        let files = try folder.files()
        let place = "\(container)/LocalUpload/\(try ArtifactHash.object(of: folder))/\(folder.name)"
        guard !json else {
            var summary = TransferSummary()
            summary.planned = files.map { file in
                let target = folder.isFolder ? "\(place)/\(file.relativePath)" : place
                return .init(source: file.localPath, target: target, bytes: UInt64(file.byteCount))
            }
            return Terminal.print(try JSONText.of(summary))
        }
        for file in files { Terminal.print("\(file.relativePath)  \(HumanUnits.bytes(UInt64(file.byteCount)))") }
        Terminal.print("\(files.count) files would be in \(place)")
    }

    private struct ArtifactSummary: Codable {
        var path: String
        var name: String
        var version: String
        var uploaded: Int
        var kept: Int
        var bytes: UInt64
        var collision: String?
    }

    private func putArtifact(to path: [String], _ session: StoreSession) throws {
        guard let container = try session.run({ try await session.tree.target(path).containerName }) else {
            throw CommandFailure(.usage, "an artifact goes into a container", try: "containers/<name>")
        }
        let folder: ArtifactFolder
        do { folder = try ArtifactFolder(paths[0], ignoreFile: ignoreFile) } catch {
            throw CommandFailure(.notFound, "\(error)")
        }
        if dryRun { return try showArtifact(folder, in: container) }
        let asset = ArtifactUpload.Asset(name: name ?? folder.name, version: version ?? "1")
        let upload = ArtifactUpload(tree: session.tree, container: container, jobs: jobs)
        let progress = TransferProgress(line: ProgressLine(isTerminal: !json && isatty(STDERR_FILENO) == 1))
        progress.show { upload.counters }
        defer { progress.end() }
        let outcome = try session.run { try await upload.run(folder, as: asset) }
        progress.end()
        if let collision = outcome.collision, !json {
            Terminal.error("outputfs: other content has this hash (\(collision)); this went to a folder of its own")
        }
        let summary = ArtifactSummary(
            path: "\(container)/\(outcome.path)",
            name: outcome.asset.name,
            version: outcome.asset.version,
            uploaded: outcome.uploaded,
            kept: outcome.kept,
            bytes: outcome.bytes,
            collision: outcome.collision
        )
        if json { return Terminal.print(try JSONText.of(summary)) }
        Terminal.print("\(summary.path)  (\(summary.name), version \(summary.version))")
        Terminal.print(
            "\(summary.uploaded) uploaded with \(HumanUnits.bytes(summary.bytes)); \(summary.kept) were there already"
        )
    }
}
