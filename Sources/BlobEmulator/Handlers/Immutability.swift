/// Set and Delete Blob Immutability Policy, Set Blob Legal Hold.
///
/// The service has them for containers that were set up for them; here every blob can be guarded.
extension Service {
    func setImmutabilityPolicy(_ exchange: Exchange) throws(Failure) -> Response {
        guard let text = exchange.headers.nonEmpty("x-ms-immutability-policy-until-date") else {
            throw .missingHeader("x-ms-immutability-policy-until-date")
        }
        guard let until = Timestamp(httpDate: text), until > exchange.now else {
            throw .invalidHeader("x-ms-immutability-policy-until-date", text)
        }
        let word = exchange.headers.nonEmpty("x-ms-immutability-policy-mode") ?? "Unlocked"
        guard
            let mode = [ImmutabilityPolicy.Mode.unlocked, .locked].first(where: {
                $0.rawValue.lowercased() == word.lowercased()
            })
        else { throw .invalidHeader("x-ms-immutability-policy-mode", word) }
        let policy = ImmutabilityPolicy(until: until, mode: mode)
        let blob = try protect(exchange) { (protection) throws(Failure) in
            if let old = protection.policy, old.mode == .locked, mode == .unlocked || until < old.until {
                throw .code(.blobImmutableDueToPolicy)
            }
            protection.policy = policy
        }
        return Response(200, blob.protectionHeaders)
    }

    func deleteImmutabilityPolicy(_ exchange: Exchange) throws(Failure) -> Response {
        _ = try protect(exchange) { (protection) throws(Failure) in
            guard protection.policy?.mode != .locked else { throw .code(.blobImmutableDueToPolicy) }
            protection.policy = nil
        }
        return Response(200)
    }

    func setLegalHold(_ exchange: Exchange) throws(Failure) -> Response {
        guard let text = exchange.headers.nonEmpty("x-ms-legal-hold") else { throw .missingHeader("x-ms-legal-hold") }
        guard let holds = ["true": true, "false": false][text.lowercased()] else {
            throw .invalidHeader("x-ms-legal-hold", text)
        }
        _ = try protect(exchange) { (protection) throws(Failure) in protection.hasLegalHold = holds }
        return Response(200, [("x-ms-legal-hold", String(holds))])
    }

    /// Changes what guards a blob; its version stays as it is.
    private func protect(
        _ exchange: Exchange,
        _ body: (inout BlobProtection) throws(Failure) -> Void
    ) throws(Failure) -> Blob {
        let name = try exchange.blobName()
        return try exchange.container()
            .withState { (state) throws(Failure) in
                var blob = try state.existingBlob(name)
                try body(&blob.protection)
                state.commit(.blob(name, blob))
                return blob
            }
    }
}
