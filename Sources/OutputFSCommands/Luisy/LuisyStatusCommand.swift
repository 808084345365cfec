internal import ArgumentParser
internal import OutputConventions
internal import OutputTransfer

struct LuisyStatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Hold manifests and blobs of projects against each other.",
        discussion: """
            same      the blob is there, and the manifest was saved after it
            newer     the blob was written after the manifest: an upload was cut short, or somebody wrote it without luisy
            dangling  a key without a blob: of a task that only wraps others, or the output is gone
            null      a key without a hash, as luisy saves it for directories of Parquet files
            orphan    a blob without a key

            The exit status is 1 where a hash may be wrong: for a blob that is newer, for an output that has another \
            hash in another manifest, and for a manifest that cannot be read.
            """
    )

    @Argument(help: "Projects; none: all that have a manifest.")
    var projects: [String] = []

    @Flag(help: "For programs: a JSON array of objects.")
    var json = false

    @OptionGroup var settings: ConfigurationOptions

    @OptionGroup(title: "Storage")
    var storage: StorageOptions

    private struct Report: Codable {
        struct Line: Codable {
            struct Other: Codable {
                var project: String
                var hash: String?
            }
            var key: String
            var state: String
            var hash: String?
            var blobs: Int
            var bytes: UInt64
            var elsewhere: [Other]
        }
        var project: String
        var lines: [Line]
    }

    func run() throws {
        TerminationSignals.block()
        let session = try LuisySession(storage, jobs: 16)
        let (container, projects) = (session.container, projects)
        let found = try session.run { try await container.reports(on: projects) }
        if json {
            Terminal.print(try JSONText.of(found.reports.map(Self.encoded)))
        } else {
            for report in found.reports { Terminal.print(Self.text(report)) }
        }
        for error in found.broken { Terminal.error(CommandFailure(error).report) }
        guard found.unmatched.isEmpty, !(found.reports.isEmpty && found.broken.isEmpty) else {
            let names = found.unmatched.joined(separator: ", ")
            throw CommandFailure(
                .notFound,
                names.isEmpty
                    ? "no project in \(container.name) has a manifest"
                    : "\(container.name) has no manifest of \(names)",
                try: "outputfs ls containers/\(container.name)"
            )
        }
        let lines = found.reports.flatMap(\.lines)
        let isDoubtful = !found.broken.isEmpty || lines.contains { $0.state == .newer || $0.isContradicted }
        System.exit(isDoubtful ? .failure : .success)
    }

    private static func encoded(_ report: LuisyReport) -> Report {
        Report(
            project: report.project,
            lines: report.lines.map { line in
                Report.Line(
                    key: line.key.text,
                    state: line.state.rawValue,
                    hash: line.value?.hash,
                    blobs: line.blobCount,
                    bytes: line.byteCount,
                    elsewhere: line.elsewhere.map { .init(project: $0.project, hash: $0.value.hash) }
                )
            }
        )
    }

    private static func text(_ report: LuisyReport) -> String {
        var table = TextTable([("STATE", .left), ("HASH", .left), ("SIZE", .right), ("KEY", .left)])
        for line in report.lines {
            var key = line.key.text
            for other in line.elsewhere {
                let hash = other.value.hash.map { String($0.prefix(8)) } ?? "none"
                key += other.value == line.value ? "  (also in \(other.project))" : "  (\(hash) in \(other.project))"
            }
            let size = line.blobCount == 0 ? "-" : HumanUnits.bytes(line.byteCount)
            table.add([line.state.rawValue, line.value?.hash.map { String($0.prefix(8)) } ?? "-", size, key])
        }
        let counts = LuisyState.allCases.compactMap { state in
            let count = report.lines.count { $0.state == state }
            return count == 0 ? nil : "\(count) \(state.rawValue)"
        }
        return "\(report.project): \(counts.isEmpty ? "empty" : counts.joined(separator: ", "))\n\(table.text)"
    }
}
