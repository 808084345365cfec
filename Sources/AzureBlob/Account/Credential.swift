package import BlobStorage

/// What a request is authorized with.
package enum Credential: Sendable {
    /// The account key, base64: every request is signed with it.
    case sharedKey(Secret)
    /// A shared access signature: a query string, with or without its `?`, sent byte for byte.
    case sas(Secret)
    /// Public containers.
    case anonymous
    /// A Microsoft Entra token. The closure gives the token to send; `refused` is the one that the service just
    /// answered 401 to, and then another is wanted. It is called for every attempt: caching is its business.
    case bearer(@Sendable (_ refused: Secret?) async -> Result<Secret, StorageError>)
}
