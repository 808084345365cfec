internal import Synchronization

/// An awaited transfer and its cancellation, which may come before it begins.
final class PendingSend: Sendable {
    private let transport: Transport
    private let state = Mutex(State())

    private struct State {
        var transfer: Transfer?
        var isCancelled = false
    }

    init(_ transport: Transport) { self.transport = transport }

    func begin(_ exchange: Exchange, completion: @escaping @Sendable (ExchangeResult) -> Void) {
        let isCancelled = state.withLock { $0.isCancelled }
        guard !isCancelled else {
            completion(ExchangeResult(failure: .cancelled))
            return
        }
        let transfer = transport.start(exchange, completion: completion)
        let wasCancelledMeanwhile = state.withLock { state in
            state.transfer = transfer
            return state.isCancelled
        }
        if wasCancelledMeanwhile { transport.cancel(transfer) }
    }

    func cancel() {
        let transfer = state.withLock { state in
            state.isCancelled = true
            return state.transfer
        }
        if let transfer { transport.cancel(transfer) }
    }
}
