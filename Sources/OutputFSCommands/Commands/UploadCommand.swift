internal import ArgumentParser
internal import BlobStorage
internal import Glibc
internal import Logging
internal import OutputConventions

struct UploadCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "upload",
        abstract: "Run a command and upload its output files, as a Batch task's outputFiles are.",
        usage:
            "outputfs upload --pattern <pattern> [--path <path>] [--condition <condition>] [<options>] -- <command>…",
        discussion: """
            The command keeps its streams, its signals and its exit status. When it is over, files that match the \
            pattern are uploaded into the container (--container-url, --container-url-file, JOB_CONTAINER_URL, or \
            that of AZ_BATCH_JOB_ID in the account). Patterns are relative to AZ_BATCH_TASK_WORKING_DIR, else to \
            where we are: * ? [a-c] [!abc] within a name, ** for any directories. With a wildcard PATH is a \
            directory, else the blob's name. A pattern that matches nothing is no error.

            Exits with the command's status; with 74 where that is 0 and a file could not be uploaded.

            EXAMPLES
              outputfs upload --pattern 'out/**/*.csv' --path results -- ./simulate --steps 100
              outputfs upload --output-file files.json -- ./simulate
              outputfs upload --task-dir /tmp/trial --pattern '../std*.txt' --path logs -- ./simulate
            """
    )

    @Option(help: .init("Which files; with wildcards in quotes.", valueName: "pattern"))
    var pattern: String?

    @Option(help: .init("The blob's name, or with a wildcard its directory.", valueName: "path"))
    var path: String?

    @Option(
        help: .init("After which end of the command (completion).", valueName: "success|failure|completion"),
        completion: .list(UploadCondition.allCases.map(\.rawValue)),
        transform: UploadCommand.condition
    )
    var condition: UploadCondition?

    @Option(
        help: .init(
            "A file with outputFiles as Batch has them, or JSON without a SAS in place of it, or env:NAME; more than once.",
            valueName: "json"
        ),
        completion: .file()
    )
    var outputFile: [String] = []

    @Option(
        help: .init(
            "Lay out a task's directory here: the command works in wd, its output goes to stdout.txt and stderr.txt.",
            valueName: "directory"
        ),
        completion: .directory
    )
    var taskDir: String?

    @OptionGroup var file: ConfigurationOptions

    @OptionGroup(title: "Storage")
    var storage: StorageOptions

    @OptionGroup(title: "Logging")
    var logging: LoggingOptions

    @Argument(parsing: .postTerminator, help: .init("What to run, behind --.", valueName: "command"))
    var command: [String] = []

    private static func condition(_ text: String) throws -> UploadCondition {
        guard let condition = UploadCondition(rawValue: text.lowercased()) else {
            throw ValidationError("one of success, failure, completion")
        }
        return condition
    }

    func validate() throws {
        guard !command.isEmpty else { throw ValidationError("Name a command: outputfs upload --pattern P -- COMMAND…") }
        guard pattern != nil || !outputFile.isEmpty else {
            throw ValidationError("Say what is to be uploaded: --pattern, or --output-file.")
        }
        guard logging.metrics == nil else { throw ValidationError("--metrics belongs to mount.") }
        guard pattern != nil || (path == nil && condition == nil) else {
            throw ValidationError("--path and --condition belong to --pattern.")
        }
    }

    func run() throws {
        WatchedCommand.blockSignals()
        // Of this process; the command's are its own business.
        System.keepOutOfCoreDumps()
        // What is wrong with the words is told before the command runs, not hours later.
        var environment = System.environment
        let directory = try taskDir.map { path throws(CommandFailure) in try TaskDirectory.make(path) }
        if let directory { environment.merge(directory.environment) { $1 } }
        let log = try OpenLog(
            path: logging.logFile,
            level: logging.logLevel ?? .notice,
            format: logging.logFormat ?? .text,
            label: "upload"
        )
        let session = UploadSession(
            destinations: try UploadDestinations(
                resolver: storage.resolver(),
                completed: { source throws(CommandFailure) in try storage.completed(source) },
                jobID: environment["AZ_BATCH_JOB_ID"],
                logger: log.logger
            ).resolve(try requests(environment)),
            logger: log.logger
        )
        let workingDirectory = environment["AZ_BATCH_TASK_WORKING_DIR"] ?? System.canonicalPath(".") ?? "/"

        if let directory, chdir(directory.workingDirectory) != 0 {
            throw CommandFailure(.cannotCreate, "--task-dir \(directory.workingDirectory): \(Errno())")
        }
        let watched = WatchedCommand { number in Glibc.exit(128 + number) }
        let status = watched.run(
            command,
            environment: environment,
            streams: try directory?.openStreams() ?? ChildProcess.Streams()
        )
        let failures = session.run(exitStatus: status, workingDirectory: workingDirectory)
        for failure in failures {
            Terminal.error("outputfs: \(failure.code): \(failure.path) → \(failure.blob): \(failure.reason)")
        }
        fflush(nil)
        Glibc.exit(status == 0 && !failures.isEmpty ? ExitStatus.notUploaded.rawValue : status)
    }

    private func requests(_ environment: [String: String]) throws(CommandFailure) -> [OutputFileRequest] {
        var requests: [OutputFileRequest] = []
        if let pattern {
            let parsed = try FilePattern(named: pattern, origin: "--pattern", environment: environment)
            let file = OutputFile(pattern: parsed, path: path, condition: condition ?? .completion)
            requests.append(OutputFileRequest(file: file, headers: BlobHeaders()))
        }
        for text in outputFile {
            let document = try OutputFileDocument(text, environment: environment)
            requests += try OutputFileList.requests(
                in: document.text,
                origin: document.origin,
                environment: environment
            )
        }
        return requests
    }
}
