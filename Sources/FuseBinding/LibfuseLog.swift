internal import CFuse3
internal import Glibc
internal import Logging
import Synchronization

/// libfuse's own messages, which it prints to stderr unless told otherwise: into our log, and into errors.
enum LibfuseLog {
    private struct State {
        var logger: Logger?
        var recent: [String] = []
    }

    private static let state = Mutex(State())

    /// What one call may leave behind for an error's text.
    private static let recentMax = 8

    /// libfuse has one log for the process; the last session's logger gets it.
    static func send(to logger: Logger) {
        state.withLock { $0.logger = logger }
        fuse_set_log_func { level, format, arguments in
            guard let format, let arguments else { return }
            let line = withUnsafeTemporaryAllocation(of: CChar.self, capacity: 1024) { buffer -> String in
                guard let start = buffer.baseAddress else { return "" }
                vsnprintf(start, buffer.count, format, arguments)
                return String(cString: start)
            }
            LibfuseLog.note(line, isError: level.rawValue <= FUSE_LOG_ERR.rawValue)
        }
    }

    /// What libfuse said since the last call, for the text of an error.
    static func takeRecent() -> String {
        state.withLock { state in
            defer { state.recent.removeAll() }
            return state.recent.joined(separator: "; ")
        }
    }

    private static func note(_ line: String, isError: Bool) {
        var line = line[...]
        while line.last == "\n" { line.removeLast() }
        guard !line.isEmpty else { return }
        let text = String(line)
        let logger = state.withLock { state in
            state.recent.append(text)
            if state.recent.count > recentMax { state.recent.removeFirst() }
            return state.logger
        }
        logger?.log(level: isError ? .error : .debug, "libfuse: \(text)")
    }
}
