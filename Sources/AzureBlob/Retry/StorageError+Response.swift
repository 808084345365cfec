internal import BlobStorage

/// The one place where statuses, storage error codes and network failures become kinds of `StorageError`.
extension StorageError {
    init(
        _ kind: Kind,
        _ persistence: Persistence,
        _ request: StorageRequest,
        _ message: String,
        head: ResponseHead? = nil
    ) {
        self.init(
            kind,
            persistence,
            operation: request.operation.rawValue,
            resource: request.resource,
            message: message,
            status: head?.status,
            code: head?.code,
            requestID: head?.requestID,
            retryAfter: head?.retryAfter
        )
    }

    /// A complete answer that is no success.
    init(_ head: ResponseHead, body: [UInt8], request: StorageRequest) {
        let explanation = ServiceErrorBody(body)
        let code = head.code ?? explanation.code
        let (kind, persistence) = Self.kind(
            status: head.status,
            code: code,
            sourceCode: head["x-ms-copy-source-error-code"],
            sourceStatus: head["x-ms-copy-source-status-code"].flatMap { Int($0) },
            request: request
        )
        let parts = [
            explanation.message ?? Self.plainMessage(kind), explanation.subject, explanation.shownDetail, head.tenant,
        ]
        self.init(kind, persistence, request, parts.compactMap { $0 }.joined(separator: "; "), head: head)
        self.code = code
    }

    /// An attempt without a complete answer.
    init(_ failure: TransportFailure, request: StorageRequest, head: ResponseHead?) {
        switch failure {
        case .cancelled: self.init(.cancelled, .permanent, request, "cancelled", head: head)
        case .localInput: self.init(.localInput, .permanent, request, "the bytes to send could not be read", head: head)
        case .tooLong:
            self.init(.corrupted, .temporary, request, "the answer is longer than it may be", head: head)
        case .cutShort: self.init(.corrupted, .temporary, request, "the answer was cut short", head: head)
        case .untrusted(let reason): self.init(.unavailable, .permanent, request, reason, head: head)
        case .invalid(let reason): self.init(.invalid, .permanent, request, reason, head: head)
        case .network(let reason): self.init(.unavailable, .temporary, request, reason, head: head)
        }
    }

    private static func kind(
        status: Int,
        code: String?,
        sourceCode: String?,
        sourceStatus: Int?,
        request: StorageRequest
    ) -> (Kind, Persistence) {
        if code == "CannotVerifyCopySource" {
            return sourceKind(code: sourceCode, status: sourceStatus ?? status)
        }
        if let code, let known = kind(code: code, request: request) { return known }
        switch status {
        case 304: return (.conditionFailed, .permanent)
        case 400: return (.invalid, .permanent)
        case 401: return (.unauthenticated, .permanent)
        case 403: return (.denied, .permanent)
        case 404: return (notFound(request), .permanent)
        case 408: return (.unavailable, .temporary)
        case 409: return (request.condition == .absent ? .alreadyExists : .conflict, .permanent)
        case 411, 414, 431: return (.invalid, .permanent)
        case 412: return (unmet(request), .permanent)
        case 413: return (.tooLarge, .permanent)
        case 429, 503: return (.throttled, .temporary)
        case 501, 505: return (.unexpected, .permanent)
        case 500...: return (.unavailable, .temporary)
        default: return (.unexpected, .permanent)
        }
    }

    /// Codes that say more than their status does.
    private static func kind(code: String, request: StorageRequest) -> (Kind, Persistence)? {
        switch code {
        case "BlobAlreadyExists", "ContainerAlreadyExists", "ResourceAlreadyExists", "PathAlreadyExists":
            return (.alreadyExists, .permanent)
        case "ConditionNotMet", "TargetConditionNotMet": return (unmet(request), .permanent)
        case "SourceConditionNotMet", "AppendPositionConditionNotMet", "MaxBlobSizeConditionNotMet":
            return (.conditionFailed, .permanent)
        case "BlobNotFound", "ResourceNotFound", "PathNotFound": return (notFound(request), .permanent)
        case "ContainerNotFound", "FilesystemNotFound": return (.notFound, .permanent)
        // Of a file that was asked for by version, as in `notFound`.
        case "SourcePathNotFound":
            let isPinned = request.headers.contains { $0.hasName("x-ms-source-if-match") }
            return (isPinned ? .conditionFailed : .notFound, .permanent)
        case "DirectoryIsNotEmpty", "DirectoryNotEmpty": return (.notEmpty, .permanent)
        case "DestinationPathIsBeingDeleted", "SourcePathIsBeingDeleted": return (.unavailable, .temporary)
        case "InvalidRenameSourcePath", "PathIsTooDeep": return (.invalid, .permanent)
        case "AuthenticationFailed", "NoAuthenticationInformation", "InvalidAuthenticationInfo":
            return (.unauthenticated, .permanent)
        case "LeaseIdMissing", "LeaseIdMismatchWithBlobOperation", "LeaseIdMismatchWithContainerOperation",
            "LeaseNotPresentWithBlobOperation", "LeaseNotPresentWithContainerOperation", "LeaseLost",
            "LeaseAlreadyPresent", "LeaseAlreadyBroken", "InfiniteLeaseDurationRequired":
            return (.leased, .permanent)
        case "BlobImmutableDueToPolicy", "BlobImmutableDueToLegalHold", "ContainerImmutableDueToPolicy":
            return (.immutable, .permanent)
        case "BlobArchived", "BlobBeingRehydrated": return (.archived, .permanent)
        case "ContainerBeingDeleted": return (.containerBeingDeleted, .temporary)
        case "BlobUsesCustomerSpecifiedEncryption", "BlobCustomerSpecifiedEncryptionMismatch":
            return (.encrypted, .permanent)
        case "ContainerDisabled", "UnauthorizedBlobOverwrite": return (.denied, .permanent)
        case "RequestBodyTooLarge", "RequestEntityTooLarge", "BlockListTooLong", "BlockCountExceedsLimit",
            "MetadataTooLarge":
            return (.tooLarge, .permanent)
        case "InvalidBlobOrBlock", "InvalidBlockId", "InvalidBlockList", "InvalidBlobType", "SnapshotsPresent",
            "BlobIsSealed", "PendingCopyOperation", "PathConflict", "InvalidSourceOrDestinationResourceType",
            "OperationNotSupportedOnDirectory":
            return (.conflict, .permanent)
        // A reader and an appender met; either side may be told.
        case "BlobModifiedWhileReading": return (.unavailable, .temporary)
        // The body changed on the way.
        case "Md5Mismatch", "Crc64Mismatch": return (.corrupted, .temporary)
        case "ServerBusy", "TooManyRequests": return (.throttled, .temporary)
        case "FeatureNotSupported", "APINotImplemented", "FeatureNotYetSupportedForHierarchicalNamespaceAccounts":
            return (.unexpected, .permanent)
        default: return nil
        }
    }

    /// The service could not read the source of a copy: the source's own answer counts.
    private static func sourceKind(code: String?, status: Int) -> (Kind, Persistence) {
        switch code {
        case "OperationTimedOut", "InternalError": return (.unavailable, .temporary)
        case "ServerBusy": return (.throttled, .temporary)
        case "BlobArchived", "BlobBeingRehydrated": return (.archived, .permanent)
        case "BlobUsesCustomerSpecifiedEncryption": return (.encrypted, .permanent)
        default: break
        }
        switch status {
        case 401: return (.unauthenticated, .permanent)
        case 403: return (.denied, .permanent)
        case 404: return (.notFound, .permanent)
        case 304, 412: return (.conditionFailed, .permanent)
        case 500...: return (.unavailable, .temporary)
        default: return (.conflict, .permanent)
        }
    }

    /// `If-None-Match: *` is refused with 409 or 412, by operation: both mean that something is there.
    private static func unmet(_ request: StorageRequest) -> Kind {
        request.condition == .absent ? .alreadyExists : .conditionFailed
    }

    /// A blob that was asked for by version and is gone is another version; only a delete has nothing left to do.
    private static func notFound(_ request: StorageRequest) -> Kind {
        guard request.blob != nil, request.operation != .deleteBlob, case .matches = request.condition else {
            return .notFound
        }
        return .conditionFailed
    }

    /// For answers without an explanation: HEAD has no body, a proxy's is not ours.
    private static func plainMessage(_ kind: Kind) -> String {
        switch kind {
        case .notFound: "not there"
        case .alreadyExists: "already there"
        case .conditionFailed: "replaced by another version, or gone"
        case .notEmpty: "the directory is not empty"
        case .unauthenticated: "the credentials are missing, wrong or expired"
        case .denied: "the credentials do not permit this"
        case .leased: "guarded by a lease"
        case .immutable: "guarded by a legal hold or a retention policy"
        case .archived: "in the archive tier"
        case .encrypted: "encrypted with a key that a customer keeps"
        case .conflict: "in conflict with the blob's type or state"
        case .containerBeingDeleted: "the container is being deleted"
        case .invalid: "the request is not valid"
        case .tooLarge: "too large"
        case .throttled: "the service asks for fewer requests"
        case .unavailable: "the service failed"
        case .corrupted: "the bytes changed on the way"
        case .cancelled: "cancelled"
        case .localInput: "the bytes to send could not be read"
        case .unexpected: "an answer that is not expected"
        }
    }
}
