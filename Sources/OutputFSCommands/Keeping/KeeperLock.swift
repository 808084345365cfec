internal import Glibc

/// Says that a mount has a keeper that lives: flock(2) on a file beside the control socket, which ends with the process.
///
/// Between two workers nobody listens on the socket, and the mount does not answer; it will.
final class KeeperLock: Sendable {
    private let descriptor: Int32

    /// `nil` where it cannot be made, or another keeper has it: then nobody knows of this one before its worker listens.
    init?(of mountPoint: String) {
        do throws(CommandFailure) { try RuntimeDirectory.make() } catch { return nil }
        let path = RuntimeDirectory.keeperLock(of: mountPoint)
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return nil }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            return nil
        }
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }

    static func isHeld(_ mountPoint: String) -> Bool {
        let descriptor = open(RuntimeDirectory.keeperLock(of: mountPoint), O_RDWR | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        return flock(descriptor, LOCK_SH | LOCK_NB) != 0
    }
}
