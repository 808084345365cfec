/// How a blob is encrypted where not with the account's own key.
enum BlobEncryption: Sendable, Equatable {
    /// By a key that comes with each request and is not kept; base64 of the SHA-256 of its 32 bytes.
    case customerKey(sha256: String)
    /// By a key of the account that has a name; reads need not name it.
    case scope(String)
}

/// Until when a blob may be neither changed nor deleted.
struct ImmutabilityPolicy: Sendable, Equatable {
    enum Mode: String, Sendable {
        case unlocked = "Unlocked"
        /// May be made longer, and nothing else.
        case locked = "Locked"
    }

    var until: Timestamp
    var mode: Mode
}

/// When a blob was deleted that is kept for a while, and until when it is.
struct Deletion: Sendable, Equatable {
    var time: Timestamp
    var ends: Timestamp
}

/// What guards a blob, or keeps it from being read: all of it absent for most.
struct BlobProtection: Sendable, Equatable {
    var encryption: BlobEncryption?
    var policy: ImmutabilityPolicy?
    var hasLegalHold = false
    /// When a rehydration that is under way is to be found finished.
    var rehydrates: Timestamp?
    /// There for a blob or snapshot that was deleted and can be brought back.
    var deletion: Deletion?
}

extension Blob {
    /// `409` for a change or removal of what a legal hold or a policy guards.
    func requireMutable(at now: Timestamp) throws(Failure) {
        if protection.hasLegalHold { throw .code(.blobImmutableDueToLegalHold) }
        if let policy = protection.policy, policy.until > now { throw .code(.blobImmutableDueToPolicy) }
    }

    /// `409` unless the request brings the key that the blob is encrypted with, or none where it is with none.
    func requireKey(_ presented: BlobEncryption?) throws(Failure) {
        switch (protection.encryption, presented) {
        case (.customerKey, nil), (.customerKey, .scope): throw .code(.blobUsesCustomerSpecifiedEncryption)
        case (.customerKey(let own), .customerKey(let key)):
            guard own == key else { throw .code(.blobCustomerSpecifiedEncryptionMismatch) }
        case (_, .customerKey): throw .code(.blobDoesNotUseCustomerSpecifiedEncryption)
        default: break
        }
    }

    /// The blob with a rehydration that is over by now done: its version stays.
    func rehydrated(at now: Timestamp) -> Blob {
        guard let end = protection.rehydrates, end <= now, let tier = rehydratesTo else { return self }
        var blob = self
        (blob.tier, blob.tierChanged, blob.rehydratesTo, blob.protection.rehydrates) = (tier, end, nil, nil)
        return blob
    }

    var archiveStatus: String? { rehydratesTo.map { "rehydrate-pending-to-" + $0.rawValue.lowercased() } }

    /// Whether a deleted blob can still be brought back.
    func isRetained(at now: Timestamp) -> Bool { protection.deletion.map { $0.ends > now } ?? true }

    /// The headers that tell of all this.
    var protectionHeaders: [(name: String, value: String)] {
        var headers: [(name: String, value: String)] = []
        switch protection.encryption {
        case .customerKey(let digest): headers.append(("x-ms-encryption-key-sha256", digest))
        case .scope(let name): headers.append(("x-ms-encryption-scope", name))
        case nil: break
        }
        if let policy = protection.policy {
            headers.append(("x-ms-immutability-policy-until-date", policy.until.httpDate))
            headers.append(("x-ms-immutability-policy-mode", policy.mode.rawValue.lowercased()))
        }
        if protection.hasLegalHold { headers.append(("x-ms-legal-hold", "true")) }
        return headers
    }
}
