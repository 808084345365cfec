internal import Checksums

/// Account and credential out of a storage connection string, as the portal shows it.
///
/// `Key=Value` pairs separated by `;`; keys without regard to case: DefaultEndpointsProtocol, AccountName, AccountKey,
/// BlobEndpoint, EndpointSuffix, SharedAccessSignature, UseDevelopmentStorage. Pairs for other services are passed over.
package struct ConnectionString: Sendable {
    package let account: StorageAccount
    package let credential: Credential

    /// The emulators' well-known account; its key is public.
    package static let developmentAccount = "devstoreaccount1"
    package static let developmentKey = Secret(
        "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
    )

    package init(_ text: String) throws(AccountError) {
        let values = try Self.pairs(text)
        if values["usedevelopmentstorage"]?.lowercased() == "true" {
            self.init(
                account: StorageAccount(
                    name: Self.developmentAccount,
                    endpoint: try BlobEndpoint("http://127.0.0.1:10000/\(Self.developmentAccount)")
                ),
                credential: .sharedKey(Self.developmentKey)
            )
            return
        }
        self.init(account: try Self.account(values), credential: try Self.credential(values))
    }

    private init(account: StorageAccount, credential: Credential) {
        self.account = account
        self.credential = credential
    }

    /// By lower-case key. A value may hold `=` (keys and SAS do).
    private static func pairs(_ text: String) throws(AccountError) -> [String: String] {
        var values: [String: String] = [:]
        for pair in text.split(separator: ";") {
            let pair = pair.trimmingBlanks()
            guard !pair.isEmpty else { continue }
            guard let equals = pair.firstIndex(of: "="), equals > pair.startIndex else {
                // What stands there may be a key: it is not repeated.
                throw AccountError("a connection string is Key=Value pairs separated by “;”: one pair has no “=”")
            }
            let key = pair[..<equals].lowercased()
            guard values.updateValue(String(pair[pair.index(after: equals)...]), forKey: key) == nil else {
                throw AccountError("the connection string has \(pair[..<equals]) twice")
            }
        }
        guard !values.isEmpty else { throw AccountError("the connection string is empty") }
        return values
    }

    private static func account(_ values: [String: String]) throws(AccountError) -> StorageAccount {
        if let text = values["blobendpoint"] {
            let endpoint = try BlobEndpoint(text)
            guard let name = values["accountname"] ?? endpoint.accountName else {
                throw AccountError("the connection string has no AccountName, and BlobEndpoint does not tell it")
            }
            return StorageAccount(name: name, endpoint: endpoint)
        }
        guard let name = values["accountname"] else {
            throw AccountError("the connection string has neither AccountName nor BlobEndpoint")
        }
        let scheme = values["defaultendpointsprotocol"]?.lowercased() ?? "https"
        guard scheme == "https" || scheme == "http" else {
            throw AccountError("DefaultEndpointsProtocol is https or http, not “\(scheme)”")
        }
        let account = try StorageAccount(name: name, endpointSuffix: values["endpointsuffix"] ?? "core.windows.net")
        guard scheme == "http" else { return account }
        return StorageAccount(
            name: name,
            endpoint: BlobEndpoint(scheme: "http", authority: account.endpoint.authority, path: "")
        )
    }

    private static func credential(_ values: [String: String]) throws(AccountError) -> Credential {
        switch (values["accountkey"], values["sharedaccesssignature"]) {
        case (let key?, nil):
            guard let bytes = Base64.decode(key), !bytes.isEmpty else {
                throw AccountError("AccountKey is not base64: was it cut when it was copied?")
            }
            return .sharedKey(Secret(key))
        case (nil, let token?):
            return .sas(Secret(token))
        case (_?, _?):
            throw AccountError("the connection string has both AccountKey and SharedAccessSignature: give one")
        case (nil, nil):
            return .anonymous
        }
    }
}

/// A container and what it takes to reach it, out of a container URL with a SAS, as Batch users hand it to their tasks.
package struct ContainerURL: Sendable {
    package let account: StorageAccount
    package let container: String
    package let credential: Credential

    /// One path segment is the container (host style); two are account and container (path style).
    package init(_ text: String) throws(AccountError) {
        let parts = try URLParts(text)
        let segments = parts.path.split(separator: "/").map(String.init)
        let endpoint: BlobEndpoint
        switch segments.count {
        case 1:
            endpoint = BlobEndpoint(scheme: parts.scheme, authority: parts.authority, path: "")
        case 2:
            endpoint = BlobEndpoint(scheme: parts.scheme, authority: parts.authority, path: "/\(segments[0])")
        default:
            throw AccountError("a container URL is https://account.blob.core.windows.net/container?sas")
        }
        guard let name = endpoint.accountName, let container = segments.last else {
            throw AccountError("the container URL does not tell the account's name")
        }
        account = StorageAccount(name: name, endpoint: endpoint)
        self.container = container
        credential = parts.query.map { $0.isEmpty ? .anonymous : .sas(Secret($0)) } ?? .anonymous
    }
}

extension BlobEndpoint {
    /// The account as the endpoint itself tells it: the path in path style, else the first label of a host's name.
    fileprivate var accountName: String? {
        if isPathStyle { return String(path.dropFirst()) }
        let host = authority.prefix { $0 != ":" }
        let isAddress = host.allSatisfy { $0.isNumber || $0 == "." }
        guard !isAddress, let dot = host.firstIndex(of: "."), dot > host.startIndex else { return nil }
        return String(host[..<dot])
    }
}

extension StringProtocol {
    /// Without blanks and line breaks at either end, as they come along when a line is copied.
    func trimmingBlanks() -> SubSequence {
        let isBlank: (Character) -> Bool = { $0 == " " || $0 == "\t" || $0.isNewline }
        guard let first = firstIndex(where: { !isBlank($0) }), let last = lastIndex(where: { !isBlank($0) }) else {
            return self[endIndex...]
        }
        return self[first...last]
    }
}
