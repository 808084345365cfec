internal import BlobStorage
internal import Synchronization

/// Turns requests into what is sent: addressed, dated, authorized.
final class RequestAuthorizer: Sendable {
    private let account: StorageAccount
    private let means: Means
    private let wallClock: @Sendable () -> Int64
    /// Seconds by which the service's clock is ahead of ours, as far as we know.
    private let clockOffset = Atomic<Int64>(0)

    private enum Means: Sendable {
        case key(SigningKey)
        case sas(Secret)
        case anonymous
        case bearer(any CredentialSource)
        case changingSAS(any CredentialSource)
    }

    /// - Parameter wallClock: seconds since the epoch.
    init(
        account: StorageAccount,
        credential: Credential,
        wallClock: @escaping @Sendable () -> Int64
    ) throws(AccountError) {
        self.account = account
        self.wallClock = wallClock
        switch credential {
        case .sharedKey(let text):
            guard let key = SigningKey(base64: text) else { throw AccountError("the account key is not base64") }
            means = .key(key)
        case .sas(let token):
            means = .sas(token.withoutQuestionMark)
        case .anonymous: means = .anonymous
        case .bearer(let source): means = .bearer(source)
        case .changingSAS(let source): means = .changingSAS(source)
        }
    }

    /// Where the token, or SAS, of each attempt comes from; `nil` if the credential stays the same.
    private var source: (any CredentialSource)? {
        switch means {
        case .bearer(let source), .changingSAS(let source): source
        case .key, .sas, .anonymous: nil
        }
    }

    /// Whether a token must be there first.
    var needsToken: Bool { source != nil }

    /// A token that may be sent without waiting for it.
    var readyToken: Secret? { source?.ready() }

    /// Whether it is known where a hierarchical namespace's own operations go.
    var hasDataLake: Bool { account.dataLakeEndpoint != nil }

    /// A token to send; `nil` if the credential is of another kind.
    func token(refused: Secret?) async throws(StorageError) -> Secret? {
        guard let source else { return nil }
        return try await source.secret(refused: refused).get()
    }

    /// The request as it goes out now. `token` is given exactly when `needsToken`.
    func authorize(_ request: StorageRequest, requestID: String, token: Secret?) -> HTTPRequest {
        let now = wallClock() + clockOffset.load(ordering: .relaxed)
        var headers = request.headers
        headers.append(HTTPHeader("x-ms-date", HTTPDate.format(now)))
        headers.append(HTTPHeader("x-ms-version", StorageRequest.serviceVersion))
        headers.append(HTTPHeader("x-ms-client-request-id", requestID))
        if let length = request.contentLength { headers.append(HTTPHeader("Content-Length", "\(length)")) }
        if let source = request.source {
            headers.append(HTTPHeader("x-ms-copy-source", sourceURL(source, token: token, now: now)))
            if let token, case .bearer = means {
                headers.append(HTTPHeader("x-ms-copy-source-authorization", "Bearer \(token.revealed())"))
            }
        }
        if let source = request.renameSource {
            headers.append(HTTPHeader("x-ms-rename-source", renameSource(source, token: token)))
        }
        let endpoint = request.isForDataLake ? account.dataLakeEndpoint ?? account.endpoint : account.endpoint
        let path = endpoint.path + request.path
        let query = prove(request, path: path, &headers, token)
        let url = "\(endpoint.scheme)://\(endpoint.authority)\(path.isEmpty ? "/" : path)"
        return HTTPRequest(method: request.method, url: query.isEmpty ? url : "\(url)?\(query)", headers: headers)
    }

    /// The head of a request that is a part of a batch: it has no version of its own, and its URL no host.
    func part(_ request: StorageRequest, token: Secret?) -> String {
        var headers = request.headers
        headers.append(HTTPHeader("x-ms-date", HTTPDate.format(wallClock() + clockOffset.load(ordering: .relaxed))))
        headers.append(HTTPHeader("Content-Length", "0"))
        let path = account.endpoint.path + request.path
        let query = prove(request, path: path, &headers, token)
        let target = query.isEmpty ? path : "\(path)?\(query)"
        return (["\(request.method.rawValue) \(target) HTTP/1.1"] + headers.map { "\($0.name): \($0.value)" })
            .joined(separator: "\r\n")
    }

    /// Adds what shows that we may: to the headers, or to the query, which is the answer. Last of all, since a signature is
    /// over the headers that are there.
    private func prove(
        _ request: StorageRequest,
        path: String,
        _ headers: inout [HTTPHeader],
        _ token: Secret?
    ) -> String {
        let query = request.encodedQuery
        switch means {
        case .key(let key):
            let text = SharedKey.stringToSign(
                method: request.method.rawValue,
                account: account.name,
                path: path,
                query: request.query,
                headers: headers
            )
            let value = SharedKey.authorization(account: account.name, key: key, stringToSign: text)
            headers.append(HTTPHeader("Authorization", value))
            return query
        case .sas(let sas): return query + (query.isEmpty ? "" : "&") + sas.revealed()
        case .changingSAS: return token.map { query + (query.isEmpty ? "" : "&") + $0.revealed() } ?? query
        case .anonymous: return query
        case .bearer:
            if let token { headers.append(HTTPHeader("Authorization", "Bearer \(token.revealed())")) }
            return query
        }
    }

    /// Where the service finds the source of a copy, with the right to read it: it does not take our Shared Key for
    /// that, not even within the account.
    private func sourceURL(_ blob: BlobAddress, token: Secret?, now: Int64) -> String {
        let path = "/\(PercentEncoding.path(blob.container))/\(PercentEncoding.path(blob.name))"
        let url = "\(account.endpoint)\(path)"
        switch means {
        case .key(let key):
            let sas = ServiceSAS.reading(blob, until: now + Self.sourceLifetime)
            return "\(url)?\(sas.token(account: account.name, key: key).revealed())"
        case .sas(let sas): return "\(url)?\(sas.revealed())"
        case .changingSAS: return token.map { "\(url)?\($0.revealed())" } ?? url
        case .anonymous, .bearer: return url
        }
    }

    /// The path that is to be renamed. A shared access signature has to permit it there, too.
    private func renameSource(_ path: BlobAddress, token: Secret?) -> String {
        let path = "/\(PercentEncoding.path(path.container))/\(PercentEncoding.path(path.name))"
        return switch means {
        case .sas(let sas): "\(path)?\(sas.revealed())"
        case .changingSAS: token.map { "\(path)?\($0.revealed())" } ?? path
        case .key, .anonymous, .bearer: path
        }
    }

    /// Seconds that a copy source stays readable: the request's own signature lives 15 minutes.
    private static let sourceLifetime: Int64 = 3600

    /// Learns the service's clock from an answer that refused the credentials. Returns whether our date was off by more
    /// than 5 of the 15 minutes that a signature lives, so that another attempt with the right one makes sense.
    func learnClock(from serverDate: Int64) -> Bool {
        guard case .key = means else { return false }
        let offset = serverDate - wallClock()
        guard abs(offset - clockOffset.load(ordering: .relaxed)) > Self.toleratedSkew else { return false }
        clockOffset.store(offset, ordering: .relaxed)
        return true
    }

    private static let toleratedSkew: Int64 = 5 * 60
}
