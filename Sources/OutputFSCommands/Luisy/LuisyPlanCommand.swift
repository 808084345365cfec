internal import ArgumentParser
internal import OutputConventions
internal import OutputTransfer

struct LuisyPlanCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan",
        abstract: "Say what a run of luisy would do with each output, before it does it.",
        discussion: """
            By the rules of luisy 1.4.7, for a task at the end of no other: what a run needs from other tasks it \
            also makes or fetches. The code is taken to be what the manifests say it was, this machine's first, \
            unless --hash names another.

            keep      the file here is taken as it is
            download  the blob is fetched
            run       the task runs
            missing   an external task whose file is nowhere
            delete    before that, the file here goes: other code made it
            upload    at the end, the output goes to the store
            """
    )

    @Argument(help: "The project: a folder of the working directory.")
    var project: String

    @Argument(help: .init("Outputs, by their keys; none: all.", valueName: "key"))
    var keys: [String] = []

    @OptionGroup var hashes: LuisyHashOptions

    @Option(help: .init("An output that no task can make; more than once.", valueName: "key"))
    var external: [String] = []

    @Flag(help: "As for a run with --download.")
    var download = false

    @Flag(help: "As for a run with --upload.")
    var upload = false

    @Flag(help: "For programs: a JSON array of objects.")
    var json = false

    @OptionGroup var place: WorkingDirectoryOption
    @OptionGroup var settings: ConfigurationOptions

    @OptionGroup(title: "Storage")
    var storage: StorageOptions

    private struct Line: Codable {
        var key: String
        var hash: String
        var hasFile: Bool
        var localHash: String?
        var hasBlob: Bool
        var storeHash: String?
        /// What the words of the text say.
        var deletes: Bool
        var source: String
        var uploads: Bool
        /// In this machine's manifest, afterwards.
        var localHashAfter: String?
        /// luisy would abort.
        var aborts: Bool
    }

    func run() throws {
        TerminationSignals.block()
        var code = LuisyProject.Code()
        code.hashes = try hashes.hashes()
        code.external = Set(try LuisyKey.arguments(external))
        let keys = try LuisyKey.arguments(keys)
        let directory = try place.directory()
        let session = try LuisySession(storage, jobs: 16)
        let project = try session.project(project, directory)
        let (lines, unmatched) = try session.run { [code, download, upload] in
            try await project.plan(code, keys: keys, download: download, upload: upload)
        }
        if json {
            Terminal.print(try JSONText.of(lines.map(Self.encoded)))
        } else {
            var table = TextTable([("ACTION", .left), ("KEY", .left)])
            for line in lines { table.add([Self.text(line.sync), line.key.text]) }
            if !lines.isEmpty { Terminal.print(table.text) }
        }
        guard unmatched.isEmpty, !lines.isEmpty else {
            let what =
                unmatched.isEmpty ? "any output of \(project.name)" : unmatched.map(\.text).joined(separator: ", ")
            throw CommandFailure(.notFound, "no hash is known of \(what)", try: "--hash KEY=HASH")
        }
    }

    private static func word(_ source: LuisySync.Source) -> String {
        switch source {
        case .local: "keep"
        case .download: "download"
        case .run: "run"
        case .missing: "missing"
        }
    }

    private static func text(_ sync: LuisySync) -> String {
        var words = sync.deletesLocalFile ? ["delete"] : []
        words.append(word(sync.source))
        if sync.uploads { words.append(sync.isUploadOfNothing ? "upload fails" : "upload") }
        return words.joined(separator: ", ")
    }

    private static func encoded(_ line: LuisyPlan.Line) -> Line {
        Line(
            key: line.key.text,
            hash: line.hash,
            hasFile: line.state.hasLocalFile,
            localHash: line.state.localHash,
            hasBlob: line.state.hasBlob,
            storeHash: line.state.cloudHash,
            deletes: line.sync.deletesLocalFile,
            source: word(line.sync.source),
            uploads: line.sync.uploads && !line.sync.isUploadOfNothing,
            localHashAfter: line.sync.localHash,
            aborts: line.sync.isUploadOfNothing
        )
    }
}
