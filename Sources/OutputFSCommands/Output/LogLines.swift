internal import FoundationEssentials
internal import Logging

/// `--log-format`.
enum LogFormat: String, Sendable, CaseIterable {
    /// `2026-11-21T10:32:16.123Z warning mount: message key=value`
    case text
    /// `{"level":"warning","logger":"mount","message":"…","time":"…","key":"value"}`
    case json
}

/// What a line of the log looks like.
struct LogLines: Sendable {
    var label: String
    var format: LogFormat
    /// For journald, which knows the time and wants the level in front, as sd-daemon(3) has it: `<4>`.
    var isForJournal = false

    /// Always one line: control characters, which names from the store may hold, are escaped.
    func line(time: WallTime, level: Logger.Level, message: String, metadata: Logger.Metadata) -> String {
        let prefix = isForJournal ? "<\(Self.priority(level))>" : ""
        switch format {
        case .text:
            var text = isForJournal ? message : "\(time) \(level) \(label): \(message)"
            for (key, value) in metadata.sorted(by: { $0.key < $1.key }) { text += " \(key)=\(value)" }
            return prefix + Self.escaped(text) + "\n"
        case .json:
            // Those of the line itself win over metadata of the same name.
            var fields = metadata.mapValues { "\($0)" }
            fields.merge(
                ["time": "\(time)", "level": "\(level)", "logger": label, "message": message],
                uniquingKeysWith: { $1 }
            )
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            // A dictionary of strings can always be encoded.
            let data = (try? encoder.encode(fields)) ?? Data()
            return prefix + String(decoding: data, as: UTF8.self) + "\n"
        }
    }

    /// The numbers of syslog(3).
    private static func priority(_ level: Logger.Level) -> Int {
        switch level {
        case .critical: 2
        case .error: 3
        case .warning: 4
        case .notice: 5
        case .info: 6
        case .debug, .trace: 7
        }
    }

    private static func escaped(_ text: String) -> String {
        text.unicodeScalars.map { scalar in
            scalar.value < 0x20 || scalar.value == 0x7F
                ? "\\u{\(String(scalar.value, radix: 16))}" : String(scalar)
        }.joined()
    }
}
