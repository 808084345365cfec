internal import CLinux
internal import Glibc

/// A POSIX thread: what blocks in the kernel must not sit in Swift's pool, which has one thread per core.
package struct PlainThread: Sendable {
    private let thread: pthread_t

    private final class Body: Sendable {
        let name: String
        let run: @Sendable () -> Void

        init(name: String, run: @escaping @Sendable () -> Void) {
            self.name = name
            self.run = run
        }
    }

    /// Starts a thread with all signals blocked: they are for the thread that waits for them by sigwait. It must be
    /// joined or detached, else its stack stays.
    ///
    /// - Parameter name: at most 15 bytes, for ps and debuggers.
    /// - Throws: `resources`.
    package init(name: String, _ run: @escaping @Sendable () -> Void) throws(SessionError) {
        let body = Unmanaged.passRetained(Body(name: name, run: run))
        var all = sigset_t()
        var previous = sigset_t()
        sigfillset(&all)
        // A new thread inherits its creator's mask: no window in which it could be hit.
        pthread_sigmask(SIG_SETMASK, &all, &previous)
        defer { pthread_sigmask(SIG_SETMASK, &previous, nil) }
        var thread = pthread_t()
        let status = pthread_create(
            &thread,
            nil,
            { argument in
                guard let argument else { return nil }
                let body = Unmanaged<Body>.fromOpaque(argument).takeRetainedValue()
                _ = CLinux.pthread_setname_np(pthread_self(), body.name)
                body.run()
                return nil
            },
            body.toOpaque()
        )
        guard status == 0 else {
            body.release()
            throw SessionError(.resources, "thread \(name)", String(cString: strerror(status)))
        }
        self.thread = thread
    }

    package func join() { pthread_join(thread, nil) }

    /// Nobody will wait for its end.
    package func detach() { pthread_detach(thread) }
}
