internal import Glibc
internal import Logging

/// One mount's log on one descriptor.
///
/// One write(2) per line with O_APPEND, so that lines of several processes do not mix.
struct LogWriter: LogHandler {
    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider?
    private let threshold: LogThreshold
    private let lines: LogLines
    private let descriptor: Int32

    init(lines: LogLines, threshold: LogThreshold, descriptor: Int32) {
        self.lines = lines
        self.threshold = threshold
        self.descriptor = descriptor
    }

    /// That of all copies of this logger: it may change while they are in use.
    var logLevel: Logger.Level {
        get { threshold.level }
        set { threshold.level = newValue }
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var all = metadata
        if let provided = metadataProvider?.get() { all.merge(provided) { $1 } }
        if let own = event.metadata { all.merge(own) { $1 } }
        let line = lines.line(time: .now(), level: event.level, message: "\(event.message)", metadata: all)
        System.write(line.utf8, to: descriptor)
    }
}
