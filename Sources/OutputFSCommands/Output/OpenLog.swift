internal import Glibc
internal import Logging

/// Where a command that serves writes its log.
struct OpenLog: Sendable {
    let logger: Logger
    let descriptor: Int32
    /// Absolute; `nil` for stderr.
    let path: String?

    init(path: String?, level: Logger.Level, label: String) throws(CommandFailure) {
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
        let writer = LogWriter(label: label, level: level, descriptor: descriptor)
        logger = Logger(label: label) { _ in writer }
    }
}
