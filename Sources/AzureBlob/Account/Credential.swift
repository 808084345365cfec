package import BlobStorage

/// What a request is authorized with.
package enum Credential: Sendable {
    /// The account key, base64: every request is signed with it.
    case sharedKey(Secret)
    /// A shared access signature: a query string, with or without its `?`, sent byte for byte.
    case sas(Secret)
    /// One that somebody renews while we run.
    case changingSAS(any CredentialSource)
    /// Public containers.
    case anonymous
    /// A Microsoft Entra token.
    case bearer(any CredentialSource)
}

/// A secret that changes over time. It is asked for every attempt of every request: keeping it is its business.
package protocol CredentialSource: Sendable {
    /// What may be sent now, without waiting; `nil` if it must be awaited. Called on data paths.
    func ready() -> Secret?

    /// What may be sent now. `refused` is the one to which the service just said that it does not know us (401, or 403
    /// with AuthenticationFailed): then another is wanted, and the same again means that there is none.
    func secret(refused: Secret?) async -> Result<Secret, StorageError>

    /// How long the present one is good; `nil` where there is none, or nobody says.
    var remaining: Duration? { get }
}

extension CredentialSource {
    package var remaining: Duration? { nil }
}

extension Credential {
    /// How long it is good as it is; `nil` for what does not end.
    package var remaining: Duration? {
        switch self {
        case .changingSAS(let source), .bearer(let source): source.remaining
        case .sharedKey, .sas, .anonymous: nil
        }
    }
}
