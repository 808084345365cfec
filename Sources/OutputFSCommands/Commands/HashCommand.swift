internal import ArgumentParser
internal import OutputTransfer

struct HashCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hash",
        abstract: "Print the hashes by which Azure ML knows a file or folder.",
        discussion: """
            The object hash names the folder of an upload (LocalUpload/<hash>/…); the content hash is what the \
            service compares code by. Both respect the .amlignore, or else the .gitignore, in the folder.

            EXAMPLES
              outputfs hash ./src
              outputfs hash --files ./src      # what would be uploaded
            """
    )

    @Argument(help: "Files or folders.", completion: .file())
    var paths: [String]

    @Option(help: .init("Rules from this file instead of the folder's own.", valueName: "file"), completion: .file())
    var ignoreFile: String?

    @Flag(help: "List the files that belong to it.")
    var files = false

    @Flag(help: "For programs: a JSON array, one object a path.")
    var json = false

    struct Answer: Codable {
        var path: String
        var objectHash: String
        var contentHash: String
        var files: [String]?
    }

    func run() throws {
        var answers: [Answer] = []
        for path in paths {
            let answer: Answer
            do {
                let folder = try ArtifactFolder(path, ignoreFile: ignoreFile)
                let found = try folder.files()
                answer = Answer(
                    path: path,
                    objectHash: try ArtifactHash.object(of: folder),
                    contentHash: try ArtifactHash.content(of: found),
                    files: files ? found.map(\.relativePath) : nil
                )
            } catch let error as LocalFileError {
                throw CommandFailure(.notFound, "\(error)")
            }
            answers.append(answer)
        }
        guard !json else { return Terminal.print(try JSONText.of(answers)) }
        for answer in answers {
            Terminal.print("object   \(answer.objectHash)  \(answer.path)")
            Terminal.print("content  \(answer.contentHash)  \(answer.path)")
            for file in answer.files ?? [] { Terminal.print("  \(file)") }
        }
    }
}
