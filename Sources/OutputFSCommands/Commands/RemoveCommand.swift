internal import ArgumentParser
internal import Glibc
internal import OutputTree

struct RemoveCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rm",
        abstract: "Delete many files at once, on a mount or without one.",
        discussion: """
            Does what rm(1) does, in batches of 256 and without the kernel, which has one name of a directory \
            deleted after the other. A file that is written again while this runs stays, and is named.

            Paths lie below a mount; where an account is named on the command line, they are paths of its tree. Of a \
            job or a container the files go, and the container stays.

            EXAMPLES
              outputfs rm /mnt/outputs/jobs/film/JobOutput/draft.mov
              outputfs rm -r /mnt/outputs/jobs/film/tasks/frame-1
              outputfs rm -r --dry-run --account films --key-file films.key /jobs/film
            """
    )

    @Argument(help: .init("Files, and with -r directories.", valueName: "path"), completion: .file())
    var paths: [String]

    @Flag(name: .shortAndLong, help: "Directories with all that is in them, too.")
    var recursive = false

    @Flag(help: "Name what would be deleted, and delete nothing.")
    var dryRun = false

    @Option(help: .init("How many requests at a time.", valueName: "count"))
    var jobs = 16

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
        System.keepOutOfCoreDumps()
        let isTerminal = !json && isatty(STDERR_FILENO) == 1
        let session = RemovalSession(
            places: try places(),
            isRecursive: recursive,
            isDryRun: dryRun,
            jobs: jobs,
            line: ProgressLine(isTerminal: isTerminal),
            countsFirst: isTerminal
        )
        TerminationSignals.watch { _, count in
            if count > 1 { System.exit(.interrupted) }
            session.interrupt()
        }
        let (summary, status) = session.run()
        if json {
            Terminal.print(try JSONText.of(summary))
        } else {
            if !summary.blobs.isEmpty { Terminal.print(summary.blobs.map(\.path).joined(separator: "\n")) }
            for failure in summary.failures { Terminal.error("outputfs: \(failure.path): \(failure.reason)") }
            Terminal.error("outputfs: \(summary.text)")
        }
        System.exit(status)
    }

    private func places() throws(CommandFailure) -> [RemovalPlace] {
        guard !isOnMounts else {
            var places: [RemovalPlace] = []
            for path in paths { places.append(try RemovalPlace(mounted: path)) }
            return places
        }
        let agent = RemovalAgent.own(
            try Composition.removal(from: try storage.source(named: nil), atOnce: jobs)
        )
        var places: [RemovalPlace] = []
        for path in paths { places.append(try RemovalPlace(path, agent)) }
        return places
    }
}

extension RemoveCommand: PerhapsOnMounts {
    var isOnMounts: Bool { !storage.namesSource }
}
