package import BlobStorage
internal import Logging
internal import Synchronization

/// One token for everything in the process: fetched when the first asks, renewed behind those who use it, one fetch at
/// a time. Nothing is fetched for a mount that nobody uses.
package final class TokenKeeper: CredentialSource {
    private struct State {
        var life = TokenLife()
        var isFetching = false
        var waiters: [UInt64: CheckedContinuation<Result<Secret, SignInFailure>, Never>] = [:]
        var nextID: UInt64 = 0
    }

    private let state = Mutex(State())
    private let surroundings: Surroundings
    private let logger: Logger
    private let fetch: @Sendable () async -> Result<AccessToken, SignInFailure>

    init(
        surroundings: Surroundings,
        logger: Logger,
        fetch: @escaping @Sendable () async -> Result<AccessToken, SignInFailure>
    ) {
        self.surroundings = surroundings
        self.logger = logger
        self.fetch = fetch
    }

    package func ready() -> Secret? {
        let (secret, begins) = state.withLock { state -> (Secret?, Bool) in
            switch state.life.step(now: surroundings.uptime(), refused: nil) {
            case .use(let secret): (secret, false)
            case .useAndRenew(let secret): (secret, begin(&state))
            case .renew, .fail: (nil, false)
            }
        }
        if begins { renew() }
        return secret
    }

    package func secret(refused: Secret?) async -> Result<Secret, StorageError> {
        await token(refused: refused).mapError(\.storageError)
    }

    /// The same, with the failure as the identity service's.
    package func token(refused: Secret? = nil) async -> Result<Secret, SignInFailure> {
        let id = state.withLock { state -> UInt64 in
            state.nextID += 1
            return state.nextID
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                var begins = false
                let decided: Result<Secret, SignInFailure>? = state.withLock { state in
                    switch state.life.step(now: surroundings.uptime(), refused: refused) {
                    case .use(let secret): return .success(secret)
                    case .useAndRenew(let secret):
                        begins = begin(&state)
                        return .success(secret)
                    case .fail(let failure): return .failure(failure)
                    case .renew:
                        if Task.isCancelled { return .failure(Self.cancelled) }
                        state.waiters[id] = continuation
                        begins = begin(&state)
                        return nil
                    }
                }
                if begins { renew() }
                if let decided { continuation.resume(returning: decided) }
            }
        } onCancel: {
            // Who is interrupted goes at once; the fetch is for the others, too.
            state.withLock { $0.waiters.removeValue(forKey: id) }?.resume(returning: .failure(Self.cancelled))
        }
    }

    /// How long the token can still be sent; `nil` without one.
    package var remaining: Duration? { state.withLock { $0.life.remaining(now: surroundings.uptime()) } }

    private static let cancelled = SignInFailure(.unavailable, "cancelled")

    /// Whether the caller is the one to fetch.
    private func begin(_ state: inout State) -> Bool {
        defer { state.isFetching = true }
        return !state.isFetching
    }

    private func renew() {
        Task { finish(await fetch()) }
    }

    private func finish(_ result: Result<AccessToken, SignInFailure>) {
        let now = surroundings.uptime()
        let random = surroundings.random()
        var failures = 0
        let (waiters, remaining) = state.withLock { state in
            switch result {
            case .success(let token): state.life.renewed(token, now: now, random: random)
            case .failure(let failure): failures = state.life.failed(failure, now: now, random: random)
            }
            state.isFetching = false
            defer { state.waiters = [:] }
            return (state.waiters.values, state.life.remaining(now: now))
        }
        let answer = result.map(\.secret)
        for waiter in waiters { waiter.resume(returning: answer) }
        guard case .failure(let failure) = result else { return }
        // The first, then ever fewer: 30 s apart they would fill a night's log.
        guard failures & (failures - 1) == 0 else { return }
        let rest = remaining.map { "; the one that is there is good for another \($0.components.seconds) s" } ?? ""
        logger.warning("no new token: \(failure.line)\(rest)", metadata: ["failures": "\(failures)"])
    }
}
