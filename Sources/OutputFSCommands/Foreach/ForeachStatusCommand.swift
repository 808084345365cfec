internal import ArgumentParser
internal import OutputTransfer

struct ForeachStatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "How far a job is, by what is in its container.",
        discussion: """
            Which tasks have a result and which have none, whether all were merged, and what the client noted at \
            submit. Whether tasks still run, only Batch knows.

            EXAMPLES
              outputfs foreach status film-20180412093000
              outputfs foreach status film-20180412093000 --json
            """
    )

    @Argument(help: .init("The job's id.", valueName: "job"))
    var job: String

    @Flag(help: "For programs: one JSON object.")
    var json = false

    @OptionGroup var settings: ConfigurationOptions

    @OptionGroup(title: "Storage")
    var storage: StorageOptions

    func run() throws {
        TerminationSignals.block()
        let session = try ForeachSession(job, storage)
        let status = try session.run { [tree = session.tree, container = session.container] in
            try await tree.status(of: try await tree.foreachJob(container))
        }
        Terminal.print(json ? try JSONText.of(status) : Self.text(status))
        for reason in status.unreadable where !json { Terminal.error("outputfs: \(reason)") }
        System.exit(status.unreadable.isEmpty ? .success : .failure)
    }

    static func text(_ status: ForeachStatus) -> String {
        var lines = [("job", status.job), ("written by", "doAzureParallel \(status.releases)")]
        if let mode = status.errorHandling { lines.append(("on errors", mode)) }
        if let size = status.chunkSize { lines.append(("chunk size", "\(size)")) }
        var tasks = "\(status.present) with a result"
        if let expected = status.expected {
            tasks = "\(expected), \(tasks)"
        } else {
            tasks += ", nobody noted how many there are"
        }
        lines.append(("tasks", tasks))
        if status.missingCount > 0 {
            lines.append(("missing", "\(status.missingCount): \(shortened(status.missing))"))
            if !status.endedWithout.isEmpty { lines.append(("ended without", shortened(status.endedWithout))) }
        }
        lines.append(
            ("merged", status.isMerged ? "yes" : status.mergesInCloud == false ? "no, and is not to be" : "no")
        )
        if !status.packages.isEmpty { lines.append(("packages", status.packages.joined(separator: ", "))) }
        let width = lines.map(\.0.count).max() ?? 0
        return lines.map { "\($0)\(String(repeating: " ", count: width - $0.count))  \($1)" }.joined(separator: "\n")
    }

    private static func shortened(_ ranges: [String]) -> String {
        ranges.prefix(20).joined(separator: ", ") + (ranges.count > 20 ? " … (all with --json)" : "")
    }
}
