internal import Checksums

/// What the embedded server is started with, checked.
struct EmulatorSettings: Sendable, Equatable {
    struct Account: Sendable, Equatable {
        var name: String
        /// Base64.
        var key: String

        /// As every Azure SDK takes it; `endpoint` is the server's, without the account.
        func connectionString(endpoint: String) -> String {
            "DefaultEndpointsProtocol=http;AccountName=\(name);AccountKey=\(key);BlobEndpoint=\(endpoint)/\(name);"
        }
    }

    var address: String
    var port: UInt16
    var dataDirectory: String?
    var accounts: [Account]
    /// Whether all accounts have a hierarchical namespace.
    var isHierarchical: Bool
    var allowsControl: Bool

    /// The account of all emulators of Azure; its key is public.
    static let wellKnown = Account(
        name: "devstoreaccount1",
        key: "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
    )

    init(
        listen: String,
        dataDirectory: String? = nil,
        accounts: [String] = [],
        accountFile: String? = nil,
        isHierarchical: Bool = false,
        allowsControl: Bool = false,
        readFile: (String) -> Result<[UInt8], Errno> = { _ in .success([]) }
    ) throws(CommandFailure) {
        // The last colon: an IPv6 address has its own, in brackets.
        guard let colon = listen.lastIndex(of: ":"), let port = UInt16(listen[listen.index(after: colon)...]),
            colon != listen.startIndex
        else {
            throw CommandFailure(.usage, "--listen \(listen) is not ADDRESS:PORT", try: "--listen 127.0.0.1:10000")
        }
        address = String(listen[..<colon])
        if address.hasPrefix("["), address.hasSuffix("]") { address = String(address.dropFirst().dropLast()) }
        self.port = port
        self.dataDirectory = dataDirectory
        self.isHierarchical = isHierarchical
        self.allowsControl = allowsControl
        var lines = accounts.map { ("--account", $0) }
        if let accountFile {
            switch readFile(accountFile) {
            case .failure(let error):
                throw CommandFailure(
                    .configuration,
                    "--account-file \(accountFile) cannot be read: \(error)",
                    try: "ls -l \(accountFile)"
                )
            case .success(let bytes):
                let text = String(decoding: bytes, as: UTF8.self)
                lines += text.split(whereSeparator: \.isNewline).map { ("--account-file \(accountFile)", String($0)) }
            }
        }
        var parsed: [Account] = []
        for (origin, line) in lines { parsed.append(try Self.account(line, origin)) }
        self.accounts = parsed.isEmpty ? [Self.wellKnown] : parsed
    }

    private static func account(_ text: String, _ origin: String) throws(CommandFailure) -> Account {
        let parts = text.split(separator: ":", maxSplits: 1).map(String.init)
        // Three characters, so that the name can be an account's anywhere; the words never repeat the key.
        guard parts.count == 2, (3...24).contains(parts[0].utf8.count),
            parts[0].utf8.allSatisfy({ (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) })
        else {
            throw CommandFailure(
                .usage,
                "\(origin): an account is NAME:KEY, the name of 3 to 24 lower-case letters and digits",
                try: "--account farm:$(head -c 32 /dev/urandom | base64)"
            )
        }
        guard let key = Base64.decode(parts[1]), !key.isEmpty else {
            throw CommandFailure(
                .usage,
                "\(origin): the key of account \(parts[0]) is not base64",
                try: "--account \(parts[0]):$(head -c 32 /dev/urandom | base64)"
            )
        }
        return Account(name: parts[0], key: parts[1])
    }
}
