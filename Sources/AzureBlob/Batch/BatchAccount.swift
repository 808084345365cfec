package import BlobStorage

/// A Batch account and what opens it.
package struct BatchAccount: Sendable {
    /// What a request is authorized with.
    package enum Credential: Sendable {
        /// The account's key, base64.
        case sharedKey(Secret)
        /// A Microsoft Entra token for `https://batch.core.windows.net/`. It is asked for every request: keeping it is its
        /// business.
        case bearer(@Sendable () async -> Result<Secret, StorageError>)
    }

    /// What tokens for Batch are made out to.
    package static let audience = "https://batch.core.windows.net/"

    /// `https://name.region.batch.azure.com`, without a slash at the end: what `AZ_BATCH_ACCOUNT_URL` holds.
    package let url: String
    /// The plain name that signatures carry.
    package let name: String
    package let credential: Credential

    /// - Parameter name: where the URL does not tell it: else it is the first label of the host.
    package init(url text: String, name: String?, credential: Credential) throws(AccountError) {
        let parts: URLParts
        do throws(AccountError) { parts = try URLParts(text) } catch {
            throw AccountError("a Batch account is https://<account>.<region>.batch.azure.com")
        }
        guard parts.query == nil, parts.path.allSatisfy({ $0 == "/" }) else {
            throw AccountError("a Batch account is https://<account>.<region>.batch.azure.com, without path or query")
        }
        let host = parts.authority.prefix { $0 != ":" }
        // The key and the token go where this leads.
        guard parts.scheme == "https" || ["127.0.0.1", "localhost"].contains(host) else {
            throw AccountError("a Batch account is asked by https:// only")
        }
        guard let name = name ?? host.split(separator: ".").first.map(String.init), !name.isEmpty else {
            throw AccountError("the URL does not tell the Batch account's name")
        }
        url = "\(parts.scheme)://\(parts.authority)"
        self.name = name
        self.credential = credential
    }
}
