internal import ArgumentParser
internal import OutputTransfer

struct CatCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cat",
        abstract: "Write files of the tree to standard output, without a mount.",
        discussion: """
            EXAMPLES
              outputfs cat jobs/film/tasks/frame-1/TaskLog/stdout.txt
              outputfs cat 'jobs/film/tasks/*/TaskLog/stderr.txt' | grep -i error
            """
    )

    @Argument(help: .init("Paths of files in the tree, perhaps with wildcards.", valueName: "path"))
    var paths: [String]

    @OptionGroup var settings: ConfigurationOptions

    @OptionGroup(title: "Storage")
    var storage: StorageOptions

    func run() throws {
        TerminationSignals.block()
        let patterns = try paths.map { try TreePattern.argument($0) }
        let session = try StoreSession(storage)
        let unmatched = try session.run {
            try await FileText(tree: session.tree).write(patterns) { Terminal.write($0) }
        }
        if let failure = CommandFailure(unmatched: unmatched) { throw failure }
    }
}
