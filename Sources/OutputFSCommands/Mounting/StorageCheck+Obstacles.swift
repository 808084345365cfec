internal import AzureBlob
internal import BlobStorage

/// What stands in the way, in words, and what puts it out of the way.
extension StorageCheck {
    /// `nil` where the failure showed no obstacle.
    static func obstacle(
        _ error: StorageError,
        source: String,
        endpoint: String,
        said: String
    ) -> CommandFailure? {
        let reason = error.message
        switch error.obstacle {
        case nil: return nil
        case .unknownHost?:
            return CommandFailure(
                .unavailable,
                "the name in \(endpoint) is not known: \(reason)",
                try: "the account's name and --endpoint: a letter may be wrong, or the cloud another",
                "getent hosts \(host(of: endpoint)) (what this machine's resolver says)"
            )
        case .unreachable?:
            return CommandFailure(
                .unavailable,
                "\(endpoint) does not answer: \(reason)",
                try: "the endpoint's port, and the account's firewall",
                "HTTPS_PROXY or --proxy, where this network has a proxy",
                "curl -sI \(endpoint)"
            )
        case .notTLS?:
            return CommandFailure(
                .unavailable,
                "\(endpoint) does not speak TLS: \(reason)",
                try: "http\(endpoint.dropFirst("https".count)), if it is an emulator",
                "the endpoint's port"
            )
        case .silentHandshake?:
            return CommandFailure(
                .unavailable,
                "\(endpoint) takes connections, and does not answer in TLS: \(reason)",
                try: "http\(endpoint.dropFirst("https".count)), if it is an emulator",
                "HTTPS_PROXY or --proxy, where this network has a proxy"
            )
        case .certificate(let problem)?: return certificate(problem, reason: reason, endpoint: endpoint)
        case .proxy(let problem)?: return proxy(problem, reason: reason, endpoint: endpoint)
        case .clock(let offset)?:
            return CommandFailure(
                .denied,
                "\(source) refuses the credentials\(said): \(reason); "
                    + "this machine's clock is \(ClockOffset(seconds: offset))",
                try: "timedatectl set-ntp true, or date -s with the right time",
                "a new SAS, if it was made here: it begins and ends by this clock (st=, se=)"
            )
        }
    }

    private static func certificate(
        _ problem: NetworkObstacle.CertificateProblem,
        reason: String,
        endpoint: String
    ) -> CommandFailure {
        let what: String
        var remedies: [String]
        switch problem {
        case .issuer:
            what = "nobody whom this machine trusts has signed the certificate of \(endpoint)"
            remedies = [
                "--ca-file FILE, with the certificate of the authority that has (a proxy that looks into TLS has its own)",
                "openssl s_client -showcerts -connect \(host(of: endpoint)):443 (who it is)",
            ]
        case .hostName:
            what = "the certificate of \(endpoint) is for another name"
            remedies = ["the endpoint by the name that its certificate has; a private link has the public name, too"]
        case .expired:
            what = "the certificate of \(endpoint) has expired"
            remedies = ["date (is this machine's clock right?)", "whoever runs the endpoint, to renew it"]
        case .notYetValid:
            what = "the certificate of \(endpoint) is not valid yet"
            remedies = ["date (is this machine's clock right?)"]
        case .file:
            what = "the certificates for \(endpoint) cannot be used"
            remedies = [
                "--ca-file, --proxy-certificate-file and --proxy-key-file: PEM, and the key of that certificate"
            ]
        case .other:
            what = "the certificate of \(endpoint) does not prove its name"
            remedies = ["openssl s_client -connect \(host(of: endpoint)):443"]
        }
        var failure = CommandFailure(.unavailable, "\(what): \(reason)")
        failure.remedies = remedies
        return failure
    }

    private static func proxy(
        _ problem: NetworkObstacle.ProxyProblem,
        reason: String,
        endpoint: String
    ) -> CommandFailure {
        switch problem {
        case .unknownHost:
            CommandFailure(
                .unavailable,
                "the name of the proxy is not known: \(reason)",
                try: "--proxy, or HTTPS_PROXY and ALL_PROXY in the environment"
            )
        case .credentials:
            CommandFailure(
                .denied,
                "the proxy wants a user and a password, or others: \(reason)",
                try: "--proxy-credentials-file FILE, with user:password in it",
                "export HTTPS_PROXY=http://user:password@host:port"
            )
        case .refused(let status):
            CommandFailure(
                .unavailable,
                "the proxy does not let us through to \(endpoint) (HTTP \(status)): \(reason)",
                try: "whoever runs the proxy, to permit CONNECT to that host and port",
                "export NO_PROXY=\(host(of: endpoint)), if it can be reached directly"
            )
        }
    }

    private static func host(of endpoint: String) -> String {
        let start = endpoint.firstRange(of: "://")?.upperBound ?? endpoint.startIndex
        let authority = endpoint[start...].prefix { $0 != "/" }
        return authority.hasPrefix("[") ? String(authority) : String(authority.prefix { $0 != ":" })
    }
}
