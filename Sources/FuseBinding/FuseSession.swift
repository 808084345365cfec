internal import CFuse3
package import FileSystemModel
internal import Glibc
package import HandOver
package import Logging
internal import Synchronization

/// A file system on its way to the kernel and back: make, `mount`, `run` until it is unmounted.
///
/// Signals are left alone but for the session's own threads, which block them all. What a file system may rely on:
/// `docs/decisions/0002-fuse-session.md`.
package final class FuseSession: Sendable {
    private let dispatcher: Dispatcher
    private let notifications: NotificationSender

    /// - Throws: `invalidOption` for options that contradict each other or that libfuse does not know.
    package init(
        fileSystem: any FileSystem,
        options: SessionOptions,
        logger: Logger,
        survivors: Survivors? = nil
    ) throws(SessionError) {
        dispatcher = try Dispatcher(
            fileSystem: fileSystem,
            options: options,
            logger: logger,
            isSocket: false,
            survivors: survivors
        )
        notifications = try NotificationSender(fileSystem.notifications)
    }

    /// A session without a mount, over one end of a SOCK_SEQPACKET socket pair; each message is one request or reply.
    ///
    /// The session owns `descriptor`. `run` returns when the other end is closed.
    package init(
        fileSystem: any FileSystem,
        options: SessionOptions,
        logger: Logger,
        socket descriptor: Int32,
        survivors: Survivors? = nil,
        takesOver: Bool = false
    ) throws(SessionError) {
        dispatcher = try Dispatcher(
            fileSystem: fileSystem,
            options: options,
            logger: logger,
            isSocket: true,
            survivors: survivors
        )
        notifications = try NotificationSender(fileSystem.notifications)
        try dispatcher.attach(descriptor)
        if takesOver { try dispatcher.takeOver() }
    }

    /// Requests so far, by the names of <linux/fuse.h> in small letters.
    package var requestCounts: [String: UInt64] { dispatcher.counters.byName }

    /// Requests that wait for an answer.
    package var requestsInFlight: Int { dispatcher.inFlight.count }

    /// Opens so far whose reads the kernel answers from a local file.
    package var passthroughOpens: UInt64 { dispatcher.backingFiles.backedOpens }

    /// Where it is mounted; `nil` before `mount`.
    package var mountPoint: String? { dispatcher.mount.withLock { $0?.mountPoint } }

    /// Mounts. Programs that look in wait until `run` answers them.
    package func mount() throws(SessionError) {
        try MountPreflight.checkMachine(allowsOthers: dispatcher.options.allowOther || dispatcher.options.allowRoot)
        let path = try MountPreflight.check(dispatcher.options.mountPoint)
        _ = LibfuseLog.takeRecent()
        guard fuse_session_mount(dispatcher.session, path) == 0 else {
            let reason = LibfuseLog.takeRecent()
            throw SessionError(
                .refused,
                path,
                reason.isEmpty ? "the mount was refused" : reason,
                remedy: geteuid() == 0 ? "In a container, mounting takes CAP_SYS_ADMIN" : ""
            )
        }
        try dispatcher.attach(dispatcher.device)
        guard let entry = MountTable.current().topmost(at: path) else {
            throw SessionError(.refused, path, "mounted, but /proc/self/mountinfo does not show it")
        }
        dispatcher.mount.withLock { $0 = entry }
    }

    /// In place of `mount`: goes on with a mount that another process made and served until it was killed. Those who
    /// wait in it get their answers from `run`. The session owns the descriptor of its connection.
    ///
    /// - Throws: `resources`, also where the kernel cannot send again (before 6.9).
    package func takeOver(device: Int32) throws(SessionError) {
        let path = dispatcher.options.mountPoint
        try dispatcher.attach(device)
        guard let entry = MountTable.current().topmost(at: path), entry.isOutputFS else {
            throw SessionError(.refused, path, "the mount to go on with is not there any more")
        }
        dispatcher.mount.withLock { $0 = entry }
        try dispatcher.takeOver()
    }

    /// The descriptor of the connection, once it is mounted; the session's.
    package var device: Int32 { dispatcher.device }

    /// Answers requests until the file system is unmounted, from wherever; then returns.
    ///
    /// It also returns when the connection was aborted (umount -f); the dead mount is then still in the tree, and
    /// `unmount(lazily: true)` takes it away.
    package func run() {
        let dispatcher = dispatcher
        let notifications = notifications
        let helpers = [
            start("fuse-notify") { notifications.run(dispatcher) },
            start("fuse-interrupt") { dispatcher.interruptWatch.run(dispatcher.inFlight) },
        ]
        let count = dispatcher.options.readerThreadCount(cores: sysconf(Int32(_SC_NPROCESSORS_ONLN)))
        let readers = (1...count).compactMap { number in
            start("fuse-read-\(number)") { dispatcher.readRequests() }
        }
        if readers.isEmpty { dispatcher.readRequests() }
        for reader in readers { reader.join() }
        notifications.stop()
        dispatcher.interruptWatch.stop()
        for helper in helpers { helper?.join() }
    }

    /// Asks the kernel to take the mount away; `run` returns when it is gone.
    ///
    /// Must not be called from a request: the kernel may send some while it unmounts.
    ///
    /// - Parameter lazily: at once out of the tree, while those who have files open read on.
    /// - Throws: `busy` unless `lazily`; `refused`, `helperMissing`. Nothing, if it is not mounted any more.
    package func unmount(lazily: Bool) throws(SessionError) {
        let table = MountTable.current()
        guard let ours = dispatcher.mount.withLock({ $0 }), table.entries.contains(ours) else { return }
        if let topmost = table.topmost(at: ours.mountPoint), topmost != ours {
            throw SessionError(
                .busy,
                ours.mountPoint,
                "another file system (\(topmost.type)) is mounted over it",
                remedy: "Unmount that one first"
            )
        }
        try Unmounting.unmount(ours.mountPoint, lazily: lazily)
    }

    private func start(_ name: String, _ body: @escaping @Sendable () -> Void) -> PlainThread? {
        do throws(SessionError) {
            return try PlainThread(name: name, body)
        } catch {
            dispatcher.logger.error("a thread is missing", metadata: ["error": "\(error)"])
            return nil
        }
    }
}
