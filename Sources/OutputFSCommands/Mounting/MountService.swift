internal import AzureBlob
internal import Dispatch
internal import FuseBinding
internal import Glibc
internal import HandOver
internal import Logging
internal import OutputTree
internal import Synchronization

/// One mount from its first look at the store to the last byte sent: what runs in `outputfs mount --foreground`.
///
/// Threads: this one serves (`MountedTree.run`); `signals` waits for SIGTERM and SIGINT; `control` accepts requests;
/// `ending` drains and unmounts after a signal.
final class MountService: Sendable {
    struct State {
        /// Somebody asked over the control socket, and the answer is not there yet.
        var isUnmounting = false
        /// A signal asked.
        var isSignalled = false
        /// `run` has returned: nobody can use the mount any more.
        var isUnmounted = false
        /// When a signal's patience with uploads ends.
        var deadline: ContinuousClock.Instant?
        /// Why the mount had to go before it served anybody.
        var failure: CommandFailure?
    }

    let configuration: MountConfiguration
    let mounted: MountedTree
    let logger: Logger
    private let log: OpenLog
    let statusFile: StatusFile?
    private let mountedAt = WallTime.now().seconds
    private let inheritance: Inheritance
    let state = Mutex(State())
    /// Signalled with `isUnmounted`, and by each who saw it for the next.
    private let unmounted = DispatchSemaphore(value: 0)

    init(
        configuration: MountConfiguration,
        mounted: MountedTree,
        inheritance: Inheritance,
        log: OpenLog,
        statusFile: StatusFile? = nil
    ) {
        self.inheritance = inheritance
        self.configuration = configuration
        self.mounted = mounted
        self.log = log
        self.statusFile = statusFile
        logger = log.logger
    }

    /// Mounts, serves until somebody unmounts, and drains. `isReady` is called once, when the mount answers.
    func run(isReady: @escaping @Sendable () -> Void) throws(CommandFailure) {
        let mountPoint = configuration.mountPoint
        try mounted.mount()
        let controls: [ControlServer]
        do throws(CommandFailure) { controls = try listen() } catch {
            if inheritance.device == nil { _ = mounted.unmount(lazily: true) }
            throw error
        }
        TerminationSignals.watch(keeper: inheritance.keeperProcessID) { number, count in self.signalled(number, count) }
        PlainThread.start(named: "ready") { [self] in
            // Answered by the root of the tree, once the kernel and the session have agreed.
            var status = stat()
            if stat(mountPoint, &status) == 0 {
                keepStatusFile()
                inheritance.link.send(.ready)
                isReady()
            } else {
                // Whoever waits for "mounted" must not wait for ever.
                let error = Errno()
                state.withLock {
                    $0.failure = CommandFailure(.system, "\(mountPoint) is mounted and does not answer: \(error)")
                }
                _ = mounted.unmount(lazily: true)
            }
        }
        mounted.run()
        ServiceManager.notify(.stopping(status: "unmounted; sending what waits"))
        state.withLock { $0.isUnmounted = true }
        unmounted.signal()
        let report = mounted.drain(timeout: lastDrainTimeout, isEnding: true)
        writeLastStatus()
        for control in controls { control.stop() }
        mounted.shutDown()
        if let failure = state.withLock({ $0.failure }) { throw failure }
        guard report.isEmpty else { throw Self.notUploaded(report, in: configuration.journalDirectory) }
    }

    // MARK: Ending

    /// For threads that do something now and then: sleeps so long, or until the mount is gone, and says whether it is.
    func isUnmounted(within time: Duration) -> Bool {
        let milliseconds = Int(time / .milliseconds(1))
        guard unmounted.wait(timeout: .now() + .milliseconds(milliseconds)) == .success else { return false }
        unmounted.signal()
        return true
    }

    /// By request: sends what waits, then unmounts. A mount that is busy or has unsent files goes on serving.
    private func unmount(lazily: Bool, timeout: Duration) -> UnmountReport {
        let isFirst = state.withLock { state in
            guard !state.isUnmounting, !state.isSignalled else { return false }
            state.isUnmounting = true
            return true
        }
        guard isFirst else { return UnmountReport(outcome: .failed, message: "the mount is already ending") }
        defer { state.withLock { $0.isUnmounting = false } }

        let pending = mounted.drain(timeout: timeout)
        guard pending.isEmpty || lazily else { return UnmountReport(outcome: .pending, pending: pending) }
        guard let error = mounted.unmount(lazily: lazily) else {
            return UnmountReport(outcome: .unmounted, pending: pending)
        }
        let holders = error.code == .busy ? MountHolders.find(below: configuration.mountPoint) : []
        return UnmountReport(
            outcome: error.code == .busy ? .busy : .failed,
            pending: pending,
            holders: holders,
            message: error.reason
        )
    }

    // MARK: Control

    private func listen() throws(CommandFailure) -> [ControlServer] {
        try RuntimeDirectory.make()
        var servers = [try listen(at: RuntimeDirectory.socket(of: configuration.mountPoint), isShared: false)]
        if let directory = configuration.sharedControlDirectory {
            // Below the directory that the agent keeps for mounts. A link that a task put there is not followed.
            try RuntimeDirectory.make(directory, mode: 0o755)
            let path = RuntimeDirectory.socket(of: configuration.mountPoint, in: directory)
            servers.append(try listen(at: path, isShared: true))
        }
        return servers
    }

    private func listen(at path: String, isShared: Bool) throws(CommandFailure) -> ControlServer {
        do throws(Errno) {
            return try ControlServer(at: path, isShared: isShared, logger: logger) { self.answer($0) }
        } catch {
            throw CommandFailure(.cannotCreate, "the control socket \(path) cannot be made: \(error)")
        }
    }

    private func answer(_ request: ControlRequest) -> ControlAnswer {
        switch request.command {
        case .status: return ControlAnswer(status: status())
        case .drain:
            let timeout = request.timeout.map { Duration.seconds(max(0, min($0, 1e6))) } ?? configuration.drainTimeout
            return ControlAnswer(drain: drain(timeout: timeout))
        case .unmount:
            let timeout = request.timeout.map { Duration.seconds(max(0, min($0, 1e6))) } ?? configuration.drainTimeout
            return ControlAnswer(unmount: unmount(lazily: request.isLazy, timeout: timeout))
        case .remove:
            guard let step = request.removal else { return ControlAnswer(refusal: "the request does not say what") }
            switch mounted.remove(step) {
            case .success(let answer): return ControlAnswer(removal: answer)
            case .failure(let refusal): return ControlAnswer(removalRefusal: refusal)
            }
        case .logLevel:
            guard let level = request.logLevel.flatMap({ Logger.Level(rawValue: $0) }) else {
                return ControlAnswer(refusal: "there is no such level")
            }
            log.threshold.level = level
            logger.notice("from here on, what is logged begins with \(level)")
            return ControlAnswer(logLevel: level.rawValue)
        }
    }

    /// As OpenMetrics has it.
    func metrics() -> String { MountMetrics.exposition(status(), store: mounted.counters) }

    func status() -> MountStatus {
        MountStatus(
            mountPoint: configuration.mountPoint,
            source: mounted.source,
            processID: inheritance.keeperProcessID,
            workerProcessID: getpid(),
            restarts: inheritance.restarts,
            lastEnd: inheritance.lastEnd,
            programVersion: Program.version,
            mountedAt: mountedAt,
            isReadOnly: configuration.isReadOnly,
            journalDirectory: configuration.journalDirectory,
            durability: configuration.durability.rawValue,
            logFile: log.path,
            logLevel: log.threshold.level.rawValue,
            drainTimeout: Double(configuration.drainTimeout.components.seconds),
            credentialRemaining: mounted.credential.remaining.map { Double($0.components.seconds) },
            state: state.withLock {
                $0.isUnmounted ? .ended : $0.isUnmounting || $0.isSignalled ? .draining : .serving
            },
            tree: mounted.treeStatus,
            cache: mounted.cacheStatus,
            diskCache: mounted.diskCacheStatus,
            uploads: mounted.uploadsStatus,
            store: mounted.storeStatus,
            datastores: mounted.datastoresStatus,
            kernelRequests: mounted.kernelRequests,
            kernelRequestsWaiting: mounted.kernelRequestsWaiting,
            passthroughOpens: mounted.passthroughOpens
        )
    }

    /// Waits for uploads, and goes on serving.
    private func drain(timeout: Duration) -> DrainAnswer {
        let pending = mounted.drain(timeout: timeout)
        let kept = mounted.treeStatus.keptFiles.map { PendingFile(path: $0.path, reason: $0.reason) }
        return DrainAnswer(pending: pending, kept: kept)
    }

    static func notUploaded(_ pending: [PendingFile], in journal: String) -> CommandFailure {
        var failure = CommandFailure(
            .notUploaded,
            (["\(pending.count) file\(pending.count == 1 ? " is" : "s are") not in the store:"]
                + pending.map { "  \($0.path): \($0.reason)" }).joined(separator: "\n")
        )
        failure.remedies = [
            "mount again with the journal in \(journal): what was closed is uploaded then",
            "outputfs recover --list, for what was not",
        ]
        return failure
    }
}
