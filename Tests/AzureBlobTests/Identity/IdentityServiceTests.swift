import BlobStorage
import Testing

@testable import AzureBlob

/// Requests to identity services, against stand-ins that say what a test wrote.
@Suite(.timeLimit(.minutes(1)))
struct IdentityServiceTests {
    private let time = ManualTime()

    private func ask(
        _ link: IdentityLink,
        isSearch: Bool = false,
        for audience: TokenAudience = .storage,
        files: [String: String] = [:],
        run: @escaping @Sendable (IdentityCommand) -> IdentityCommandOutcome = { _ in .timedOut }
    ) async -> Result<AccessToken, SignInFailure> {
        let tools = IdentityTools(
            surroundings: time.surroundings(),
            readFile: { path in
                files[path].map { .success(Array($0.utf8)) }
                    ?? .failure(SignInFailure(.refused, "\(path) is not there"))
            },
            run: run
        )
        return await TokenRequester(tools: tools, audience: audience).token(link, isSearch: isSearch)
    }

    private static let token = answer("200 OK", body: #"{"access_token":"tok","expires_in":"600"}"#)

    private func imds(_ server: ScriptedServer, _ selector: ManagedIdentity.Selector? = nil) -> IdentityLink {
        .managedIdentity(.init(service: .imds(base: "http://127.0.0.1:\(server.port)"), selector: selector))
    }

    // MARK: Managed identity

    @Test(
        arguments: [
            (nil, ""), (.clientID("c d"), "&client_id=c%20d"), (.objectID("o"), "&object_id=o"),
            (.resourceID("/s/x"), "&msi_res_id=%2Fs%2Fx"),
        ] as [(ManagedIdentity.Selector?, String)]
    )
    func `IMDS is asked as it wants to be`(_ selector: ManagedIdentity.Selector?, _ suffix: String) async throws {
        let server = try ScriptedServer([.answer(Self.token)])
        #expect(try await ask(imds(server, selector)).get().secret == Secret("tok"))
        let request = try #require(server.received.first)
        #expect(request.method == "GET")
        #expect(
            request.target == "/metadata/identity/oauth2/token?api-version=2018-02-01"
                + "&resource=https%3A%2F%2Fstorage.azure.com%2F" + suffix
        )
        #expect(request.headers["metadata"] == "true")
    }

    @Test func `each way in is asked for the service that the token is for`() async throws {
        let server = try ScriptedServer([.answer(Self.token)])
        let batch = TokenAudience.batch(host: "crunch.westeurope.batch.azure.com")
        _ = await ask(imds(server), for: batch)
        _ = await ask(principal(server, .secret(Secret("s"))), for: batch)
        #expect(server.received[0].target.hasSuffix("&resource=https%3A%2F%2Fbatch.core.windows.net%2F"))
        let body = String(decoding: server.received[1].body, as: UTF8.self)
        #expect(body.contains("&scope=https%3A%2F%2Fbatch.core.windows.net%2F.default&"))
        let command = AzureCLI().command(for: batch)
        #expect(command.arguments.contains("https://batch.core.windows.net/"))
    }

    @Test(arguments: [
        ("crunch.westeurope.batch.azure.com", "https://batch.core.windows.net/"),
        ("crunch.chinaeast2.batch.chinacloudapi.cn", "https://batch.chinacloudapi.cn/"),
        ("crunch.usgovvirginia.batch.usgovcloudapi.net", "https://batch.core.usgovcloudapi.net/"),
    ])
    func `tokens for Batch are those of the account's cloud`(_ host: String, _ resource: String) {
        #expect(TokenAudience.batch(host: host).resource == resource)
    }

    @Test func `App Service is asked with its header`() async throws {
        let server = try ScriptedServer([
            .answer(answer("200 OK", body: #"{"access_token":"tok","expires_on":"1794390000"}"#))
        ])
        let endpoint = "http://127.0.0.1:\(server.port)/MSI/token"
        let identity = ManagedIdentity(
            service: .appService(endpoint: endpoint, header: Secret("proof")),
            selector: .resourceID("/s/x")
        )
        #expect(try await ask(.managedIdentity(identity)).get().lifetime == .seconds(600))
        let request = try #require(server.received.first)
        #expect(
            request.target
                == "/MSI/token?api-version=2019-08-01&resource=https%3A%2F%2Fstorage.azure.com%2F&mi_res_id=%2Fs%2Fx"
        )
        #expect(request.headers["x-identity-header"] == "proof")
    }

    @Test(arguments: ["404 Not Found", "429 Too Many Requests", "500 Oops", "503 Busy"])
    func `IMDS is asked again, five times, for 25 seconds`(_ status: String) async throws {
        let server = try ScriptedServer([.answer(answer(status))])
        let result = await ask(imds(server))
        guard case .failure(let failure) = result else { return #expect(Bool(false)) }
        #expect(failure.kind == .unavailable)
        #expect(server.received.count == 6)
        #expect(
            time.slept == [
                .milliseconds(800), .milliseconds(1600), .milliseconds(3200), .milliseconds(6400), .milliseconds(12800),
            ]
        )
    }

    @Test func `while it is being updated, IMDS has 70 seconds`() async throws {
        let server = try ScriptedServer { _, number in .answer(number < 4 ? answer("410 Gone") : Self.token) }
        #expect(try await ask(imds(server)).get().secret == Secret("tok"))
        #expect(time.slept == [.seconds(5), .seconds(10), .seconds(20), .seconds(40)])
    }

    @Test func `an identity that is not there is no reason to ask again`() async throws {
        let body = #"{"error":"invalid_request","error_description":"Identity not found"}"#
        let server = try ScriptedServer([.answer(answer("400 Bad Request", body: body))])
        guard case .failure(let failure) = await ask(imds(server)) else { return #expect(Bool(false)) }
        #expect(failure.kind == .refused)
        #expect(failure.text.contains("Identity not found"))
        #expect(!failure.remedies.isEmpty)
        // In a chain the next one may have it.
        guard case .failure(let failure) = await ask(imds(server), isSearch: true) else { return #expect(Bool(false)) }
        #expect(failure.kind == .absent)
        #expect(server.received.count == 2)
    }

    @Test(arguments: ["200 OK", "401 Unauthorized", "403 Forbidden", "404 Not Found"])
    func `another cloud's metadata service is not Azure's: a chain goes on`(_ status: String) async throws {
        let server = try ScriptedServer([.answer(answer(status, body: "<html>no such thing</html>"))])
        guard case .failure(let failure) = await ask(imds(server), isSearch: true) else { return #expect(Bool(false)) }
        #expect(failure.kind == .absent)
        #expect(server.received.count == 1)
    }

    @Test func `where nothing listens a chain goes on at once, and who asked for it is told`() async throws {
        let link = IdentityLink.managedIdentity(.init(service: .imds(base: "http://127.0.0.1:1")))
        guard case .failure(let failure) = await ask(link, isSearch: true) else { return #expect(Bool(false)) }
        #expect(failure.kind == .absent)
        #expect(time.slept.isEmpty)
        guard case .failure(let failure) = await ask(link) else { return #expect(Bool(false)) }
        #expect(failure.kind == .unavailable)
        #expect(failure.text.contains("127.0.0.1:1"))
    }

    // MARK: Service principals

    private func principal(_ server: ScriptedServer, _ proof: ServicePrincipal.Proof) -> IdentityLink {
        .servicePrincipal(
            .init(tenantID: "t", clientID: "c", authority: "http://127.0.0.1:\(server.port)", proof: proof)
        )
    }

    @Test func `a secret goes into the body, encoded`() async throws {
        let server = try ScriptedServer([.answer(Self.token)])
        #expect(try await ask(principal(server, .secret(Secret("s~+&=")))).get().secret == Secret("tok"))
        let request = try #require(server.received.first)
        #expect(request.method == "POST")
        #expect(request.target == "/t/oauth2/v2.0/token")
        #expect(request.headers["content-type"] == "application/x-www-form-urlencoded")
        #expect(
            String(decoding: request.body, as: UTF8.self)
                == "grant_type=client_credentials&client_id=c&scope=https%3A%2F%2Fstorage.azure.com%2F.default"
                + "&client_secret=s~%2B%26%3D"
        )
    }

    @Test func `a federated token is read anew for each token`() async throws {
        let server = try ScriptedServer([.answer(Self.token)])
        for text in ["first.jwt.x\n", "second.jwt.x"] {
            _ = try await ask(principal(server, .federatedToken(file: "/f")), files: ["/f": text]).get()
        }
        let bodies = server.received.map { String(decoding: $0.body, as: UTF8.self) }
        #expect(bodies[0].hasSuffix("jwt-bearer&client_assertion=first.jwt.x"))
        #expect(bodies[1].hasSuffix("jwt-bearer&client_assertion=second.jwt.x"))
    }

    @Test(arguments: [
        ("AADSTS7000215: Invalid client secret provided.", "not its id"),
        ("AADSTS90002: Tenant 't' not found.", "--tenant-id"),
        ("AADSTS700016: Application not found.", "c is not known in t"),
        ("AADSTS7000222: The secret is expired.", "a new secret"),
        ("AADSTS1: Something.", "tenant t, application c"),
    ])
    func `a no comes with Entra's words and with what helps`(_ words: String, _ remedy: String) async throws {
        let body = #"{"error":"invalid_client","error_description":"\#(words)\r\nTrace ID: x"}"#
        let server = try ScriptedServer([.answer(answer("401 Unauthorized", body: body))])
        guard case .failure(let failure) = await ask(principal(server, .secret(Secret("hunter2")))) else {
            return #expect(Bool(false))
        }
        #expect(failure.kind == .refused)
        #expect(failure.text.contains(words) && !failure.text.contains("Trace"))
        #expect(failure.remedies.joined().contains(remedy))
        #expect(!failure.line.contains("hunter2"))
        #expect(server.received.count == 1)
    }

    @Test func `a busy login service is asked three times`() async throws {
        let server = try ScriptedServer { _, number in
            .answer(number < 2 ? answer("503 Busy", ["Retry-After: 3"]) : Self.token)
        }
        #expect(try await ask(principal(server, .secret(Secret("s")))).get().secret == Secret("tok"))
        #expect(time.slept == [.seconds(3), .seconds(3)])
        let down = try ScriptedServer([.answer(answer("500 Oops"))])
        guard case .failure(let failure) = await ask(principal(down, .secret(Secret("s")))) else {
            return #expect(Bool(false))
        }
        #expect(failure.kind == .unavailable)
        #expect(down.received.count == 3)
    }

    @Test(arguments: ["", "nonsense", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
    func `an unreadable certificate is named, with what helps`(_ content: String) async throws {
        let server = try ScriptedServer([.answer(Self.token)])
        let proof = ServicePrincipal.Proof.certificate(file: "/cert", password: nil, sendsChain: false)
        guard case .failure(let failure) = await ask(principal(server, proof), files: ["/cert": content]) else {
            return #expect(Bool(false))
        }
        #expect(failure.kind == .refused)
        #expect(failure.text.contains("/cert") && !failure.remedies.isEmpty)
        guard case .failure(let failure) = await ask(principal(server, proof)) else { return #expect(Bool(false)) }
        #expect(failure.text.contains("/cert is not there"))
        #expect(server.received.isEmpty)
    }

    @Test(arguments: ["<html>Sign in to the hotel</html>", "{}"])
    func `an answer of somebody else is no token`(_ body: String) async throws {
        let server = try ScriptedServer([.answer(answer("200 OK", body: body))])
        guard case .failure(let failure) = await ask(principal(server, .secret(Secret("s")))) else {
            return #expect(Bool(false))
        }
        #expect(failure.kind == .refused)
    }

    // MARK: The Azure CLI

    @Test func `az is run with the tenant, and its answer read`() async throws {
        let link = IdentityLink.azureCLI(AzureCLI(tenantID: "t"))
        let result = await ask(link) { command in
            let expected = [
                "account", "get-access-token", "--resource", "https://storage.azure.com/", "--output", "json",
                "--tenant", "t",
            ]
            guard command.program == "az", command.arguments == expected else { return .notStarted("other arguments") }
            let json = #"{"accessToken":"tok","expires_on":1794390000,"tokenType":"Bearer"}"#
            return .ended(status: 0, output: Array(json.utf8), errors: Array("WARNING: upgrade".utf8))
        }
        #expect(try result.get().lifetime == .seconds(600))
    }

    @Test(arguments: [
        (
            IdentityCommandOutcome.ended(
                status: 1,
                output: [],
                errors: Array("WARNING: x\nERROR: Please run 'az login' to setup account.\n".utf8)
            ), SignInFailure.Kind.absent, "Please run 'az login'"
        ),
        (.ended(status: 2, output: [], errors: Array("az: broken\n".utf8)), .refused, "az: broken"),
        (.ended(status: 0, output: Array("text".utf8), errors: []), .refused, "JSON"),
        (.timedOut, .unavailable, "within 20 s"),
        (.notStarted("No such file or directory"), .absent, "No such file"),
    ])
    func `what az says otherwise is told`(
        _ outcome: IdentityCommandOutcome,
        _ kind: SignInFailure.Kind,
        _ words: String
    ) async {
        guard case .failure(let failure) = await ask(.azureCLI(AzureCLI()), run: { _ in outcome }) else {
            return #expect(Bool(false))
        }
        #expect(failure.kind == kind)
        #expect(failure.text.contains(words))
        #expect(!failure.remedies.isEmpty)
    }
}

/// The order of a chain, and where it ends.
struct IdentityChainTests {
    private let links: [IdentityLink] = [
        .missing(name: "first", reason: "no variable"), .managedIdentity(.init(service: .imds(base: "http://x"))),
        .azureCLI(AzureCLI()),
    ]
    private let token = AccessToken(secret: Secret("tok"), lifetime: .seconds(600))

    @Test func `absent ones are passed over, and who gave a token is asked from then on`() async throws {
        let chain = IdentityChain(links)
        nonisolated(unsafe) var asked: [(String, Bool)] = []
        for _ in 0..<2 {
            _ = try await chain.token { link, isSearch in
                asked.append((link.name, isSearch))
                if case .azureCLI = link { return .success(token) }
                return .failure(SignInFailure(.absent, "not here"))
            }.get()
        }
        #expect(asked.map(\.0) == ["first", "managed identity (IMDS)", "Azure CLI", "Azure CLI"])
        #expect(asked.map(\.1) == [true, true, true, false])
        #expect(chain.chosenLink?.name == "Azure CLI")
    }

    @Test(arguments: [SignInFailure.Kind.refused, .unavailable])
    func `one that is there and fails ends the search, and all are told`(_ kind: SignInFailure.Kind) async {
        let chain = IdentityChain(links)
        let result = await chain.token { link, _ in
            if case .missing(_, let reason) = link { return .failure(SignInFailure(.absent, reason)) }
            guard case .managedIdentity = link else { return .success(token) }
            return .failure(SignInFailure(kind, "not today", try: "tomorrow"))
        }
        guard case .failure(let failure) = result else { return #expect(Bool(false)) }
        #expect(failure.kind == kind)
        #expect(failure.line == "no token (first: no variable; managed identity (IMDS): not today)")
        #expect(failure.remedies == ["tomorrow"])
    }

    @Test func `when nobody is there each says why`() async {
        let chain = IdentityChain(links)
        let result = await chain.token { link, _ in .failure(SignInFailure(.absent, "\(link.name) is absent", try: "x"))
        }
        guard case .failure(let failure) = result else { return #expect(Bool(false)) }
        #expect(failure.kind == .absent)
        #expect(failure.answers.map(\.link) == links.map(\.name))
        #expect(failure.paragraph.split(separator: "\n").count == 4)
        #expect(failure.storageError.kind == .unauthenticated)
    }
}
