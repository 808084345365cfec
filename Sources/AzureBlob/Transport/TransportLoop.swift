internal import CCurl
internal import CLinux
internal import Glibc
internal import Synchronization

/// The transport's thread: takes commands, lets libcurl work, hands out results.
final class TransportLoop: Sendable {
    enum Command: Sendable {
        case start(Transfer)
        case cancel(Transfer)
        case raise(Transfer)
        case perform(@Sendable () -> Void)
    }

    private struct Mailbox {
        var commands: [Command] = []
        var isStopping = false
    }

    private let mailbox = Mutex(Mailbox())
    private let network: NetworkSettings
    private let clock: TransportClock
    /// `curl_multi_wakeup` may be called from any thread, everything else from the loop's only.
    private nonisolated(unsafe) let multi: UnsafeMutableRawPointer
    // The loop's thread alone touches what follows.
    nonisolated(unsafe) var queue: TransportQueue<Transfer>
    nonisolated(unsafe) var active: [ObjectIdentifier: Transfer] = [:]
    nonisolated(unsafe) var hedging: HedgePolicy
    /// First requests that have a second one under way.
    nonisolated(unsafe) var hedged: [Transfer] = []
    nonisolated(unsafe) var lookedAt = ContinuousClock.now
    private nonisolated(unsafe) var sleepWatch: SleepWatch
    private nonisolated(unsafe) var connectionAge = ConnectionAge()
    private nonisolated(unsafe) let pacing: Pacing?
    /// Requests that may be begun; `nil`: any number.
    private nonisolated(unsafe) var starts: TokenBucket?
    /// Active ones whose bytes are wanted before the end.
    private nonisolated(unsafe) var reporting: [Transfer] = []
    private nonisolated(unsafe) var idleHandles: [EasyHandle] = []

    /// libcurl's own set-up, once in a process and before any thread of it.
    private static let isCurlReady = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK

    init?(_ options: Transport.Options) {
        guard Self.isCurlReady, let multi = OpenDescriptors.closedOnExec({ curl_multi_init() }) else { return nil }
        self.multi = multi
        network = options.network
        clock = options.clock
        sleepWatch = SleepWatch(asleep: clock.asleep())
        let now = clock.now()
        pacing = Pacing(network.rates, now: clock.now)
        starts = network.rates.requests.map { TokenBucket(rate: $0, burst: max(1, $0 / 10), now: now) }
        queue = TransportQueue(connectionsMax: options.connectionsMax)
        hedging = options.hedging
        // As many as can be in use are kept: a new TLS connection costs 3 ms of processor time.
        ccurl_multi_set_long(multi, CURLMOPT_MAXCONNECTS, options.connectionsMax)
    }

    deinit {
        idleHandles = []
        curl_multi_cleanup(multi)
    }

    // MARK: From any thread

    /// The thread keeps the loop alive until it was stopped. `false` if there is no thread to be had.
    func start() -> Bool {
        var thread = pthread_t()
        let context = Unmanaged.passRetained(self)
        let status = pthread_create(
            &thread,
            nil,
            { context in
                guard let context else { return nil }
                Unmanaged<TransportLoop>.fromOpaque(context).takeRetainedValue().run()
                return nil
            },
            context.toOpaque()
        )
        guard status == 0 else {
            context.release()
            return false
        }
        pthread_detach(thread)
        return true
    }

    func submit(_ command: Command) {
        let isFirst = mailbox.withLock { mailbox in
            mailbox.commands.append(command)
            return mailbox.commands.count == 1
        }
        // The others find the loop already woken.
        if isFirst { curl_multi_wakeup(multi) }
    }

    func stop() {
        mailbox.withLock { $0.isStopping = true }
        curl_multi_wakeup(multi)
    }

    // MARK: On the loop's thread

    private func run() {
        // Signals are other threads' business; a broken TLS connection's SIGPIPE is nobody's.
        var all = sigset_t()
        sigfillset(&all)
        pthread_sigmask(SIG_SETMASK, &all, nil)
        pthread_setname_np(pthread_self(), "outputfs-http")
        while takeCommands() {
            endWhatSlept()
            startQueued()
            pacing?.resume()
            var running: Int32 = 0
            curl_multi_perform(multi, &running)
            for transfer in reporting { transfer.reportProgress() }
            if !hedged.isEmpty { settleHedges() }
            takeResults()
            let sleepMax = hedgeWhatStalls()
            // Room that was made is used before sleeping.
            if startQueued() { continue }
            curl_multi_poll(multi, nil, 0, min(sleepMax, turn), nil)
        }
        for transfer in queue.removeAll() { transfer.end(.cancelled) }
        for transfer in hedged + Array(active.values) { conclude(transfer, .cancelled) }
    }

    /// Whether to go on.
    private func takeCommands() -> Bool {
        let (commands, isStopping) = mailbox.withLock { mailbox in
            let commands = mailbox.commands
            mailbox.commands.removeAll(keepingCapacity: true)
            return (commands, mailbox.isStopping)
        }
        for command in commands {
            switch command {
            case .start(let transfer): queue.append(transfer, transfer.priority, lane: transfer.exchange.lane)
            case .cancel(let transfer): cancel(transfer)
            case .raise(let transfer):
                transfer.isWanted = true
                if queue.raise(where: { $0 === transfer }) != nil { transfer.priority = .foreground }
                pacing?.raise(transfer)
            case .perform(let work): work()
            }
        }
        return !isStopping
    }

    /// Starts a few, so that a window that opens at once does not keep the first answer waiting: a request takes 0.1 ms to
    /// make and to connect. Whether any was started.
    @discardableResult
    private func startQueued() -> Bool {
        var count = 0
        while count < Self.startsPerRound, mayStart, let transfer = queue.next() {
            starts?.take(1)
            begin(transfer)
            count += 1
        }
        return count > 0
    }

    /// Whether the number of requests a second permits one more.
    private var mayStart: Bool {
        guard starts != nil else { return true }
        starts?.fill(now: clock.now())
        return starts?.isOpen ?? true
    }

    /// Takes a place and a connection for one more request that was not queued. Says whether there are such.
    func takeExtra(beside transfer: Transfer) -> Bool {
        guard mayStart, queue.takeExtra(lane: transfer.exchange.lane) else { return false }
        starts?.take(1)
        return true
    }

    /// How long to sleep at most, in milliseconds, because it is somebody's turn then.
    private var turn: Int32 {
        var delays = [pacing?.delay].compactMap { $0 }
        if let starts, queue.hasStartable { delays.append(starts.delay) }
        return delays.min().map { Self.milliseconds($0) } ?? .max
    }

    /// After the machine slept no connection is alive, and nobody's time is over because of it: what was under way ends as
    /// over a connection that was dead, and goes on over a new one.
    private func endWhatSlept() {
        guard sleepWatch.hasSlept(asleep: clock.asleep()) else { return }
        connectionAge.distrust(now: clock.now())
        for transfer in hedged + Array(active.values) {
            transfer.result.wasDeadConnection = true
            conclude(transfer, .network("the machine slept"))
        }
    }

    private static let startsPerRound = 8

    func begin(_ transfer: Transfer) {
        active[ObjectIdentifier(transfer)] = transfer
        if transfer.reportsProgress { reporting.append(transfer) }
        guard let handle = idleHandles.popLast() ?? EasyHandle() else {
            finish(transfer, .network("out of memory"))
            return
        }
        transfer.handle = handle
        transfer.pacing = pacing
        guard handle.prepare(for: transfer, network, lifetime: connectionAge.lifetime(now: clock.now())) else {
            finish(transfer, .invalid("libcurl does not take the request"))
            return
        }
        guard curl_multi_add_handle(multi, handle.raw) == CURLM_OK else {
            finish(transfer, .network("libcurl does not take the transfer"))
            return
        }
    }

    private func takeResults() {
        var left: Int32 = 0
        while let message = curl_multi_info_read(multi, &left) {
            guard message.pointee.msg == CURLMSG_DONE, let handle = message.pointee.easy_handle else { continue }
            let code = message.pointee.data.result
            var context: UnsafeMutableRawPointer?
            ccurl_get_pointer(handle, CURLINFO_PRIVATE, &context)
            guard let context else { continue }
            let transfer = Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
            transfer.setFailure(code)
            if transfer.result.wasDeadConnection { connectionAge.distrust(now: clock.now()) }
            if code == CURLE_OK, transfer.exchange.onHedge != nil {
                hedging.noteAnswer(after: transfer.handle?.firstByteLatency ?? .zero)
            }
            finish(transfer, transfer.result.failure)
        }
    }

    private func cancel(_ transfer: Transfer) {
        guard !transfer.hasEnded else { return }
        if active[ObjectIdentifier(transfer)] != nil || transfer.hedge.twin != nil {
            if transfer.hedge.twin == nil, transfer.isNearlyComplete { return }
            conclude(transfer, .cancelled)
        } else if queue.remove(where: { $0 === transfer }) != nil {
            transfer.end(.cancelled)
        }
    }

    /// Ends a transfer, its second request included.
    func conclude(_ transfer: Transfer, _ failure: TransportFailure?) {
        if let twin = transfer.hedge.twin { separate(transfer, twin) }
        release(transfer)
        transfer.end(failure)
    }

    /// Takes the handle back.
    func release(_ transfer: Transfer) {
        guard active.removeValue(forKey: ObjectIdentifier(transfer)) != nil else { return }
        if transfer.reportsProgress { reporting.removeAll { $0 === transfer } }
        if let handle = transfer.handle {
            pacing?.forget(transfer)
            curl_multi_remove_handle(multi, handle.raw)
            handle.reset()
            transfer.handle = nil
            idleHandles.append(handle)
        }
        queue.finished(transfer.priority, lane: transfer.exchange.lane)
    }
}
