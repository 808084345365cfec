internal import ArgumentParser
internal import Glibc
internal import OutputTransfer

struct VerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Read files of the tree in full, and hold them against their checksums or against local files.",
        discussion: """
            Each range is held against the store's own checksum, the whole against the MD5 that its writer stored; a \
            blob without one is unverifiable, which is counted. Of an upload of Azure ML (LocalUpload/<hash>) the \
            hash is computed anew, and one that was never confirmed is named. A result of a foreach loop has to \
            begin as an R object does. With --against, each file has to be that of the local folder, which has to \
            hold no others.

            Ends with 1 when anything is wrong or cannot be read, 66 when nothing fits a path, 65 when nothing is \
            wrong and nothing was verified either: no file has a checksum, or there is none. 0: at least one file \
            was, and none is wrong.

            EXAMPLES
              outputfs verify jobs/film
              outputfs verify 'containers/azureml-blobstore-1f2e/LocalUpload' --json | jq '.problems[]'
              outputfs verify jobs/film/tasks/frame-1/TaskOutput --against ./frame-1
            """
    )

    @Argument(help: .init("Paths of the tree, perhaps with wildcards.", valueName: "path"))
    var paths: [String]

    @Option(
        help: .init("A local folder that should hold the same; for a single path a file.", valueName: "folder"),
        completion: .file()
    )
    var against: String?

    @Option(help: .init("How many files at a time, 1 to 64; each takes 16 MiB.", valueName: "count"))
    var jobs = 8

    @Flag(help: "For programs: one JSON object on stdout, and no progress.")
    var json = false

    @OptionGroup var settings: ConfigurationOptions

    @OptionGroup(title: "Storage")
    var storage: StorageOptions

    func validate() throws {
        guard (1...64).contains(jobs) else { throw ValidationError("--jobs takes a number from 1 to 64") }
    }

    func run() throws {
        TerminationSignals.block()
        let patterns = try paths.map { try TreePattern.argument($0) }
        let local = try against.map { path throws(CommandFailure) in
            guard access(path, F_OK) == 0, let found = System.canonicalPath(path) else {
                throw CommandFailure(.notFound, "--against \(path) cannot be found: \(Errno())", try: "ls -d \(path)")
            }
            return found
        }
        let session = try StoreSession(storage)
        let line = ProgressLine(isTerminal: !json && isatty(STDERR_FILENO) == 1)
        let log = VerifyLog(line: line, isJSON: json)
        let verification = Verification(tree: session.tree, against: local, jobs: jobs) { log.note($0) }
        let progress = TransferProgress(line: line)
        progress.show { verification.counters }
        defer { progress.end() }
        let unmatched = try session.run { try await verification.run(patterns) }
        progress.end()
        let report = log.report(verification.counters, seconds: progress.seconds, unmatched: unmatched.map(\.text))
        for path in report.unmatched where !json { Terminal.error("outputfs: nothing fits \(path)") }
        Terminal.print(json ? try JSONText.of(report) : report.text)
        if let failure = report.nothingVerified { throw failure }
        System.exit(report.exitStatus)
    }
}
