/// A failure of storage: what to do about it, whether trying again may help, and everything a log line needs.
package struct StorageError: Error, Sendable, CustomStringConvertible {
    /// What to do about it. Nobody above the client looks at HTTP codes.
    package enum Kind: Sendable, Hashable {
        /// The blob or container does not exist.
        case notFound
        /// `.absent` was asked for, and something is there.
        case alreadyExists
        /// Another version than the one asked for.
        case conditionFailed
        /// Credentials are missing, wrong or expired.
        case unauthenticated
        /// The credentials do not permit this.
        case denied
        /// Something is in the directory that was to be removed or replaced.
        case notEmpty
        /// A lease guards the blob.
        case leased
        /// A legal hold or retention policy guards the blob.
        case immutable
        /// The archive tier: readable after a rehydration only.
        case archived
        /// Encrypted with a key that a customer keeps and that was not sent along: not even a HEAD is answered.
        case encrypted
        /// The blob is of another type, or in a state that forbids this (pending copy, snapshots present, sealed).
        case conflict
        /// The container is being deleted; its name is free again after a while.
        case containerBeingDeleted
        /// A name, header or body that the service does not take.
        case invalid
        /// Larger than the service allows, or too many blocks.
        case tooLarge
        /// The service asks for fewer requests (503, 429).
        case throttled
        /// The service or the network failed for now (other 5xx, refused, reset, timeout, DNS).
        case unavailable
        /// The answer broke its own promises: cut short, checksum wrong, XML unreadable.
        case corrupted
        /// Asked to stop.
        case cancelled
        /// The bytes to send could not be read locally.
        case localInput
        /// An answer that none of the above describes.
        case unexpected
    }

    package enum Persistence: Sendable, Hashable {
        /// Trying again gives the same answer.
        case permanent
        /// Trying again may help.
        case temporary
        /// Trying again did not help for as long as was allowed.
        case persistent
    }

    package var kind: Kind
    package var persistence: Persistence
    /// The REST operation, by its name in the reference ("Put Block List").
    package var operation: String
    /// Container, or container/blob.
    package var resource: String
    /// What happened, for people; without secrets.
    package var message: String
    package var status: Int?
    /// The storage error code (`x-ms-error-code`).
    package var code: String?
    /// `x-ms-request-id`.
    package var requestID: String?
    /// How long the service asked to wait (Retry-After).
    package var retryAfter: Duration?

    package init(
        _ kind: Kind,
        _ persistence: Persistence,
        operation: String,
        resource: String,
        message: String,
        status: Int? = nil,
        code: String? = nil,
        requestID: String? = nil,
        retryAfter: Duration? = nil
    ) {
        self.kind = kind
        self.persistence = persistence
        self.operation = operation
        self.resource = resource
        self.message = message
        self.status = status
        self.code = code
        self.requestID = requestID
        self.retryAfter = retryAfter
    }

    package var description: String {
        var text = "\(operation) \(resource): \(message)"
        var details: [String] = []
        if let status { details.append("HTTP \(status)") }
        if let code { details.append(code) }
        if let requestID { details.append("request \(requestID)") }
        if !details.isEmpty { text += " (\(details.joined(separator: ", ")))" }
        return text
    }
}
