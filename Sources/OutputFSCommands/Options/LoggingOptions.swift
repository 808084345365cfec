internal import ArgumentParser
internal import Logging

/// How much is said, and where; and who may look.
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

    @Option(
        help: .init("Lines for people, or one JSON object each (text).", valueName: "text|json"),
        completion: .list(["text", "json"]),
        transform: LoggingOptions.format
    )
    var logFormat: LogFormat?

    @Option(
        help: .init(
            "Where metrics may be fetched: a port of this machine, or unix:PATH (nowhere).",
            valueName: "address:port"
        ),
        transform: MetricsAddress.init
    )
    var metrics: MetricsAddress?

    static func level(_ text: String) throws -> Logger.Level {
        guard let level = Logger.Level(rawValue: text.lowercased()) else {
            throw ValidationError("one of error, warning, notice, info, debug, trace")
        }
        return level
    }

    private static func format(_ text: String) throws -> LogFormat {
        guard let format = LogFormat(rawValue: text.lowercased()) else { throw ValidationError("write text or json") }
        return format
    }
}
