/// What the credentials of a request allow.
enum Grant: Sendable {
    /// The account's key, or an accepted bearer token.
    case full(isBearer: Bool)
    /// A token, with the letters of its permissions.
    case token(permissions: String, isAccountToken: Bool)
    /// Nobody in particular, reading a public container.
    case anonymous

    /// Whether a write may replace a blob that is there: `c` alone makes new ones only.
    var mayOverwrite: Bool {
        guard case .token(let permissions, _) = self else { return true }
        return permissions.utf8.contains(UInt8(ascii: "w"))
    }

    /// Whether tags may be set along with a write.
    var maySetTags: Bool {
        guard case .token(let permissions, _) = self else { return true }
        return permissions.utf8.contains(UInt8(ascii: "t"))
    }
}

/// What an operation asks of a token.
struct AccessRule {
    /// The letter of `srt` that an account token needs: service, container or object.
    var resource: Character
    /// One of these permissions is needed; empty: no token will do.
    var anyOf: String
    /// Whether tokens for a container or blob can do it at all.
    var allowsServiceToken: Bool
}

extension Operation {
    var accessRule: AccessRule {
        switch self {
        case .listContainers: .init(resource: "s", anyOf: "l", allowsServiceToken: false)
        case .getServiceProperties, .getServiceStats: .init(resource: "s", anyOf: "r", allowsServiceToken: false)
        case .setServiceProperties: .init(resource: "s", anyOf: "w", allowsServiceToken: false)
        case .getUserDelegationKey, .getContainerACL, .setContainerACL:
            .init(resource: "s", anyOf: "", allowsServiceToken: false)
        case .getAccountInformation: .init(resource: "*", anyOf: "*", allowsServiceToken: true)
        case .blobBatch: .init(resource: "*", anyOf: "*", allowsServiceToken: true)
        case .createContainer: .init(resource: "c", anyOf: "cw", allowsServiceToken: false)
        case .deleteContainer: .init(resource: "c", anyOf: "d", allowsServiceToken: false)
        case .getContainerProperties, .getContainerMetadata:
            .init(resource: "c", anyOf: "r", allowsServiceToken: false)
        case .setContainerMetadata: .init(resource: "c", anyOf: "w", allowsServiceToken: false)
        case .leaseContainer: .init(resource: "c", anyOf: "wd", allowsServiceToken: false)
        case .listBlobs: .init(resource: "c", anyOf: "l", allowsServiceToken: true)
        case .getBlob, .getBlobProperties, .getBlobMetadata, .getBlockList:
            .init(resource: "o", anyOf: "r", allowsServiceToken: true)
        case .putBlob, .putBlobFromURL, .copyBlob, .copyBlobFromURL, .snapshotBlob:
            .init(resource: "o", anyOf: "cw", allowsServiceToken: true)
        case .putBlock, .putBlockFromURL, .putBlockList, .setBlobMetadata, .setBlobProperties, .setBlobTier,
            .abortCopyBlob, .putPage, .undeleteBlob:
            .init(resource: "o", anyOf: "w", allowsServiceToken: true)
        case .setImmutabilityPolicy, .deleteImmutabilityPolicy, .setLegalHold:
            .init(resource: "o", anyOf: "i", allowsServiceToken: true)
        case .leaseBlob: .init(resource: "o", anyOf: "wd", allowsServiceToken: true)
        case .appendBlock, .appendBlockFromURL, .sealAppendBlob:
            .init(resource: "o", anyOf: "aw", allowsServiceToken: true)
        case .deleteBlob: .init(resource: "o", anyOf: "dxy", allowsServiceToken: true)
        case .listFilesystems: .init(resource: "s", anyOf: "l", allowsServiceToken: false)
        case .createFilesystem: .init(resource: "c", anyOf: "cw", allowsServiceToken: false)
        case .deleteFilesystem: .init(resource: "c", anyOf: "d", allowsServiceToken: false)
        case .getFilesystemProperties: .init(resource: "c", anyOf: "r", allowsServiceToken: false)
        case .setFilesystemProperties: .init(resource: "c", anyOf: "w", allowsServiceToken: false)
        case .listPaths: .init(resource: "c", anyOf: "l", allowsServiceToken: true)
        case .createPath: .init(resource: "o", anyOf: "cw", allowsServiceToken: true)
        case .renamePath: .init(resource: "o", anyOf: "m", allowsServiceToken: true)
        case .deletePath: .init(resource: "o", anyOf: "d", allowsServiceToken: true)
        case .getPathProperties: .init(resource: "o", anyOf: "re", allowsServiceToken: true)
        case .readPath: .init(resource: "o", anyOf: "r", allowsServiceToken: true)
        case .updatePath: .init(resource: "o", anyOf: "awop", allowsServiceToken: true)
        case .leasePath: .init(resource: "o", anyOf: "wd", allowsServiceToken: true)
        case .getBlobTags, .setBlobTags: .init(resource: "o", anyOf: "t", allowsServiceToken: true)
        }
    }

    /// Whether a public container answers it without credentials.
    func isPublic(_ access: PublicAccess) -> Bool {
        switch self {
        case .getBlob, .getBlobProperties, .getBlobMetadata: true
        case .listBlobs, .getContainerProperties, .getContainerMetadata: access == .container
        default: false
        }
    }
}
