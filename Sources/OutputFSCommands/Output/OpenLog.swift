internal import Glibc
internal import Logging

/// Where a command that serves writes its log.
struct OpenLog: Sendable {
    let logger: Logger
    let threshold: LogThreshold
    let descriptor: Int32
    /// Absolute; `nil` for stderr.
    let path: String?

    init(
        path: String?,
        level: Logger.Level,
        format: LogFormat = .text,
        label: String
    ) throws(CommandFailure) {
        if let path {
            descriptor = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o600)
            guard descriptor >= 0 else {
                throw CommandFailure(
                    .cannotCreate,
                    "--log-file \(path) cannot be written: \(Errno())",
                    try: "--log-file elsewhere"
                )
            }
        } else {
            descriptor = STDERR_FILENO
        }
        self.path = path.flatMap { System.canonicalPath($0) }
        let lines = LogLines(
            label: label,
            format: format,
            isForJournal: path == nil && Self.isJournal(descriptor, System.environment["JOURNAL_STREAM"])
        )
        let threshold = LogThreshold(level)
        let writer = LogWriter(lines: lines, threshold: threshold, descriptor: descriptor)
        self.threshold = threshold
        logger = Logger(label: label) { _ in writer }
    }

    /// Whether the descriptor is the stream that systemd made: `JOURNAL_STREAM` has its device and inode (systemd.exec(5)).
    /// A program that got its variables from a service, and not its streams, has others.
    static func isJournal(_ descriptor: Int32, _ stream: String?) -> Bool {
        var status = stat()
        guard let stream, fstat(descriptor, &status) == 0 else { return false }
        return stream == "\(status.st_dev):\(status.st_ino)"
    }
}
