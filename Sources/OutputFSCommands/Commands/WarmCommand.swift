internal import ArgumentParser
internal import Glibc

struct WarmCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "warm",
        abstract: "Read files into a mount's cache before they are needed.",
        discussion: """
            Reads every file at and below the paths, several at a time, and throws the bytes away: the mount keeps \
            them, on disk where it was mounted with --cache-dir, else in its memory (--memory) until it is \
            unmounted. What is kept already is read from there and costs no request but the open. Symbolic links \
            below the paths are not followed. A file that cannot be read is named, and the rest goes on.

            EXAMPLES
              outputfs warm /mnt/outputs/jobs/film/tasks/frame-1
              outputfs warm /mnt/a/jobs/film/JobOutput /mnt/b/containers/textures --jobs 16
              outputfs warm --json /mnt/outputs/jobs/film | jq .bytesPerSecond
            """
    )

    @Argument(
        help: .init("Files or directories below a mount, or below several.", valueName: "path"),
        completion: .file()
    )
    var paths: [String]

    @Option(help: .init("How many reads at a time.", valueName: "count"))
    var jobs = 8

    @Flag(help: "For programs: one JSON object on stdout, and no progress.")
    var json = false

    func validate() throws {
        // More than the daemon has connections would only wait there.
        guard (1...64).contains(jobs) else { throw ValidationError("--jobs takes a number from 1 to 64") }
    }

    func run() throws {
        TerminationSignals.block()
        let (roots, targets) = try WarmRoot.resolve(paths)
        let line = ProgressLine(isTerminal: !json && isatty(STDERR_FILENO) == 1)
        let session = WarmSession(roots: roots, targets: targets, jobs: jobs, line: line)
        TerminationSignals.watch { _, count in
            if count > 1 { System.exit(.interrupted) }
            session.interrupt()
        }
        let summary = session.run()
        Terminal.print(json ? try JSONText.of(summary) : summary.text)
        System.exit(summary.exitStatus)
    }
}
