internal import ArgumentParser
internal import OutputTransfer

struct JobsTreeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tree",
        abstract: "A job's folders and files, as tree(1) draws them.",
        discussion: """
            What lies deeper than --depth is counted. Of one folder the first 100 entries are shown, and the others \
            counted, too, so that a job of a million files is a page.
            """
    )

    @Argument(help: .init("Its id, or its folder in the tree.", valueName: "job"))
    var job: String

    @Option(help: .init("How many levels are shown, 1 to 64.", valueName: "levels"))
    var depth = 3

    @Flag(help: "For programs: one JSON object.")
    var json = false

    @OptionGroup var options: JobOptions

    func validate() throws {
        guard (1...64).contains(depth) else { throw ValidationError("--depth takes a number from 1 to 64") }
    }

    func run() throws {
        TerminationSignals.block()
        let name = try JobName.argument(job)
        let session = try JobSession(options)
        let (depth, json) = (depth, json)
        let text = try session.run {
            let job = try await session.job(name)
            let outline = JobOutline(depth: depth)
            try await session.catalog.eachBlob(of: job) { outline.add($0) }
            let branch = JobBranch(outline.root, named: job.path)
            return json ? try JSONText.of(branch) : branch.drawing
        }
        Terminal.print(text)
    }
}
