internal import FuseBinding
internal import Glibc
internal import HandOver
internal import Synchronization

/// The process behind `outputfs mount`: starts the worker that serves the mount, holds what must not die with it (the
/// FUSE connection, the table of what the kernel knows, locks on files that the kernel reads), and follows it up with
/// another one when it is killed.
///
/// It does nothing else, so that there is little in it that could end it. Two threads: this one waits for signals and for
/// the worker's end; `keeper-link` takes what the worker sends.
final class Keeper: Sendable {
    private struct Held {
        var device: Int32?
        /// By the worker's number for them.
        var kept: [UInt64: Int32] = [:]
        var readyAt: ContinuousClock.Instant?
        /// What is mounted there is this keeper's.
        var hasMounted = false
    }

    private let arguments: [String]
    private let inherited: [Int32]
    private let mountPoint: String
    /// Where workers begin; `nil` for the mount point itself, which nobody serves while one begins.
    private let workingDirectory: String?
    private let logFile: String?
    private let ready: Int32?
    private let held = Mutex(Held())

    /// - Parameters:
    ///   - arguments: of the command, `mount` in front.
    ///   - ready: where the command in front waits, of a mount in the background.
    ///   - logFile: where a mount in the background writes its log.
    init(arguments: [String], mountPoint: String, ready: Int32?, logFile: String?) {
        (self.arguments, inherited) = InheritedFiles.keep(arguments)
        self.mountPoint = mountPoint
        let directory = System.canonicalPath(".") ?? "/"
        workingDirectory = Path.isInside(directory, mountPoint) ? nil : directory
        self.ready = ready
        self.logFile = logFile
        if let ready { System.closeInherited(except: [ready] + inherited) }
    }

    /// Returns the exit status of the mount.
    func run() throws(CommandFailure) -> Int32 {
        var signals = Self.signals
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        TerminationSignals.ignorePipe()
        // One for each file that the kernel reads by itself.
        System.raiseDescriptorLimit()
        let lock = KeeperLock(of: mountPoint)
        defer { if lock != nil { unlink(RuntimeDirectory.keeperLock(of: mountPoint)) } }
        var policy = RestartPolicy()
        var memory = try makeMemory()
        var (restarts, lastEnd): (Int, String?) = (0, nil)
        while true {
            let (worker, link): (ChildProcess, PlainThread)
            do throws(CommandFailure) {
                (worker, link) = try start(memory: memory, restarts: restarts, lastEnd: lastEnd)
            } catch {
                // Too many processes, or no memory for one: that may pass.
                guard restarts > 0, case .restart(let pause) = policy.ended(after: .zero) else {
                    takeAway()
                    throw error
                }
                if let number = sleep(pause) {
                    takeAway()
                    return 128 + number
                }
                continue
            }
            let (end, isEnding) = wait(for: worker)
            link.join()
            let readyAt = held.withLock { $0.readyAt.take() }
            if end.isFinal(isReady: readyAt != nil, isFirst: restarts == 0, isEnding: isEnding) {
                if case .killed = end { takeAway() }
                return end.exitStatus
            }
            guard held.withLock({ $0.device }) == nil || isMounted else {
                throw CommandFailure(
                    .system,
                    "\(mountPoint) was unmounted while its process was down",
                    try: Self.remedy
                )
            }
            let life = readyAt.map { $0.duration(to: .now) } ?? .zero
            guard case .restart(let pause) = policy.ended(after: life) else {
                takeAway()
                throw gaveUp(end)
            }
            if let number = sleep(pause) {
                takeAway()
                return 128 + number
            }
            (restarts, lastEnd) = (restarts + 1, end.description)
            if !canGoOn(memory) {
                // The connection goes with its last descriptor; what follows takes the dead mount away.
                letGo()
                close(memory)
                memory = try makeMemory()
            }
        }
    }

    // MARK: The worker

    private func start(
        memory: Int32,
        restarts: Int,
        lastEnd: String?
    ) throws(CommandFailure) -> (ChildProcess, PlainThread) {
        guard let ends = KeeperLink.pair() else { throw CommandFailure(.system, "no socket: \(Errno())") }
        let device = held.withLock { $0.device }
        let isFirst = restarts == 0
        let added = KeeperOptions.arguments(
            socket: ends.worker,
            survivors: memory,
            device: device,
            restarts: restarts,
            lastEnd: lastEnd,
            mountPoint: device == nil ? nil : mountPoint,
            isInBackground: ready != nil
        )
        let own = isFirst ? Array(arguments.dropFirst()) : Self.withoutReady(arguments.dropFirst())
        let started = ChildProcess.start(
            "/proc/self/exe",
            ["outputfs", "mount"] + added + own,
            environment: System.environment,
            keeping: [ends.worker, memory] + [device, isFirst ? ready : nil].compactMap(\.self) + inherited,
            directory: isFirst ? nil : workingDirectory,
            // Ctrl-C reaches the keeper alone, which passes it on once.
            startsSession: true
        )
        close(ends.worker)
        if isFirst, let ready { close(ready) }
        switch started {
        case .failure(let error):
            close(ends.keeper)
            throw CommandFailure(.system, "the mount's process cannot be started: \(error)")
        case .success(let worker):
            let link = KeeperLink(socket: ends.keeper)
            do throws(SessionError) {
                return (worker, try PlainThread(name: "keeper-link") { self.take(from: link) })
            } catch { throw CommandFailure(error) }
        }
    }

    private static func withoutReady(_ arguments: ArraySlice<String>) -> [String] {
        guard let index = arguments.firstIndex(of: "--ready-descriptor") else { return Array(arguments) }
        return Array(arguments[..<index]) + arguments[(index + 2)...]
    }

    /// Until the worker ends.
    private func take(from link: KeeperLink) {
        while let (message, descriptor) = link.receive() {
            let outdated: Int32? = held.withLock { held in
                switch message {
                case .device:
                    held.hasMounted = true
                    defer { held.device = descriptor }
                    return held.device
                case .ready:
                    held.readyAt = .now
                    return descriptor
                case .keep(let number):
                    defer { held.kept[number] = descriptor }
                    return held.kept[number]
                case .drop(let number): return held.kept.removeValue(forKey: number)
                }
            }
            if let outdated { close(outdated) }
            if message == .ready, ready != nil { leaveTerminal() }
        }
    }

    private func leaveTerminal() {
        let log = open(logFile ?? "/dev/null", O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o600)
        guard log >= 0 else { return }
        ReadySignal.leaveTerminal(logDescriptor: log)
        close(log)
    }

    // MARK: Waiting

    private static var signals: sigset_t {
        var set = sigset_t()
        sigemptyset(&set)
        for number in [SIGTERM, SIGINT, SIGHUP, SIGCHLD] { sigaddset(&set, number) }
        return set
    }

    /// Passes signals on until the worker has ended. `isEnding`: one of them asked for that.
    private func wait(for worker: ChildProcess) -> (WorkerEnd, isEnding: Bool) {
        var isEnding = false
        var set = Self.signals
        while true {
            var status: Int32 = 0
            if waitpid(worker.processID, &status, WNOHANG) == worker.processID {
                return (WorkerEnd(status: status), isEnding)
            }
            var number: Int32 = 0
            guard sigwait(&set, &number) == 0, number != SIGCHLD else { continue }
            isEnding = true
            worker.signal(number)
        }
    }

    /// A signal that came meanwhile ends it.
    private func sleep(_ pause: Duration) -> Int32? {
        let end = ContinuousClock.now + pause
        while true {
            let rest = max(.zero, ContinuousClock.now.duration(to: end)).components
            var time = timespec(tv_sec: Int(rest.seconds), tv_nsec: Int(rest.attoseconds / 1_000_000_000))
            var set = Self.signals
            let number = sigtimedwait(&set, nil, &time)
            if number > 0, number != SIGCHLD { return number }
            if ContinuousClock.now >= end { return nil }
        }
    }

    // MARK: What is held

    private func makeMemory() throws(CommandFailure) -> Int32 {
        let memory = Survivors.makeMemory()
        guard memory >= 0 else { throw CommandFailure(.system, "no memory to keep: \(Errno())") }
        return memory
    }

    /// Whether a worker can go on over the same connection: there is one, the kernel can send again (6.9), and the table
    /// is whole.
    private func canGoOn(_ memory: Int32) -> Bool {
        guard held.withLock({ $0.device }) != nil, let survivors = Survivors(descriptor: memory) else { return false }
        return survivors.isComplete && !survivors.entries(.session).isEmpty
    }

    private var isMounted: Bool { MountTable.current().topmost(at: mountPoint)?.isOutputFS == true }

    private func letGo() {
        let descriptors = held.withLock { held in
            defer { (held.device, held.kept) = (nil, [:]) }
            return held.kept.values + [held.device].compactMap(\.self)
        }
        for descriptor in descriptors { close(descriptor) }
    }

    /// Nobody will serve the mount any more: those who wait in it get errors, and the directory is free.
    private func takeAway() {
        guard held.withLock({ $0.hasMounted }) else { return }
        if isMounted { try? Unmounting.unmount(mountPoint, lazily: true) }
        letGo()
        unlink(RuntimeDirectory.socket(of: mountPoint))
    }

    private static let remedy = "outputfs mount again: what was closed is in the journal, and is sent then"

    private func gaveUp(_ end: WorkerEnd) -> CommandFailure {
        CommandFailure(
            .system,
            "\(mountPoint) is unmounted: its process \(end.description), \(RestartPolicy.shortLivesMax) times in a row "
                + "within \(HumanUnits.duration(RestartPolicy.lifeMin)) of beginning to serve",
            try: Self.remedy
        )
    }
}
