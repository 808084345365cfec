internal import ArgumentParser
internal import OutputTransfer

/// How outputs are moved.
struct LuisyTransferFlags: ParsableArguments {
    @Flag(help: "Show what would be moved, and move nothing.")
    var dryRun = false

    @Option(help: .init("How many requests at a time, 1 to 256.", valueName: "count"))
    var jobs = 16

    @Flag(help: "For programs: one JSON object on stdout, and no progress.")
    var json = false

    init() {}

    init(dryRun: Bool, jobs: Int, json: Bool) { (self.dryRun, self.jobs, self.json) = (dryRun, jobs, json) }

    func validate() throws {
        guard (1...256).contains(jobs) else { throw ValidationError("--jobs takes a number from 1 to 256") }
    }

    var options: LuisyTransferOptions {
        var options = LuisyTransferOptions()
        (options.isDryRun, options.jobs) = (dryRun, jobs)
        return options
    }
}
