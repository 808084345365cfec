internal import CLinux
internal import Glibc

/// A bell for one waiting thread (eventfd(2)); rung any number of times, it wakes the waiter at least once after.
final class WakeUp: Sendable {
    private let descriptor: Int32

    init() throws(SessionError) {
        descriptor = eventfd(0, Int32(EFD_CLOEXEC) | Int32(EFD_NONBLOCK))
        guard descriptor >= 0 else { throw SessionError(.resources, "eventfd", String(cString: strerror(errno))) }
    }

    deinit { close(descriptor) }

    func ring() { eventfd_write(descriptor, 1) }

    /// Waits for the bell, or for `milliseconds` (`nil`: for ever).
    func wait(milliseconds: Int32? = nil) {
        var poll = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        _ = Glibc.poll(&poll, 1, milliseconds ?? -1)
        var count: eventfd_t = 0
        eventfd_read(descriptor, &count)
    }
}
