internal import Glibc
internal import Logging
internal import Synchronization

/// Lines of log on one descriptor: `2026-11-21T10:32:16.123Z warning mount: message key=value`.
///
/// One write(2) per line with O_APPEND, so that lines of several processes do not mix.
struct LogWriter: LogHandler {
    var logLevel: Logger.Level
    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider?
    private let label: String
    private let descriptor: Int32

    init(label: String, level: Logger.Level, descriptor: Int32) {
        self.label = label
        logLevel = level
        self.descriptor = descriptor
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var all = metadata
        if let provided = metadataProvider?.get() { all.merge(provided) { $1 } }
        if let own = event.metadata { all.merge(own) { $1 } }
        let line = Self.line(time: .now(), level: event.level, label: label, message: "\(event.message)", metadata: all)
        System.write(line.utf8, to: descriptor)
    }

    /// Control characters in names from the store are escaped: a log line is one line.
    static func line(
        time: WallTime,
        level: Logger.Level,
        label: String,
        message: String,
        metadata: Logger.Metadata
    ) -> String {
        var text = "\(time) \(level) \(label): \(message)"
        for (key, value) in metadata.sorted(by: { $0.key < $1.key }) { text += " \(key)=\(value)" }
        let printable = text.unicodeScalars.map { scalar in
            scalar.value < 0x20 || scalar.value == 0x7F ? "\\u{\(String(scalar.value, radix: 16))}" : String(scalar)
        }
        return printable.joined() + "\n"
    }
}

/// A moment in UTC, to the millisecond, as RFC 3339 writes it.
struct WallTime: CustomStringConvertible, Sendable {
    let seconds: Int
    let milliseconds: Int

    static func now() -> WallTime {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return WallTime(seconds: time.tv_sec, milliseconds: time.tv_nsec / 1_000_000)
    }

    var description: String {
        var (seconds, parts) = (seconds, tm())
        gmtime_r(&seconds, &parts)
        func padded(_ value: some BinaryInteger, _ width: Int) -> String {
            let digits = String(value)
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        let date = "\(padded(parts.tm_year + 1900, 4))-\(padded(parts.tm_mon + 1, 2))-\(padded(parts.tm_mday, 2))"
        let clock = "\(padded(parts.tm_hour, 2)):\(padded(parts.tm_min, 2)):\(padded(parts.tm_sec, 2))"
        return "\(date)T\(clock).\(padded(milliseconds, 3))Z"
    }
}
