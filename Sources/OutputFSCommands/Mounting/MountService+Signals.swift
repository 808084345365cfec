internal import FuseBinding
internal import Glibc
internal import Logging
internal import Synchronization

/// What a signal asks of a mount.
enum SignalResponse: Equatable, Sendable {
    /// Send what waits, then unmount. What is in use stays mounted: somebody sits at the terminal and can send one more.
    case unmount
    /// Send what waits, then unmount; what is in use is detached. A service manager, or Batch that evicts a node, sends
    /// SIGTERM once and SIGKILL later.
    case end
    /// Detach now, send no more.
    case giveUp

    /// - Parameters:
    ///   - isFirst: no signal came before.
    ///   - isEnding: an earlier one is still being followed.
    init(_ number: Int32, isFirst: Bool, isEnding: Bool) {
        self = isEnding ? .giveUp : number == SIGINT && isFirst ? .unmount : .end
    }
}

extension MountService {
    /// How long a mount that is in use may stay before it is detached; then how long those who still have files open
    /// may go on; and what the last drain has at least. systemd gives 90 s in all, and a drain takes up to 60.
    private static let grace = Duration.seconds(2)

    /// For what was written while the first drain ran. After a signal the two share `--drain-timeout`.
    var lastDrainTimeout: Duration {
        guard let deadline = state.withLock({ $0.deadline }) else { return configuration.drainTimeout }
        return max(ContinuousClock.now.duration(to: deadline), Self.grace)
    }

    func signalled(_ number: Int32, _ count: Int) {
        let name = TerminationSignals.name(number)
        let response = state.withLock { state in
            let response = SignalResponse(number, isFirst: count == 1, isEnding: state.isSignalled)
            state.isSignalled = true
            state.deadline = state.deadline ?? .now + configuration.drainTimeout
            return response
        }
        if response == .giveUp {
            logger.warning("\(name) again: the mount is detached now")
            giveUp(drainTimeout: .zero)
        }
        ServiceManager.notify(.stopping(status: "\(name): sending what waits, then unmounting"))
        logger.notice("\(name): sending what waits, then unmounting")
        let end: @Sendable () -> Void = { [self] in
            _ = mounted.drain(timeout: configuration.drainTimeout)
            guard let error = mounted.unmount(lazily: false) else { return }
            let reason = error.code == .busy ? "it is in use" : error.reason
            let next =
                response == .end
                ? "it is detached in \(HumanUnits.duration(Self.grace))" : "one more signal detaches it"
            logger.error("\(configuration.mountPoint) stays mounted: \(reason); \(next)")
            for holder in MountHolders.find(below: configuration.mountPoint) {
                logger.error("in use by \(holder.description)")
            }
            if response == .end {
                detach()
            } else {
                state.withLock { state in
                    state.isSignalled = false
                    state.deadline = nil
                }
            }
        }
        // Where no thread is to be had it ends all the same, and a second signal has to wait.
        do throws(SessionError) { try PlainThread(name: "ending", end).detach() } catch { end() }
    }

    /// Waits for those who use the mount, then takes it from them.
    private func detach() {
        let isGone = waitFor { self.mounted.unmount(lazily: false) == nil }
        if !isGone { _ = mounted.unmount(lazily: true) }
        // From here the thread that serves ends the process, unless somebody keeps a file open or a directory.
        if waitFor({ self.state.withLock { $0.isUnmounted } }) { return }
        logger.warning("\(configuration.mountPoint) is still in use; it ends all the same")
        giveUp(drainTimeout: lastDrainTimeout)
    }

    /// Ends the process though `run` has not returned: what is open there fails with ENOTCONN from now on.
    private func giveUp(drainTimeout: Duration) -> Never {
        _ = mounted.unmount(lazily: true)
        let pending = mounted.drain(timeout: drainTimeout, isEnding: true)
        writeLastStatus()
        unlink(RuntimeDirectory.socket(of: configuration.mountPoint))
        if let directory = configuration.sharedControlDirectory {
            unlink(RuntimeDirectory.socket(of: configuration.mountPoint, in: directory))
        }
        guard !pending.isEmpty else { System.exit(.success) }
        Terminal.error(Self.notUploaded(pending, in: configuration.journalDirectory).report)
        System.exit(.notUploaded)
    }

    /// Asks again every 100 ms, for `grace`.
    private func waitFor(_ condition: () -> Bool) -> Bool {
        let end = ContinuousClock.now + Self.grace
        while !condition() {
            if ContinuousClock.now >= end { return false }
            usleep(100_000)
        }
        return true
    }
}
