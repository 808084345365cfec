/// Checks a shared access signature: its signature, its time, where it may be used from, and for what.
struct TokenVerifier {
    private let exchange: Exchange
    private let query: QueryParameters

    init(_ exchange: Exchange) {
        self.exchange = exchange
        query = exchange.query
    }

    func grant() throws(Failure) -> Grant {
        guard let version = query.nonEmpty("sv"), Timestamp(iso8601: version) != nil else {
            throw .authenticationFailed("sv is mandatory. Cannot be empty")
        }
        return query["ss"] != nil || query["srt"] != nil ? try accountGrant() : try resourceGrant()
    }

    // MARK: Account tokens

    private func accountGrant() throws(Failure) -> Grant {
        let account = exchange.address.account
        try checkSignature(SharedAccessSignature.accountString(query, account: account.name), key: account.key)
        try checkTime(start: query.nonEmpty("st"), expiry: query.nonEmpty("se"), what: "Signature")
        try checkOrigin()
        guard (query["ss"] ?? "").contains("b") else { throw .code(.authorizationServiceMismatch) }
        let rule = exchange.operation.accessRule
        if rule.resource != "*", !(query["srt"] ?? "").contains(rule.resource) {
            throw .code(.authorizationResourceTypeMismatch)
        }
        let permissions = query["sp"] ?? ""
        try check(rule, permissions)
        return .token(permissions: permissions, isAccountToken: true)
    }

    // MARK: Tokens for containers, directories, blobs and snapshots

    private func resourceGrant() throws(Failure) -> Grant {
        let isDelegated = query["skoid"] != nil
        let policy = try storedPolicy()
        let canonicalName = exchange.address.canonicalName(blob: try signedBlobName())
        let snapshot = query["snapshot"] ?? query["versionid"] ?? ""
        let signedSnapshot = query["sr"] == "bs" || query["sr"] == "bv" ? snapshot : ""
        if isDelegated {
            // Values bound to headers or parameters, or to another user, cannot be checked here: refuse, never ignore.
            guard query.nonEmpty("srh") == nil, query.nonEmpty("srq") == nil, query.nonEmpty("sduoid") == nil else {
                throw .authenticationFailed("The token is bound to values that this server does not check.")
            }
            let text = SharedAccessSignature.userDelegationString(
                query,
                canonicalName: canonicalName,
                snapshot: signedSnapshot
            )
            try checkSignature(text, key: delegationKey())
            try checkTime(start: query.nonEmpty("skt"), expiry: query.nonEmpty("ske"), what: "Signature key")
        } else {
            let text = SharedAccessSignature.serviceString(
                query,
                canonicalName: canonicalName,
                snapshot: signedSnapshot
            )
            try checkSignature(text, key: exchange.address.account.key)
        }
        try checkTime(
            start: query.nonEmpty("st") ?? policy?.start,
            expiry: query.nonEmpty("se") ?? policy?.expiry,
            what: "Signature"
        )
        try checkOrigin()
        let rule = exchange.operation.accessRule
        guard rule.allowsServiceToken else { throw .code(.authorizationFailure) }
        try checkScope(rule)
        let permissions = query.nonEmpty("sp") ?? policy?.permissions ?? ""
        try check(rule, permissions)
        return .token(permissions: permissions, isAccountToken: false)
    }

    /// The part of the blob's name that is signed: none for a container, the first `sdd` segments for a directory.
    private func signedBlobName() throws(Failure) -> String? {
        switch query["sr"] {
        case "c": return nil
        case "b", "bs", "bv": return exchange.address.blob?.text ?? ""
        case "d":
            guard let depth = query["sdd"].flatMap({ number($0.utf8) }) else {
                throw .authenticationFailed("sdd is mandatory for a directory.")
            }
            // A listing names its directory by the prefix.
            let name = exchange.address.blob?.text ?? query["prefix"] ?? query["directory"] ?? ""
            let segments = name.split(separator: "/", omittingEmptySubsequences: true)
            guard segments.count >= depth else { throw .code(.authorizationFailure) }
            return segments.prefix(Int(depth)).joined(separator: "/")
        default:
            throw .authenticationFailed("sr is mandatory. Cannot be empty")
        }
    }

    private func storedPolicy() throws(Failure) -> AccessPolicy? {
        guard let id = query.nonEmpty("si") else { return nil }
        guard query["skoid"] == nil else {
            throw .authenticationFailed("A stored access policy cannot be used with a user delegation token.")
        }
        let found = try? exchange.container()
            .withState { (state) throws(Failure) in state.properties.policies.first { $0.id == id } }
        guard let policy = found.flatMap({ $0 }) else { throw .code(.authorizationFailure) }
        let isTwice =
            query.nonEmpty("st") != nil && policy.start != nil
            || query.nonEmpty("se") != nil && policy.expiry != nil
            || query.nonEmpty("sp") != nil && policy.permissions != nil
        guard !isTwice else {
            throw .authenticationFailed("A field is both in the token and in its stored access policy.")
        }
        return policy
    }

    private func delegationKey() -> [UInt8] {
        UserDelegationKey.value(
            .init(
                objectID: query["skoid"] ?? "",
                tenantID: query["sktid"] ?? "",
                start: query["skt"] ?? "",
                expiry: query["ske"] ?? "",
                service: query["sks"] ?? "",
                version: query["skv"] ?? "",
                delegatedTenantID: query["skdutid"] ?? ""
            ),
            accountKey: exchange.address.account.key
        )
    }

    /// A token for a container is good for its blobs and for listing it; one for a blob for that blob alone.
    private func checkScope(_ rule: AccessRule) throws(Failure) {
        let isOnContainer = rule.resource == "c"
        switch query["sr"] {
        case "b", "bs", "bv":
            guard !isOnContainer else { throw .code(.authorizationResourceTypeMismatch) }
            if query["sr"] == "bs", query.nonEmpty("snapshot") == nil { throw .code(.authorizationFailure) }
        case "c", "d":
            break
        default:
            throw .code(.authorizationFailure)
        }
    }

    // MARK: Checks

    private func checkSignature(_ text: String, key: [UInt8]) throws(Failure) {
        let presented = query["sig"].flatMap(Base64.decode) ?? []
        guard isSameSignature(presented, hmacSHA256(key: key, message: text)) else {
            throw .authenticationFailed("Signature did not match. String to sign used was \(text)")
        }
    }

    private func checkTime(start: String?, expiry: String?, what: String) throws(Failure) {
        func time(_ name: String, _ text: String?) throws(Failure) -> Timestamp? {
            guard let text else { return nil }
            guard let time = Timestamp(iso8601: text) else {
                throw .authenticationFailed("\(name) is not a time: \(text)")
            }
            return time
        }
        let startTime = try time("st", start)
        guard let expiryTime = try time("se", expiry) else {
            throw .authenticationFailed("se is mandatory. Cannot be empty")
        }
        guard startTime.map({ $0 <= exchange.now }) ?? true, exchange.now < expiryTime else {
            let frame = what == "Signature" ? "time frame" : "key time frame"
            throw .authenticationFailed(
                "Signature not valid in the specified \(frame): Start [\(startTime?.httpDate ?? "")]"
                    + " - Expiry [\(expiryTime.httpDate)] - Current [\(exchange.now.httpDate)]"
            )
        }
    }

    private func checkOrigin() throws(Failure) {
        // This server speaks plain HTTP only.
        if let protocols = query.nonEmpty("spr"), !protocols.split(separator: ",").contains("http") {
            throw .code(.authorizationProtocolMismatch)
        }
        if let addresses = query.nonEmpty("sip") {
            let ends = addresses.split(separator: "-").map { IPv4Address(String($0)) }
            guard let first = ends.first ?? nil, let last = ends.last ?? nil, let peer = IPv4Address(exchange.peer),
                first.value <= peer.value, peer.value <= last.value
            else { throw .code(.authorizationSourceIPMismatch) }
        }
    }

    private func check(_ rule: AccessRule, _ permissions: String) throws(Failure) {
        guard rule.anyOf != "*" else { return }
        guard !rule.anyOf.isEmpty else { throw .code(.authorizationFailure) }
        guard permissions.contains(where: { rule.anyOf.contains($0) }) else {
            throw .code(.authorizationPermissionMismatch)
        }
    }
}

/// An address of the form `203.0.113.7`, as a number that ranges can be made of.
struct IPv4Address {
    let value: UInt32

    init?(_ text: String) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false).map { UInt8($0) }
        guard parts.count == 4 else { return nil }
        var value: UInt32 = 0
        for part in parts {
            guard let part else { return nil }
            value = value << 8 | UInt32(part)
        }
        self.value = value
    }
}
