package import BlobStorage
package import Logging
internal import Synchronization

/// A SAS that is told of before it expires, and that is read again from its file while it is used: somebody may have
/// put a new one there.
package final class HeldSAS: CredentialSource {
    /// Where the next one will be.
    package struct File: Sendable {
        package var path: String
        /// Reads it, and takes the SAS out of it. May block.
        package var read: @Sendable () -> Result<Secret, SignInFailure>

        package init(path: String, read: @escaping @Sendable () -> Result<Secret, SignInFailure>) {
            self.path = path
            self.read = read
        }
    }

    private struct State {
        var token: Secret
        var term: SASTerm
        var thresholdsPassed = 0
        var nextThreshold: Int64?
        var nextLook: Duration
        var isLooking = false
        /// The last failure to read the file was told.
        var hasComplained = false
    }

    private let state: Mutex<State>
    private let file: File?
    private let surroundings: Surroundings
    private let logger: Logger

    /// How often the file is looked at while requests are made. A refusal is looked after at once.
    static let lookInterval = Duration.seconds(10)

    package init(_ token: Secret, file: File?, surroundings: Surroundings = .system, logger: Logger) {
        let token = token.withoutQuestionMark
        let term = SASTerm(token)
        state = Mutex(
            State(
                token: token,
                term: term,
                nextThreshold: term.nextThreshold(after: 0),
                nextLook: surroundings.uptime() + Self.lookInterval
            )
        )
        self.file = file
        self.surroundings = surroundings
        self.logger = logger
    }

    /// When it expires, in seconds since the epoch, if it says so.
    package var expiry: Int64? { state.withLock { $0.term.expiry } }

    package var remaining: Duration? { expiry.map { .seconds(max(0, $0 - surroundings.wallClock())) } }

    package func ready() -> Secret? {
        let (wall, uptime) = (surroundings.wallClock(), surroundings.uptime())
        let (token, looks, warns) = state.withLock { state in
            let looks = file != nil && uptime >= state.nextLook && !state.isLooking
            if looks {
                state.isLooking = true
                state.nextLook = uptime + Self.lookInterval
            }
            var warns: SASTerm?
            if let next = state.nextThreshold, wall >= next {
                let passed = state.term.thresholdsPassed(now: wall)
                state.thresholdsPassed = passed
                state.nextThreshold = state.term.nextThreshold(after: passed)
                warns = state.term
            }
            return (state.token, looks, warns)
        }
        if looks { BlockingWork.start { self.look() } }
        if let expiry = warns?.expiry { warn(expiry: expiry, now: wall) }
        return token
    }

    package func secret(refused: Secret?) async -> Result<Secret, StorageError> {
        let now = ready()
        if let now, now != refused { return .success(now) }
        if file != nil { await BlockingWork.run { self.look() } }
        return .success(state.withLock { $0.token })
    }

    /// What stands in a file may be anything, above all half of what somebody is writing.
    package static func checked(_ token: Secret) -> Result<Secret, AccountError> {
        SASTerm.isSAS(token.revealed()) ? .success(token) : .failure(AccountError("it holds no SAS (sv=…&sig=…)"))
    }

    private func look() {
        guard let file else { return }
        switch file.read() {
        case .success(let found):
            let token = found.withoutQuestionMark
            let term = SASTerm(token)
            let isNew = state.withLock { state in
                state.isLooking = false
                state.hasComplained = false
                guard state.token != token else { return false }
                state.token = token
                state.term = term
                state.thresholdsPassed = 0
                state.nextThreshold = term.nextThreshold(after: 0)
                return true
            }
            guard isNew else { return }
            let end = term.expiry.map { ", good until \(HTTPDate.formatISO($0))" } ?? ""
            logger.notice("a new SAS was taken from \(file.path)\(end)")
        case .failure(let failure):
            let isFirst = state.withLock { state in
                state.isLooking = false
                defer { state.hasComplained = true }
                return !state.hasComplained
            }
            if isFirst { logger.warning("the SAS goes on being used as it was: \(failure.line)") }
        }
    }

    private func warn(expiry: Int64, now: Int64) {
        let end = HTTPDate.formatISO(expiry)
        let remedy =
            file.map { "put a new one into \($0.path)" } ?? "mount again with a new one; --sas-file is read again"
        if expiry <= now {
            logger.error("the SAS expired at \(end): \(remedy)")
        } else {
            logger.warning("the SAS expires at \(end), in \((expiry - now + 59) / 60) min: \(remedy)")
        }
    }
}
