/// The encryption that a request names: a key of the customer's, or a scope of the account.
extension Exchange {
    /// `x-ms-encryption-key` (32 bytes) with its digest and algorithm, or `x-ms-encryption-scope`; not both. The key is
    /// compared and forgotten: what is stored here is not encrypted. The service takes keys over TLS only; this server
    /// has none, and takes them as they come.
    func encryption() throws(Failure) -> BlobEncryption? {
        let scope = headers.nonEmpty("x-ms-encryption-scope")
        guard let text = headers.nonEmpty("x-ms-encryption-key") else {
            for name in ["x-ms-encryption-key-sha256", "x-ms-encryption-algorithm"] where headers.nonEmpty(name) != nil
            {
                throw .missingHeader("x-ms-encryption-key")
            }
            return scope.map { .scope($0) }
        }
        guard scope == nil else { throw .invalidHeader("x-ms-encryption-scope", scope ?? "") }
        guard let digest = headers.nonEmpty("x-ms-encryption-key-sha256") else {
            throw .missingHeader("x-ms-encryption-key-sha256")
        }
        guard headers["x-ms-encryption-algorithm"] == "AES256" else {
            throw .invalidHeader("x-ms-encryption-algorithm", headers["x-ms-encryption-algorithm"] ?? "")
        }
        // The key itself is in no answer.
        guard let key = Base64.decode(text), key.count == 32 else { throw .invalidHeader("x-ms-encryption-key", "") }
        guard Base64.encode(sha256(key)) == digest else { throw .invalidHeader("x-ms-encryption-key-sha256", digest) }
        return .customerKey(sha256: digest)
    }
}
