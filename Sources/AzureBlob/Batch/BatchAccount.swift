/// A Batch account and what opens it.
package struct BatchAccount: Sendable {
    /// What a request is authorized with.
    package enum Credential: Sendable {
        /// The account's key, base64.
        case sharedKey(Secret)
        /// A Microsoft Entra token for Batch. It is asked for every request: keeping it is its business.
        case bearer(any CredentialSource)
    }

    /// `https://name.region.batch.azure.com`, without a slash at the end: what `AZ_BATCH_ACCOUNT_URL` holds.
    package let url: String
    /// The plain name that signatures carry.
    package let name: String
    package let credential: Credential

    /// - Parameter name: where the URL does not tell it: else it is the first label of the host.
    package init(url text: String, name: String?, credential: Credential) throws(AccountError) {
        let parts = try Self.parts(text)
        guard let name = name ?? Self.host(parts).split(separator: ".").first.map(String.init), !name.isEmpty else {
            throw AccountError("the URL does not tell the Batch account's name")
        }
        url = "\(parts.scheme)://\(parts.authority)"
        self.name = name
        self.credential = credential
    }

    /// The host of an account, which tells the cloud.
    package static func host(url text: String) throws(AccountError) -> String { String(host(try parts(text))) }

    private static func host(_ parts: URLParts) -> Substring { parts.authority.prefix { $0 != ":" } }

    private static func parts(_ text: String) throws(AccountError) -> URLParts {
        let parts: URLParts
        do throws(AccountError) { parts = try URLParts(text) } catch {
            throw AccountError("a Batch account is https://<account>.<region>.batch.azure.com")
        }
        guard parts.query == nil, parts.path.allSatisfy({ $0 == "/" }) else {
            throw AccountError("a Batch account is https://<account>.<region>.batch.azure.com, without path or query")
        }
        // The key and the token go where this leads.
        guard parts.scheme == "https" || ["127.0.0.1", "localhost"].contains(host(parts)) else {
            throw AccountError("a Batch account is asked by https:// only")
        }
        return parts
    }
}
