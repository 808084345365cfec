internal import AzureBlob
internal import Glibc
internal import Logging
internal import Synchronization

/// The log of a command that people wait for: nothing of it is shown, but why nothing happens. A store that does not answer is
/// tried again for a minute, and who sits before a silent terminal for so long does not know that.
struct RetryNotice: LogHandler {
    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider?
    var logLevel = Logger.Level.debug
    private let lastSaid = SharedMoment()

    /// Of one request: two seconds, by the usual delays. A lost connection or two are nobody's business.
    private static let failuresMin = 3
    private static let secondsBetween = 15

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        guard let metadata = event.metadata, case .string(let reason)? = metadata[RetryLog.reason],
            case .string(let count)? = metadata[RetryLog.failures], Int(count) ?? 0 >= Self.failuresMin,
            lastSaid.moves(by: Self.secondsBetween, to: WallTime.now().seconds)
        else { return }
        // Over a progress line, if there is one.
        Terminal.error((isatty(STDERR_FILENO) == 1 ? "\r\u{1B}[K" : "") + "outputfs: trying again: \(reason)")
    }
}

/// When something was said last, for all copies of a logger.
private final class SharedMoment: Sendable {
    private let seconds = Mutex<Int?>(nil)

    /// Whether enough time has passed since the last that was let pass.
    func moves(by pause: Int, to now: Int) -> Bool {
        seconds.withLock { seconds in
            if let last = seconds, now - last < pause { return false }
            seconds = now
            return true
        }
    }
}
