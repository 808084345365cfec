internal import ArgumentParser

/// The way to the store: whom to trust, through whom to go, how much to take.
struct NetworkOptions: ParsableArguments {
    @Option(
        help: .init(
            "Certificates to trust instead of the system's, PEM.",
            discussion: "Environment: CURL_CA_BUNDLE, SSL_CERT_FILE, REQUESTS_CA_BUNDLE.",
            valueName: "file"
        ),
        completion: .file()
    )
    var caFile: String?

    @Flag(help: "Talk to an http:// endpoint that is not on this machine: nothing is encrypted.")
    var allowHttp = false

    @Option(
        help: .init(
            "The proxy, http://host:port, https:// or socks5h://; none for none.",
            discussion: "Environment: HTTPS_PROXY, ALL_PROXY, NO_PROXY, as curl reads them.",
            valueName: "url"
        )
    )
    var proxy: String?

    @Option(
        help: .init("A file with user:password for the proxy.", valueName: "file"),
        completion: .file()
    )
    var proxyCredentialsFile: String?

    @Option(
        help: .init("Our certificate for a proxy over TLS, PEM.", valueName: "file"),
        completion: .file()
    )
    var proxyCertificateFile: String?

    @Option(
        help: .init("Its key, where that is in another file, PEM.", valueName: "file"),
        completion: .file()
    )
    var proxyKeyFile: String?

    @Option(
        help: .init("How long a connection may take to be made (10s).", valueName: "time"),
        transform: Values.duration
    )
    var connectTimeout: Duration?

    @Option(
        help: .init("How long a request may go without a byte before it is tried again (20s).", valueName: "time"),
        transform: Values.duration
    )
    var stallTimeout: Duration?

    @Option(help: .init("Connections, and requests at a time (64).", valueName: "count"))
    var maxConnections: Int?

    @Option(help: .init("Requests begun a second (any number).", valueName: "count"))
    var maxRequests: Int?

    @Option(
        help: .init("Bytes fetched a second, of all files together (any number).", valueName: "size"),
        transform: Values.byteRate
    )
    var maxDownload: Int?

    @Option(
        help: .init("Bytes sent a second, of all files together (any number).", valueName: "size"),
        transform: Values.byteRate
    )
    var maxUpload: Int?
}
