import Synchronization

/// What a file system tells the kernel unasked.
package enum KernelNotification: Sendable {
    /// Drop the attributes of `node` and its pages from `offset` on, `length` 0 meaning all; `offset` < 0: attributes only.
    case invalidateInode(NodeID, offset: Int64, length: Int64)
    /// Forget what `name` in `parent` means.
    case invalidateEntry(parent: NodeID, name: FileName)
    /// `name` is gone from `parent`, and it was `child`.
    case delete(parent: NodeID, child: NodeID, name: FileName)
}

/// Notifications on their way to the kernel.
///
/// Sent by one thread of the FUSE binding that answers no requests and holds no lock: a notification from inside a
/// READ of the same inode deadlocks in the kernel (`__folio_lock`), and those about entries take the parent's lock.
package final class KernelNotifications: Sendable {
    private struct State {
        var queue: [KernelNotification] = []
        var wake: (@Sendable () -> Void)?
    }

    private let state = Mutex(State())

    package init() {}

    package func send(_ notification: KernelNotification) {
        let wake = state.withLock { state in
            state.queue.append(notification)
            return state.queue.count == 1 ? state.wake : nil
        }
        wake?()
    }

    /// The binding's side: takes all that is queued.
    package func take() -> [KernelNotification] {
        state.withLock { state in
            defer { state.queue.removeAll(keepingCapacity: true) }
            return state.queue
        }
    }

    /// The binding's side: `wake` is called when the queue is no longer empty.
    package func onArrival(_ wake: @escaping @Sendable () -> Void) {
        state.withLock { $0.wake = wake }
    }
}
