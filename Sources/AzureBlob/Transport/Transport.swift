internal import BlobStorage
internal import Synchronization

/// Sends exchanges, many at a time, over connections that are kept: one libcurl multi handle on one plain thread.
///
/// One thread carries more than 3 GiB/s in plain HTTP; a second one gains nothing on two cores. Completions and progress
/// are called on that thread and must not block. When the transport goes, what is under way ends as cancelled.
final class Transport: Sendable {
    private let loop: TransportLoop
    private let lanes = Atomic(0)

    struct Options: Sendable {
        /// Transfers at a time, each with a connection of its own.
        var connectionsMax = 64
        var network = NetworkSettings()
        var hedging = HedgePolicy()
        var clock = TransportClock.system
    }

    /// `nil` if libcurl or the thread cannot be started.
    init?(_ options: Options) {
        guard let loop = TransportLoop(options) else { return nil }
        self.loop = loop
        guard loop.start() else { return nil }
    }

    deinit { loop.stop() }

    /// For one more account: see `TransportQueue`. The first has 0.
    func newLane() -> Int { lanes.wrappingAdd(1, ordering: .relaxed).newValue }

    /// Queues an exchange. `completion` is called once, on the transport's thread.
    @discardableResult
    func start(_ exchange: Exchange, completion: @escaping @Sendable (ExchangeResult) -> Void) -> Transfer {
        let transfer = Transfer(exchange, completion: completion)
        loop.submit(.start(transfer))
        return transfer
    }

    /// Ends a transfer soon; its completion is still called, with `.cancelled` or with what was faster.
    func cancel(_ transfer: Transfer) { loop.submit(.cancel(transfer)) }

    /// Somebody waits for a transfer of the background now: it goes before the others.
    func raise(_ transfer: Transfer) { loop.submit(.raise(transfer)) }

    /// Runs something short on the transport's thread.
    func perform(_ work: @escaping @Sendable () -> Void) { loop.submit(.perform(work)) }

    /// The same, awaited; ends when the task is cancelled.
    func send(_ exchange: Exchange) async -> ExchangeResult {
        let pending = PendingSend(self)
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                pending.begin(exchange) { continuation.resume(returning: $0) }
            }
        } onCancel: {
            pending.cancel()
        }
    }
}
