internal import ArgumentParser
internal import Logging

/// How much is said, and where.
struct LoggingOptions: ParsableArguments {
    @Option(
        help: .init("error, warning, notice, info, debug or trace (notice).", valueName: "level"),
        completion: .list(Logger.Level.allCases.map(\.rawValue)),
        transform: LoggingOptions.level
    )
    var logLevel: Logger.Level?

    @Option(
        help: .init("A file to append to; without it stderr, while there is one.", valueName: "file"),
        completion: .file()
    )
    var logFile: String?

    private static func level(_ text: String) throws -> Logger.Level {
        guard let level = Logger.Level(rawValue: text.lowercased()) else {
            throw ValidationError("one of error, warning, notice, info, debug, trace")
        }
        return level
    }
}
