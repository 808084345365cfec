internal import Glibc
internal import Synchronization

/// How a mount is, in a file that others can look at: `outputfs status --json` of this mount, put in place as a whole.
final class StatusFile: Sendable {
    /// How often it is brought up to date.
    static let interval = Duration.seconds(10)

    let path: String
    private let isFinal = Mutex(false)

    init(path: String) { self.path = path }

    /// - Parameter isLast: later ones, which were begun before, are not written.
    /// - Returns: why it could not be written; `nil` if it was.
    @discardableResult
    func write(_ status: MountStatus, isLast: Bool) -> Errno? {
        guard let text = try? JSONText.of(status) else { return Errno(EINVAL) }
        return isFinal.withLock { isFinal in
            guard !isFinal else { return nil }
            isFinal = isLast
            let temporary = path + ".new"
            let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
            guard descriptor >= 0 else { return Errno() }
            let isWritten = System.write((text + "\n").utf8, to: descriptor)
            close(descriptor)
            guard isWritten, rename(temporary, path) == 0 else {
                let error = Errno()
                unlink(temporary)
                return error
            }
            return nil
        }
    }
}
