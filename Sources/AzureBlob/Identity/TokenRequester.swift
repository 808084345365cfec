internal import BlobStorage

/// What asking for tokens takes from outside; files and programs may block, and are called on threads of their own.
package struct IdentityTools: Sendable {
    package var surroundings: Surroundings
    /// The content of a small file; fails with the words for why not.
    package var readFile: @Sendable (String) -> Result<[UInt8], SignInFailure>
    package var run: @Sendable (IdentityCommand) -> IdentityCommandOutcome
    /// Certificates to trust instead of the system's (PEM).
    package var network: NetworkSettings

    package init(
        surroundings: Surroundings = .system,
        readFile: @escaping @Sendable (String) -> Result<[UInt8], SignInFailure>,
        run: @escaping @Sendable (IdentityCommand) -> IdentityCommandOutcome,
        network: NetworkSettings = NetworkSettings()
    ) {
        self.surroundings = surroundings
        self.readFile = readFile
        self.run = run
        self.network = network
    }
}

/// Asks identity services.
struct TokenRequester: Sendable {
    let tools: IdentityTools
    let audience: TokenAudience

    /// - Parameter isSearch: others may follow: who is not there is not waited for.
    func token(_ link: IdentityLink, isSearch: Bool) async -> Result<AccessToken, SignInFailure> {
        switch link {
        case .missing(_, let reason): return .failure(SignInFailure(.absent, reason))
        case .servicePrincipal(let principal): return await token(principal)
        case .managedIdentity(let identity): return await token(identity, isSearch: isSearch)
        case .azureCLI(let cli):
            let outcome = await BlockingWork.run { tools.run(cli.command(for: audience)) }
            return cli.token(outcome, for: audience, now: tools.surroundings.wallClock())
        }
    }

    // MARK: Managed identity

    private func token(_ identity: ManagedIdentity, isSearch: Bool) async -> Result<AccessToken, SignInFailure> {
        let start = tools.surroundings.uptime()
        var failures = 0
        while true {
            // It is on this machine's link: who does not answer the call at once is not there.
            let connect = Duration.seconds(isSearch ? 1 : 2)
            let result = await send(identity.request(for: audience), body: nil, connect: connect, usesProxy: false)
            if let head = result.head, head.isSuccess, result.failure == nil,
                !isSearch || TokenAnswer(result.body) != nil
            {
                return token(in: result.body)
            }
            failures += 1
            var failure: SignInFailure
            if let head = result.head, result.failure == nil {
                failure = identity.failure(status: head.status, body: result.body, isSearch: isSearch)
                if failure.kind == .absent, !isSearch { failure.kind = .refused }
            } else {
                failure = SignInFailure(
                    isSearch ? .absent : .unavailable,
                    "\(identity.place) does not answer: \(Self.words(result))"
                )
                if isSearch { return .failure(failure) }
            }
            let delay = ManagedIdentity.delay(
                status: result.head?.status,
                retryAfter: result.head?.retryAfter,
                failures: failures,
                elapsed: tools.surroundings.uptime() - start
            )
            guard failure.kind == .unavailable, let delay, await pause(delay) else { return .failure(failure) }
        }
    }

    // MARK: Service principals

    private func token(_ principal: ServicePrincipal) async -> Result<AccessToken, SignInFailure> {
        let now = tools.surroundings.wallClock()
        // Files may have changed since the last token: that is how they are renewed.
        let proof: Result<ServicePrincipal.ShownProof, SignInFailure> = await BlockingWork.run {
            shownProof(of: principal, now: now)
        }
        let (request, body): (HTTPRequest, [UInt8])
        switch proof {
        case .failure(let failure): return .failure(failure)
        case .success(let proof): (request, body) = principal.request(proof, for: audience)
        }
        var failures = 0
        while true {
            let result = await send(request, body: body, connect: .seconds(10), usesProxy: true)
            if let head = result.head, head.isSuccess, result.failure == nil { return token(in: result.body) }
            failures += 1
            let failure: SignInFailure
            if let head = result.head, result.failure == nil {
                failure = principal.failure(status: head.status, body: result.body)
            } else {
                failure = SignInFailure(
                    .unavailable,
                    "\(principal.authority) does not answer: \(Self.words(result))",
                    try: "--authority-host URL, where it is not the public cloud's; a proxy: HTTPS_PROXY"
                )
            }
            let delay = ServicePrincipal.delay(retryAfter: result.head?.retryAfter, failures: failures)
            guard failure.kind == .unavailable, let delay, await pause(delay) else { return .failure(failure) }
        }
    }

    /// Blocks: it reads files and computes signatures.
    private func shownProof(
        of principal: ServicePrincipal,
        now: Int64
    ) -> Result<ServicePrincipal.ShownProof, SignInFailure> {
        switch principal.proof {
        case .secret(let secret): return .success(.secret(secret))
        case .secretFile(let file): return text(in: file, "--client-secret-file").map { .secret($0) }
        case .federatedToken(let file): return text(in: file, "the federated token").map { .assertion($0) }
        case .certificate(let file, let password, let sendsChain):
            return tools.readFile(file).flatMap { bytes in
                Result { () throws(SignInFailure) in
                    let certificate = try ClientCertificate(bytes, password: password, file: file, now: now)
                    return .assertion(try certificate.assertion(for: principal, now: now, sendsChain: sendsChain))
                }
            }
        }
    }

    private func text(in file: String, _ what: String) -> Result<Secret, SignInFailure> {
        tools.readFile(file).flatMap { bytes in
            let text = String(validating: bytes, as: UTF8.self).map { String($0.trimmingBlanks()) } ?? ""
            guard !text.isEmpty else {
                return .failure(SignInFailure(.refused, "\(what): \(file) is empty or no text", try: "ls -l \(file)"))
            }
            return .success(Secret(text))
        }
    }

    // MARK: HTTP

    /// A connection of its own, and not for long: one request an hour does not need a thread all the time.
    private func send(
        _ request: HTTPRequest,
        body: [UInt8]?,
        connect: Duration,
        usesProxy: Bool
    ) async -> ExchangeResult {
        guard let transport = Transport(Transport.Options(connectionsMax: 1, network: tools.network)) else {
            return ExchangeResult(failure: .network("libcurl or its thread cannot be started"))
        }
        var exchange = Exchange(
            request: request,
            body: body.map { UploadBody($0) },
            sink: .collected(limit: 1 << 20),
            priority: .foreground,
            timeouts: AttemptTimeouts(connect: connect, stall: .seconds(20), total: .seconds(30))
        )
        exchange.usesProxy = usesProxy
        return await transport.send(exchange)
    }

    private func token(in body: [UInt8]) -> Result<AccessToken, SignInFailure> {
        guard let answer = TokenAnswer(body) else {
            return .failure(SignInFailure(.refused, "an answer that is no JSON: does a proxy stand between?"))
        }
        return answer.token(now: tools.surroundings.wallClock())
    }

    private func pause(_ delay: Duration) async -> Bool {
        do { try await tools.surroundings.sleep(delay) } catch { return false }
        return true
    }

    private static func words(_ result: ExchangeResult) -> String {
        switch result.failure {
        case .network(let reason), .untrusted(let reason), .invalid(let reason): reason
        case .tooLong, .cutShort: "its answer was cut short"
        case .cancelled: "cancelled"
        case .localInput, nil: "no answer"
        }
    }
}

extension ManagedIdentity {
    /// Where it is asked for, for messages.
    fileprivate var place: String {
        switch service {
        case .imds(let base): "IMDS at \(base)"
        case .appService(let endpoint, _): endpoint
        }
    }
}
