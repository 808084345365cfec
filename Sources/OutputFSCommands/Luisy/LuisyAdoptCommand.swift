internal import ArgumentParser
internal import OutputConventions
internal import OutputTransfer

struct LuisyAdoptCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "adopt",
        abstract: "Name an output in the manifest that another program put into the store.",
        discussion: """
            A directory of Parquet files that Spark wrote is never downloaded by luisy, since no manifest names it: \
            this does. The hash is that of the task that stands for it, as .luisy.hash of a run has it.
            """
    )

    @Argument(help: "The output, by its key: /demo/interim/table.")
    var key: String

    @Argument(help: "The hash of the code, 32 hexadecimal digits.")
    var value: String

    @Option(help: .init("Whose manifest; the key's first folder.", valueName: "name"))
    var project: String?

    @Flag(help: "Show what would be changed, and change nothing.")
    var dryRun = false

    @Flag(help: "For programs: one JSON object on stdout.")
    var json = false

    @OptionGroup var settings: ConfigurationOptions

    @OptionGroup(title: "Storage")
    var storage: StorageOptions

    private struct Adoption: Codable {
        var key: String
        var hash: String
        var before: String?
        var project: String
        var blobs: Int
    }

    func validate() throws {
        guard value.utf8.count == 32, value.utf8.allSatisfy({ Self.digits.contains($0) }) else {
            throw ValidationError("'\(value)' is no hash of luisy: 32 hexadecimal digits, in lower case")
        }
    }

    private static let digits = Array("0123456789abcdef".utf8)

    func run() throws {
        TerminationSignals.block()
        let key = try LuisyKey.argument(key)
        guard let project = project ?? key.project else {
            throw CommandFailure(
                .usage,
                "\(key) lies in no project",
                try: "--project NAME, whose manifest is to name it"
            )
        }
        guard LuisyKey("/" + project).names?.count == 1 else {
            throw CommandFailure(.usage, "'\(project)' is no project: it is one folder of the container")
        }
        let session = try LuisySession(storage, jobs: 16)
        let container = session.container
        let (blobCount, before) = try session.run { [value, dryRun] in
            try await container.adopt(key, hash: value, project: project, isDryRun: dryRun)
        }
        if json {
            let before = before?.hash
            Terminal.print(
                try JSONText.of(
                    Adoption(key: key.text, hash: value, before: before, project: project, blobs: blobCount)
                )
            )
        } else {
            let was = before?.hash.map { ", instead of \($0)" } ?? ""
            let blobs = "\(blobCount) blob\(blobCount == 1 ? "" : "s")"
            Terminal.print("\(key) (\(blobs)) \(dryRun ? "would have" : "has") the hash \(value) in \(project)\(was)")
        }
    }
}
