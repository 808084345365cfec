internal import AzureBlob

/// What opens the door, before anybody was asked.
enum SignIn: Sendable {
    case key(Secret)
    /// `file`: where the next one will be.
    case sas(Secret, file: HeldSAS.File?)
    case identity([IdentityLink])
    case anonymous
}

/// Where a secret came from.
enum SecretOrigin: Sendable, Equatable {
    case environment
    /// A file of the command line that names the account, too.
    case accountFile
    /// A file of the command line that holds nothing else; the option's name.
    case secretFile(String)
}

/// Decides how to sign in, from what was said, what the environment has, and the secret that came with the account.
struct SignInResolver {
    var method: AuthMethod?
    var identity: IdentityPlan.Options
    var environment: [String: String]
    /// Where relative paths begin: a mount in the background leaves the directory, and reads files again.
    var workingDirectory: String

    /// - Parameters:
    ///   - given: the secret that came with the account, or that the environment has; `nil` if there is none.
    ///   - host: of the endpoint; it tells the cloud.
    func resolve(
        _ given: SignIn?,
        from origin: SecretOrigin,
        host: String
    ) throws(CommandFailure) -> SignIn {
        // The command line's secret wins over the environment's method.
        if method == nil, origin != .environment, let given { return given }
        let method = try chosenMethod
        switch method {
        case .auto: if let given { return given }
        case .key:
            if let given, given.isKey { return given }
            throw CommandFailure(.usage, "--auth key, and there is no account key", try: "--key-file FILE")
        case .sas:
            if let given, given.isSAS { return given }
            throw CommandFailure(.usage, "--auth sas, and there is no SAS", try: "--sas-file FILE")
        case .msi, .workload, .spn, .azcli, .anonymous: break
        }
        if case .secretFile(let option) = origin {
            throw CommandFailure(
                .usage,
                "--auth \(method.rawValue) and \(option) exclude each other",
                try: "give the one that is meant"
            )
        }
        if method == .anonymous { return .anonymous }
        return .identity(try links(method, host: host))
    }

    /// Who we are to another service than the store: by the method that was asked for, if it is an identity's, else by
    /// whichever gives a token.
    func identity(toHost host: String) throws(CommandFailure) -> [IdentityLink] {
        let method = try chosenMethod
        return try links([.key, .sas, .anonymous].contains(method) ? .auto : method, host: host)
    }

    /// Of the command line, else of the environment, else `auto`.
    var chosenMethod: AuthMethod {
        get throws(CommandFailure) {
            if let method { return method }
            guard let name = environment["AZURE_STORAGE_AUTH_TYPE"], !name.isEmpty else { return .auto }
            guard let method = AuthMethod(rawValue: name.lowercased()) else {
                throw CommandFailure(
                    .usage,
                    "AZURE_STORAGE_AUTH_TYPE is “\(name)”",
                    try: "one of \(AuthMethod.allCases.map(\.rawValue).joined(separator: ", "))"
                )
            }
            return method
        }
    }

    private func links(_ method: AuthMethod, host: String) throws(CommandFailure) -> [IdentityLink] {
        var options = identity
        options.clientSecretFile = options.clientSecretFile.map(absolute)
        options.clientCertificateFile = options.clientCertificateFile.map(absolute)
        options.federatedTokenFile = options.federatedTokenFile.map(absolute)
        do throws(SignInFailure) {
            let plan = IdentityPlan(options, environment: environment, host: host)
            let links = try plan.links(IdentityPlan.Method(rawValue: method.rawValue) ?? .auto)
            for link in links { try checkStays(link) }
            return links
        } catch {
            throw CommandFailure(.usage, "--auth \(method.rawValue): \(error.text)", remedies: error.remedies)
        }
    }

    /// What a token takes is read again with each token, after inherited descriptors are closed.
    private func checkStays(_ link: IdentityLink) throws(SignInFailure) {
        guard case .servicePrincipal(let principal) = link else { return }
        let file: String
        switch principal.proof {
        case .secret: return
        case .secretFile(let path), .certificate(let path, _, _), .federatedToken(let path): file = path
        }
        guard Self.stays(file) else {
            throw SignInFailure(.refused, "\(file) is read again for each token, and must stay", try: "a file")
        }
    }

    func absolute(_ path: String) -> String { path.hasPrefix("/") ? path : Path.join(workingDirectory, path) }

    /// Whether the path means the same file later on: no descriptor, no pipe.
    static func stays(_ path: String) -> Bool { !path.hasPrefix("/dev/") && !path.hasPrefix("/proc/") }
}

extension SignIn {
    var kind: OpenDoor.Kind {
        switch self {
        case .key, .sas: .secret
        case .identity: .identity
        case .anonymous: .anonymous
        }
    }

    fileprivate var isKey: Bool { if case .key = self { true } else { false } }
    fileprivate var isSAS: Bool { if case .sas = self { true } else { false } }
}
