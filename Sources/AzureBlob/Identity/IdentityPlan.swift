/// Which ways to a token there are: decided from what was said and from the environment, without asking anybody.
package struct IdentityPlan: Sendable {
    package enum Method: String, Sendable, Hashable, CaseIterable {
        case msi
        case spn
        case workload
        case azcli
        /// The four in the order of azure-identity: service principal, workload identity, managed identity, CLI.
        case auto
    }

    /// What the command line says; each wins over its variable.
    package struct Options: Sendable, Hashable {
        package var tenantID: String?
        package var clientID: String?
        package var objectID: String?
        package var resourceID: String?
        package var clientSecretFile: String?
        package var clientCertificateFile: String?
        package var federatedTokenFile: String?
        package var authorityHost: String?

        package init() {}
    }

    private let options: Options
    private let environment: [String: String]
    /// Of the service that is signed in to: it tells the cloud.
    private let host: String

    package init(_ options: Options, environment: [String: String], host: String) {
        self.options = options
        self.environment = environment
        self.host = host
    }

    /// The links in their order. Fails with what is missing for the one that was asked for.
    package func links(_ method: Method) throws(SignInFailure) -> [IdentityLink] {
        switch method {
        case .auto:
            return [
                try orMissing("service principal") { () throws(SignInFailure) in try servicePrincipal() },
                try orMissing("workload identity") { () throws(SignInFailure) in try workload() },
                try orMissing("managed identity") { () throws(SignInFailure) in .managedIdentity(try managed()) },
                .azureCLI(cli),
            ]
        case .spn: return [try servicePrincipal()]
        case .workload: return [try workload()]
        case .msi: return [.managedIdentity(try managed())]
        case .azcli: return [.azureCLI(cli)]
        }
    }

    /// Of the chain: what is not there is passed over, and told when nothing else helps.
    private func orMissing(
        _ name: String,
        _ link: () throws(SignInFailure) -> IdentityLink
    ) throws(SignInFailure) -> IdentityLink {
        do throws(SignInFailure) { return try link() } catch {
            guard error.kind == .absent else { throw error }
            return .missing(name: name, reason: error.text)
        }
    }

    // MARK: The links

    private func servicePrincipal() throws(SignInFailure) -> IdentityLink {
        let proof: ServicePrincipal.Proof
        if let file = options.clientSecretFile {
            proof = .secretFile(file)
        } else if let file = options.clientCertificateFile {
            proof = certificate(file)
        } else if let secret = variable("AZURE_CLIENT_SECRET") {
            proof = .secret(Secret(secret))
        } else if let file = variable("AZURE_CLIENT_CERTIFICATE_PATH") {
            proof = certificate(file)
        } else {
            throw SignInFailure(
                .absent,
                "neither AZURE_CLIENT_SECRET nor AZURE_CLIENT_CERTIFICATE_PATH is set",
                try: "--client-secret-file FILE, or --client-certificate-file FILE"
            )
        }
        return .servicePrincipal(try principal(proof))
    }

    private func certificate(_ file: String) -> ServicePrincipal.Proof {
        let sendsChain = ["1", "true"].contains(variable("AZURE_CLIENT_SEND_CERTIFICATE_CHAIN")?.lowercased())
        let password = variable("AZURE_CLIENT_CERTIFICATE_PASSWORD").map { Secret($0) }
        return .certificate(file: file, password: password, sendsChain: sendsChain)
    }

    private func workload() throws(SignInFailure) -> IdentityLink {
        guard let file = options.federatedTokenFile ?? variable("AZURE_FEDERATED_TOKEN_FILE") else {
            throw SignInFailure(
                .absent,
                "AZURE_FEDERATED_TOKEN_FILE is not set",
                try: "--federated-token-file FILE, or the pod's label azure.workload.identity/use: \"true\""
            )
        }
        return .servicePrincipal(try principal(.federatedToken(file: file)))
    }

    private func principal(_ proof: ServicePrincipal.Proof) throws(SignInFailure) -> ServicePrincipal {
        guard let tenantID = options.tenantID ?? variable("AZURE_TENANT_ID") else {
            throw SignInFailure(.absent, "AZURE_TENANT_ID is not set", try: "--tenant-id ID")
        }
        guard let clientID = options.clientID ?? variable("AZURE_CLIENT_ID") else {
            throw SignInFailure(.absent, "AZURE_CLIENT_ID is not set", try: "--client-id ID")
        }
        let isName: (UInt8) -> Bool = { byte in
            byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "_")
                || (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
        }
        guard tenantID.utf8.allSatisfy(isName) else {
            throw SignInFailure(.refused, "“\(tenantID)” is no tenant", try: "its id, or a name such as contoso.com")
        }
        return ServicePrincipal(tenantID: tenantID, clientID: clientID, authority: try authority(), proof: proof)
    }

    private func managed() throws(SignInFailure) -> ManagedIdentity {
        let selectors: [ManagedIdentity.Selector] = [
            options.clientID.map { .clientID($0) }, options.objectID.map { .objectID($0) },
            options.resourceID.map { .resourceID($0) },
        ].compactMap(\.self)
        guard selectors.count <= 1 else {
            throw SignInFailure(
                .refused,
                "--client-id, --object-id and --resource-id name one identity each",
                try: "the one that is meant"
            )
        }
        let selector =
            selectors.first ?? variable("AZURE_STORAGE_IDENTITY_CLIENT_ID").map { .clientID($0) }
            ?? variable("AZURE_STORAGE_IDENTITY_OBJECT_ID").map { .objectID($0) }
            ?? variable("AZURE_STORAGE_IDENTITY_RESOURCE_ID").map { .resourceID($0) }
            ?? variable("AZURE_CLIENT_ID").map { .clientID($0) }
        if let endpoint = variable("IDENTITY_ENDPOINT"), let header = variable("IDENTITY_HEADER") {
            // Its certificate is known by a thumbprint only: a protocol of its own.
            guard variable("IDENTITY_SERVER_THUMBPRINT") == nil else {
                throw SignInFailure(.absent, "Service Fabric's identity service is not spoken here")
            }
            return ManagedIdentity(service: .appService(endpoint: endpoint, header: Secret(header)), selector: selector)
        }
        var base = variable("AZURE_POD_IDENTITY_AUTHORITY_HOST") ?? ManagedIdentity.imdsBase
        while base.hasSuffix("/") { base.removeLast() }
        return ManagedIdentity(service: .imds(base: base), selector: selector)
    }

    private var cli: AzureCLI { AzureCLI(tenantID: options.tenantID) }

    // MARK: Clouds

    /// The login service of the cloud that the service is in, unless another one is named.
    private func authority() throws(SignInFailure) -> String {
        guard let given = options.authorityHost ?? variable("AZURE_AUTHORITY_HOST") else {
            if host.hasSuffix(".chinacloudapi.cn") { return "https://login.chinacloudapi.cn" }
            if host.hasSuffix(".usgovcloudapi.net") { return "https://login.microsoftonline.us" }
            return "https://login.microsoftonline.com"
        }
        var host = given.contains("://") ? given : "https://\(given)"
        while host.hasSuffix("/") { host.removeLast() }
        guard let parts = try? URLParts(host), parts.query == nil, parts.scheme == "https" || parts.isLoopback else {
            throw SignInFailure(
                .refused,
                "the authority host “\(given)” is not https://…, and secrets are sent to it",
                try: "--authority-host https://login.microsoftonline.com"
            )
        }
        return host
    }

    /// An empty variable is as good as none.
    private func variable(_ name: String) -> String? {
        guard let value = environment[name], !value.isEmpty else { return nil }
        return value
    }
}

extension URLParts {
    /// Nobody else can listen on the way.
    var isLoopback: Bool {
        let host = authority.hasPrefix("[") ? authority.prefix { $0 != "]" } + "]" : authority.prefix { $0 != ":" }
        return host == "localhost" || host == "[::1]"
            || host.hasPrefix("127.") && host.allSatisfy { $0.isNumber || $0 == "." }
    }
}
