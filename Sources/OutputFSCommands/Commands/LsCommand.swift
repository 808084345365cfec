internal import ArgumentParser
internal import BlobStorage
internal import OutputTransfer

struct LsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ls",
        abstract: "List a directory of the tree, without a mount.",
        discussion: """
            EXAMPLES
              outputfs ls                           # the top: jobs, containers …
              outputfs ls jobs
              outputfs ls -l jobs/film/tasks/frame-1/TaskOutput
            """
    )

    @Argument(help: .init("Paths of the tree, perhaps with wildcards; none: the top.", valueName: "path"))
    var paths: [String] = []

    @Flag(name: [.customShort("l"), .long], help: "With sizes and times.")
    var long = false

    @Flag(help: "For programs: a JSON array of objects.")
    var json = false

    @OptionGroup var settings: ConfigurationOptions

    @OptionGroup(title: "Storage")
    var storage: StorageOptions

    func run() throws {
        TerminationSignals.block()
        let patterns = try (paths.isEmpty ? ["/"] : paths).map { try TreePattern.argument($0) }
        let session = try StoreSession(storage)
        let (found, unmatched) = try session.run { try await session.tree.directories(of: patterns) }
        let lines = found.flatMap { directory in directory.entries.map { ListedFile($0, in: directory.path) } }
        if json {
            Terminal.print(try JSONText.of(lines))
        } else {
            for directory in found {
                // As ls(1): which directory it is, where there are several.
                if found.count > 1, let path = directory.path { Terminal.print("/\(path):") }
                let lines = directory.entries.map { ListedFile($0, in: nil) }
                if long {
                    if !lines.isEmpty { Terminal.print(ListedFile.table(lines)) }
                } else {
                    for line in lines { Terminal.print(line.shownName) }
                }
                if found.count > 1 { Terminal.print("") }
            }
        }
        if let failure = CommandFailure(unmatched: unmatched) { throw failure }
    }
}
