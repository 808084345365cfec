internal import Synchronization

/// The bearer tokens that are accepted, as if each belonged to an owner of the data. None unless a test names some.
final class BearerTokens: Sendable {
    private let tokens = Mutex<Set<String>>([])

    func accept(_ accepted: [String]) {
        tokens.withLock { $0 = Set(accepted) }
    }

    func contains(_ token: String) -> Bool {
        tokens.withLock { $0.contains(token) }
    }
}

/// Finds out what a request's credentials allow: Shared Key, token, bearer, or a public container.
struct Authorizer {
    let bearers: BearerTokens

    /// Dates older than this are refused.
    static let maximumAge: Int64 = 15 * 60

    func grant(_ exchange: Exchange) throws(Failure) -> Grant {
        if let authorization = exchange.headers.nonEmpty("authorization") {
            let scheme = authorization.prefix { $0 != " " }
            let credentials = String(authorization.dropFirst(scheme.count).drop { $0 == " " })
            switch scheme {
            case "SharedKey", "SharedKeyLite":
                try checkSharedKey(exchange, credentials, isLite: scheme == "SharedKeyLite")
                return .full(isBearer: false)
            case "Bearer":
                try checkBearer(exchange, credentials)
                return .full(isBearer: true)
            default:
                throw .invalidHeader("Authorization", String(scheme))
            }
        }
        if exchange.query["sig"] != nil {
            return try TokenVerifier(exchange).grant()
        }
        return try anonymousGrant(exchange)
    }

    /// One that was named, or a token in order.
    private func checkBearer(_ exchange: Exchange, _ text: String) throws(Failure) {
        guard !bearers.contains(text) else { return }
        guard let token = BearerToken(text) else { throw challenge(.invalidAuthenticationInfo) }
        if let problem = token.problem(account: exchange.address.account, now: exchange.now) {
            throw challenge(.invalidAuthenticationInfo, detail: problem)
        }
    }

    private func checkSharedKey(_ exchange: Exchange, _ credentials: String, isLite: Bool) throws(Failure) {
        let parts = credentials.split(separator: ":", maxSplits: 1)
        let account = exchange.address.account
        guard parts.count == 2 else { throw .invalidHeader("Authorization", "SharedKey") }
        guard parts[0] == account.name else {
            throw .authenticationFailed("The account \(parts[0]) is not the one that the request is for.")
        }
        try checkDate(exchange)
        var seen: Set<String> = []
        for field in exchange.headers.fields where !seen.insert(field.key).inserted {
            throw .invalidHeader(field.name, field.value)
        }
        let text =
            isLite
            ? SharedKey.liteStringToSign(
                exchange.head,
                account: account.name,
                query: exchange.query,
                path: exchange.address.signedPath
            )
            : SharedKey.stringToSign(
                exchange.head,
                account: account.name,
                query: exchange.query,
                path: exchange.address.signedPath
            )
        let presented = Base64.decode(String(parts[1])) ?? []
        guard isSameSignature(presented, hmacSHA256(key: account.key, message: text)) else {
            throw .authenticationFailed(
                "The MAC signature found in the HTTP request '\(parts[1])' is not the same as any computed signature."
                    + " Server used following string to sign: '\(text)'."
            )
        }
    }

    /// `x-ms-date` counts before `Date`. A date ahead of the server's clock is let pass, as the service does.
    private func checkDate(_ exchange: Exchange) throws(Failure) {
        guard let text = exchange.headers.nonEmpty("x-ms-date") ?? exchange.headers.nonEmpty("date"),
            let date = Timestamp(httpDate: text)
        else {
            throw .authenticationFailed("The Date header in the request is incorrect.")
        }
        guard date.adding(seconds: Self.maximumAge) >= exchange.now else {
            throw .authenticationFailed("Request date header too old: '\(text)'")
        }
    }

    private func anonymousGrant(_ exchange: Exchange) throws(Failure) -> Grant {
        if let container = try? exchange.container() {
            let access = try container.withState { (state) throws(Failure) in state.properties.publicAccess }
            if let access, exchange.operation.isPublic(access) { return .anonymous }
        }
        // Old versions do not let on that there is anything.
        guard exchange.version.isAtLeast("2019-12-12") else { throw .code(.resourceNotFound) }
        throw challenge(.noAuthenticationInformation)
    }

    private func challenge(_ code: ErrorCode, detail: String? = nil) -> Failure {
        var error = ServiceError(code, details: detail.map { [("AuthenticationErrorDetail", $0)] } ?? [])
        error.headers.append(
            (
                "WWW-Authenticate",
                "Bearer authorization_uri=https://login.microsoftonline.com/\(Self.tenantID)/oauth2/authorize"
                    + " resource_id=https://storage.azure.com"
            )
        )
        return .refused(error)
    }

    /// The tenant that this server says it belongs to.
    static let tenantID = "22222222-2222-2222-2222-222222222222"
    /// The principal to whom user delegation keys are issued.
    static let objectID = "11111111-1111-1111-1111-111111111111"
}
