internal import ArgumentParser
internal import OutputConventions
internal import OutputTransfer

/// Where the outputs lie on this machine.
struct WorkingDirectoryOption: ParsableArguments {
    @Option(
        help: .init(
            "luisy's working directory.",
            discussion: "Environment: WORKING_DIR, as luisy itself has it.",
            valueName: "directory"
        ),
        completion: .directory
    )
    var workingDir: String?

    func directory() throws(CommandFailure) -> WorkingDirectory {
        guard let path = workingDir ?? System.environment["WORKING_DIR"], !path.isEmpty else {
            throw CommandFailure(
                .usage,
                "where luisy works on this machine is not said",
                try: "--working-dir DIRECTORY, or WORKING_DIR, as luisy itself has it"
            )
        }
        do throws(LocalFileError) { return try WorkingDirectory(path) } catch {
            throw CommandFailure(.notFound, "\(error)", try: "mkdir -p \(path)")
        }
    }
}

/// What somebody says of the code.
struct LuisyHashOptions: ParsableArguments {
    @Option(
        help: .init(
            "The hash of the code that makes an output; more than once. Otherwise the manifests say what it was.",
            valueName: "key=hash"
        )
    )
    var hash: [String] = []

    func hashes() throws(CommandFailure) -> [LuisyKey: String] {
        var hashes: [LuisyKey: String] = [:]
        for text in hash {
            // A key may hold `=`, and does for tasks with parameters; a hash does not.
            guard let sign = text.utf8.lastIndex(of: UInt8(ascii: "=")), sign > text.startIndex,
                text.utf8.index(after: sign) < text.endIndex
            else {
                throw CommandFailure(.usage, "--hash \(text) names no hash", try: "--hash /demo/raw/t.csv=0cc1…")
            }
            hashes[try LuisyKey.argument(String(text[..<sign]))] = String(text[text.utf8.index(after: sign)...])
        }
        return hashes
    }
}

extension LuisyKey {
    /// As it was given on the command line; the slash in front may be left out.
    static func argument(_ text: String) throws(CommandFailure) -> LuisyKey {
        let key = LuisyKey(text.utf8.first == UInt8(ascii: "/") ? text : "/" + text)
        guard key.names != nil else {
            throw CommandFailure(
                .usage,
                "'\(text)' is no key of luisy: it leads out of the working directory",
                try: "the path of an output below it: /demo/raw/t.csv"
            )
        }
        return key
    }

    static func arguments(_ texts: [String]) throws(CommandFailure) -> [LuisyKey] {
        var keys: [LuisyKey] = []
        for text in texts { keys.append(try argument(text)) }
        return keys
    }
}
