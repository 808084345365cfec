internal import Glibc
internal import Synchronization

/// One line on stderr that is written over again and again; on anything but a terminal there is none.
final class ProgressLine: Sendable {
    private let isTerminal: Bool
    private let descriptor: Int32
    private let shown = Mutex("")

    init(isTerminal: Bool = isatty(STDERR_FILENO) == 1, descriptor: Int32 = STDERR_FILENO) {
        (self.isTerminal, self.descriptor) = (isTerminal, descriptor)
    }

    func show(_ text: String) {
        guard isTerminal else { return }
        shown.withLock { shown in
            shown = String(text.prefix(Self.columns - 1))
            write(Self.erase + shown)
        }
    }

    /// A line that stays, above the one that is written over.
    func say(_ text: String) {
        shown.withLock { shown in
            write((shown.isEmpty ? "" : Self.erase) + text + "\n" + shown)
        }
    }

    func clear() {
        shown.withLock { shown in
            if !shown.isEmpty { write(Self.erase) }
            shown = ""
        }
    }

    /// Back to the first column, and nothing to the right of it (ECMA-48: EL).
    private static let erase = "\r\u{1B}[K"

    private static var columns: Int {
        var size = winsize()
        guard ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 1 else { return 80 }
        return Int(size.ws_col)
    }

    private func write(_ text: String) { System.write(text.utf8, to: descriptor) }
}
