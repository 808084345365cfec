/// What stands between this machine and the store, where a failed connection or a refusal told: each has a remedy that
/// people can apply, and most are there for every request alike.
package enum NetworkObstacle: Sendable, Hashable {
    /// The endpoint's name does not resolve.
    case unknownHost
    /// Nobody listens there, or no packet comes back.
    case unreachable
    /// What answers at the port does not speak TLS.
    case notTLS
    /// The port takes connections, and does not answer in TLS in time: it waits for something else, or something on the
    /// way swallows it.
    case silentHandshake
    case certificate(CertificateProblem)
    case proxy(ProxyProblem)
    /// Credentials were refused by a store whose clock is so many seconds ahead of this machine's.
    case clock(offset: Int64)

    package enum CertificateProblem: Sendable, Hashable {
        /// None of the trusted authorities has signed it.
        case issuer
        /// It was made for another name than the one that was asked for.
        case hostName
        case expired
        case notYetValid
        /// The file of trusted certificates, or our own certificate, cannot be used.
        case file
        case other
    }

    package enum ProxyProblem: Sendable, Hashable {
        case unknownHost
        /// 407: it wants a user and a password, or others.
        case credentials
        /// It does not let us through to the endpoint; the status of its answer.
        case refused(status: Int)
    }

    /// Whether the next attempt meets it, too.
    package var isPermanent: Bool {
        switch self {
        case .unknownHost, .unreachable, .silentHandshake, .clock, .proxy(.unknownHost): false
        // 403 is a rule of the proxy's; 5xx is a proxy that cannot reach the endpoint just now.
        case .proxy(.refused(let status)): (400..<500).contains(status)
        case .notTLS, .certificate, .proxy(.credentials): true
        }
    }
}
