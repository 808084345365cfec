internal import ArgumentParser
internal import OutputTransfer
internal import Synchronization

struct FindCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "find",
        abstract: "List all files below paths of the tree, without a mount.",
        discussion: """
            One flat listing a container: 5,000 files a request, however deep the folders are. The order is that of \
            the listings.

            EXAMPLES
              outputfs find jobs/film
              outputfs find --name '*.csv' jobs/film/tasks
              outputfs find --json containers/models | jq -r 'select(.size > 1e9) | .path'
            """
    )

    @Argument(help: .init("Paths of the tree, perhaps with wildcards.", valueName: "path"))
    var paths: [String]

    @Option(help: .init("Only files whose name fits: *, ? and [a-z].", valueName: "pattern"))
    var name: String?

    @Flag(name: [.customShort("l"), .long], help: "With sizes and times.")
    var long = false

    @Flag(help: "For programs: one JSON object a line.")
    var json = false

    @OptionGroup var settings: ConfigurationOptions

    @OptionGroup(title: "Storage")
    var storage: StorageOptions

    func run() throws {
        TerminationSignals.block()
        let patterns = try paths.map { try TreePattern.argument($0) }
        let names = try name.map { try TreePattern.argument($0) }
        let session = try StoreSession(storage)
        let (long, json) = (long, json)
        let found = Atomic<Bool>(false)
        let unmatched = try session.run {
            try await session.tree.files(of: patterns) { path, file in
                if let names, let last = path.last, !names.fitsName(last) { return }
                found.store(true, ordering: .relaxed)
                let line = ListedFile(
                    .init(name: path.last ?? "", file: file),
                    in: path.dropLast().joined(separator: "/")
                )
                if json {
                    Terminal.print(try JSONText.line(of: line))
                } else {
                    Terminal.print(long ? line.columns.joined(separator: "  ") + "  /" + line.path : "/" + line.path)
                }
            }
        }
        if let failure = CommandFailure(unmatched: unmatched) { throw failure }
        if let name, !found.load(ordering: .relaxed) {
            throw CommandFailure(.failure, "no file there is named \(name)")
        }
    }
}
