/// When a token is used, renewed ahead of its end, and asked for again after a failure: decisions without a clock of
/// their own. Times are of a clock that only goes forward, also while the machine sleeps.
struct TokenLife: Sendable {
    private var held: Held?
    private var lapse: Lapse?

    private struct Held {
        var secret: Secret
        /// Until then a refusal is believed: a newer one would be refused, too.
        var trial: Duration
        /// From here on it is renewed, while it goes on being used.
        var renewal: Duration
        /// From here on it is not sent any more.
        var end: Duration
    }

    /// Failures since the last token.
    private struct Lapse {
        var failure: SignInFailure
        var count: Int
        /// Not asked again before.
        var patience: Duration
    }

    enum Step: Sendable, Equatable {
        case use(Secret)
        /// It is still good, and another should be fetched behind it.
        case useAndRenew(Secret)
        /// There is none to send: wait for one.
        case renew
        /// The identity service said no a moment ago.
        case fail(SignInFailure)
    }

    /// - Parameter refused: the token that the service just answered 401 to.
    func step(now: Duration, refused: Secret?) -> Step {
        if let held, now < held.end {
            if held.secret != refused {
                let isDue = now >= held.renewal && now >= lapse?.patience ?? now
                return isDue ? .useAndRenew(held.secret) : .use(held.secret)
            }
            // No renewal for each request that is refused.
            if now < held.trial { return .use(held.secret) }
        }
        if let lapse, now < lapse.patience { return .fail(lapse.failure) }
        return .renew
    }

    /// - Parameter random: from 0 up to 1.
    mutating func renewed(_ token: AccessToken, now: Duration, random: Double) {
        // Many machines of a pool start together; they do not all renew together. Where the service says when, a
        // twentieth of the life is the spread.
        let share = token.refreshIn.map { min($0 / token.lifetime + 0.05 * random, 0.9) } ?? 0.5 + 0.3 * random
        held = Held(
            secret: token.secret,
            trial: now + min(token.lifetime / 4, Self.trialMax),
            renewal: now + token.lifetime * share,
            end: now + token.lifetime - min(token.lifetime / 20, Self.marginMax)
        )
        lapse = nil
    }

    /// Returns how many in a row that makes.
    @discardableResult
    mutating func failed(_ failure: SignInFailure, now: Duration, random: Double) -> Int {
        let count = (lapse?.count ?? 0) + 1
        let patience: Duration
        if let held, now < held.end {
            patience = min(.seconds(30), (held.end - now) / 4)
        } else {
            // Requests wait for this one: soon after a lapse, not that often after a no.
            patience =
                failure.kind == .unavailable
                ? min(.seconds(10), .milliseconds(500) * (1 << min(count - 1, 5))) : .seconds(5)
        }
        lapse = Lapse(failure: failure, count: count, patience: now + patience * (0.75 + 0.25 * random))
        return count
    }

    /// How long the token can still be sent; `nil` without one.
    func remaining(now: Duration) -> Duration? {
        guard let held, now < held.end else { return nil }
        return held.end - now
    }

    /// On its way a token must not expire; of short lives, as in tests, a twentieth.
    private static let marginMax = Duration.seconds(30)
    private static let trialMax = Duration.seconds(5)
}
