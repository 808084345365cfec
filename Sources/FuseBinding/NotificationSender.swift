internal import CFuse3
import FileSystemModel
import Synchronization

/// Sends `KernelNotifications` from a thread of its own, which answers no requests and holds no lock.
///
/// An invalidation waits in the kernel for locks that a request under way may hold (a page under READ, a directory
/// under LOOKUP); sent by the thread that should answer that request, it would wait for itself for ever.
final class NotificationSender: Sendable {
    private let notifications: KernelNotifications
    private let wakeUp: WakeUp
    private let isStopping = Atomic(false)

    init(_ notifications: KernelNotifications) throws(SessionError) {
        self.notifications = notifications
        wakeUp = try WakeUp()
    }

    func stop() {
        isStopping.store(true, ordering: .releasing)
        wakeUp.ring()
    }

    /// The thread's body; returns after `stop`.
    func run(_ dispatcher: Dispatcher) {
        let wakeUp = wakeUp
        notifications.onArrival { wakeUp.ring() }
        defer { notifications.onArrival {} }
        while !isStopping.load(ordering: .acquiring) {
            for notification in notifications.take() { send(notification, dispatcher.session) }
            wakeUp.wait()
        }
    }

    /// The results do not matter: what the kernel does not have (ENOENT) needs no invalidation.
    private func send(_ notification: KernelNotification, _ session: OpaquePointer) {
        switch notification {
        case .invalidateInode(let node, let offset, let length):
            _ = fuse_lowlevel_notify_inval_inode(session, node.rawValue, Int(offset), Int(length))
        case .invalidateEntry(let parent, let name):
            _ = fuse_lowlevel_notify_inval_entry(session, parent.rawValue, name.string, name.string.utf8.count)
        case .delete(let parent, let child, let name):
            _ = fuse_lowlevel_notify_delete(
                session,
                parent.rawValue,
                child.rawValue,
                name.string,
                name.string.utf8.count
            )
        }
    }
}
