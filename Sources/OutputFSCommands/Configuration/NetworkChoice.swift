internal import AzureBlob
internal import BlobStorage

/// The way to the store, with no question left open.
struct NetworkChoice: Sendable, Equatable {
    var settings = NetworkSettings()
    var connectionsMax = 64
    var connectTimeout = Duration.seconds(10)
    var stallTimeout = Duration.seconds(20)
    /// Whether http may leave this machine.
    var allowsHTTP = false

    /// Variables that name a file of certificates: curl's own, then OpenSSL's (and Go's: azcopy), then that of the Azure
    /// CLI and everything else that is made with Python's requests.
    static let caVariables = ["CURL_CA_BUNDLE", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"]

    init() {}

    /// From what was said to what is done.
    ///
    /// - Parameter readFile: the content of a small file; fails with the words for its errno.
    init(
        _ options: NetworkOptions,
        environment: [String: String],
        readFile: (String) -> Result<[UInt8], Errno>
    ) throws(CommandFailure) {
        settings.caFile = try Self.caFile(options.caFile, environment, readFile)
        settings.proxies = try Self.proxies(options, environment, readFile)
        settings.rates = RateLimits(
            download: options.maxDownload,
            upload: options.maxUpload,
            requests: try Self.count(options.maxRequests, 1...1_000_000, "--max-requests")
        )
        connectionsMax = try Self.count(options.maxConnections, 1...256, "--max-connections") ?? connectionsMax
        connectTimeout = try Self.time(options.connectTimeout, "--connect-timeout") ?? connectTimeout
        stallTimeout = try Self.time(options.stallTimeout, "--stall-timeout") ?? stallTimeout
        allowsHTTP = options.allowHttp
    }

    func storeConfiguration(
        retryDeadline: Duration = .seconds(60),
        commitDeadline: Duration = .seconds(600),
        namespace: Namespace = .flat
    ) -> AzureBlobStoreConfiguration {
        AzureBlobStoreConfiguration(
            maxConnections: connectionsMax,
            connectTimeout: connectTimeout,
            stallTimeout: stallTimeout,
            retryDeadline: retryDeadline,
            commitDeadline: commitDeadline,
            network: settings,
            namespace: namespace
        )
    }

    /// For a look before something begins: one connection, and not much time.
    var impatient: NetworkChoice {
        var choice = self
        choice.connectionsMax = 1
        choice.connectTimeout = min(connectTimeout, .seconds(5))
        choice.stallTimeout = min(stallTimeout, .seconds(10))
        return choice
    }

    /// Certificates are read again with later connections, when a mount in the background has left the directory.
    mutating func readsFiles(from directory: String) {
        func absolute(_ path: String?) -> String? { path.map { $0.hasPrefix("/") ? $0 : Path.join(directory, $0) } }
        settings.caFile = absolute(settings.caFile)
        for path in [\ProxySettings.secure, \ProxySettings.plain] {
            guard var proxy = settings.proxies[keyPath: path] else { continue }
            (proxy.certificateFile, proxy.keyFile) = (absolute(proxy.certificateFile), absolute(proxy.keyFile))
            settings.proxies[keyPath: path] = proxy
        }
    }

    // MARK: Files

    private static func caFile(
        _ option: String?,
        _ environment: [String: String],
        _ readFile: (String) -> Result<[UInt8], Errno>
    ) throws(CommandFailure) -> String? {
        if let option {
            try checkPEM(option, "--ca-file", readFile)
            return option
        }
        guard let variable = caVariables.first(where: { environment[$0]?.isEmpty == false }),
            let file = environment[variable]
        else { return nil }
        try checkPEM(file, variable, readFile)
        return file
    }

    private static func checkPEM(
        _ file: String,
        _ origin: String,
        _ readFile: (String) -> Result<[UInt8], Errno>
    ) throws(CommandFailure) {
        let remedy = "a file of certificates, each between BEGIN CERTIFICATE and END CERTIFICATE"
        switch readFile(file) {
        case .failure(let error):
            throw CommandFailure(.configuration, "\(origin) \(file) cannot be read: \(error)", try: remedy)
        case .success(let bytes):
            guard bytes.firstRange(of: Array("-----BEGIN".utf8)) == nil else { return }
            throw CommandFailure(
                .configuration,
                "\(origin) \(file) holds no certificate in PEM",
                try: remedy,
                "openssl x509 -inform der -in \(file) -out \(file).pem, if it is DER"
            )
        }
    }

    // MARK: The proxy

    private static func proxies(
        _ options: NetworkOptions,
        _ environment: [String: String],
        _ readFile: (String) -> Result<[UInt8], Errno>
    ) throws(CommandFailure) -> ProxySettings {
        var proxies = try named(options.proxy, environment)
        let credentials = try options.proxyCredentialsFile.map { file throws(CommandFailure) in
            try userAndPassword(file, readFile)
        }
        for (file, name) in [
            (options.proxyCertificateFile, "--proxy-certificate-file"), (options.proxyKeyFile, "--proxy-key-file"),
        ] {
            if let file { try checkPEM(file, name, readFile) }
        }
        for path in [\ProxySettings.secure, \ProxySettings.plain] {
            guard var proxy = proxies[keyPath: path] else { continue }
            if let credentials { (proxy.user, proxy.password) = (credentials.user, credentials.password) }
            proxy.certificateFile = options.proxyCertificateFile
            proxy.keyFile = options.proxyKeyFile
            proxies[keyPath: path] = proxy
        }
        let isMissing = proxies.secure == nil && proxies.plain == nil
        guard isMissing, options.proxyCredentialsFile ?? options.proxyCertificateFile != nil else { return proxies }
        throw CommandFailure(
            .usage,
            "\(credentials == nil ? "--proxy-certificate-file" : "--proxy-credentials-file") is for a proxy, and none is named",
            try: "--proxy http://host:port, or export HTTPS_PROXY=http://host:port"
        )
    }

    private static func named(
        _ option: String?,
        _ environment: [String: String]
    ) throws(CommandFailure) -> ProxySettings {
        guard let option else {
            do throws(ProxyVariableError) { return try ProxySettings(environment: environment) } catch {
                // Its value may hold a password.
                throw CommandFailure(
                    .configuration,
                    "\(error.variable): \(error.reason)",
                    try: "export \(error.variable)=http://host:port, or unset \(error.variable)"
                )
            }
        }
        if option.isEmpty || option == "none" { return .direct }
        guard !option.contains("@") else {
            throw CommandFailure(
                .usage,
                "--proxy carries a user, and it is shown in process lists and by outputfs config",
                try: "--proxy-credentials-file FILE, with user:password in it",
                "export HTTPS_PROXY=…, which may carry both"
            )
        }
        do throws(AccountError) { return ProxySettings(try Proxy(option), environment: environment) } catch {
            throw CommandFailure(.usage, "--proxy \(option): \(error)", try: "--proxy http://host:port")
        }
    }

    private static func userAndPassword(
        _ file: String,
        _ readFile: (String) -> Result<[UInt8], Errno>
    ) throws(CommandFailure) -> (user: String, password: Secret) {
        let name = "--proxy-credentials-file \(file)"
        switch readFile(file) {
        case .failure(let error):
            throw CommandFailure(.configuration, "\(name) cannot be read: \(error)", try: "ls -l \(file)")
        case .success(let bytes):
            let line = bytes.prefix { $0 != 0x0A && $0 != 0x0D }
            guard let text = String(validating: line, as: UTF8.self), let colon = text.firstIndex(of: ":") else {
                throw CommandFailure(.configuration, "\(name) is not user:password", try: "one line, user:password")
            }
            return (String(text[..<colon]), Secret(String(text[text.index(after: colon)...])))
        }
    }

    // MARK: Numbers

    private static func count(
        _ value: Int?,
        _ range: ClosedRange<Int>,
        _ option: String
    ) throws(CommandFailure) -> Int? {
        guard let value, !range.contains(value) else { return value }
        throw CommandFailure(
            .usage,
            "\(option) \(value) is out of range",
            try: "\(range.lowerBound) to \(range.upperBound)"
        )
    }

    private static func time(_ value: Duration?, _ option: String) throws(CommandFailure) -> Duration? {
        guard let value, value < .seconds(1) else { return value }
        throw CommandFailure(.usage, "\(option) is less than a network takes", try: "at least 1s")
    }
}
