/// Requests for a managed identity's token, and what their answers mean.
extension ManagedIdentity {
    func request(for audience: TokenAudience) -> HTTPRequest {
        var query = "resource=\(PercentEncoding.queryValue(audience.resource))"
        if let selector {
            let (name, value) =
                switch (selector, service) {
                case (.clientID(let id), _): ("client_id", id)
                case (.objectID(let id), _): ("object_id", id)
                case (.resourceID(let id), .imds): ("msi_res_id", id)
                case (.resourceID(let id), .appService): ("mi_res_id", id)
                }
            query += "&\(name)=\(PercentEncoding.queryValue(value))"
        }
        switch service {
        case .imds(let base):
            return HTTPRequest(
                method: .get,
                url: "\(base)/metadata/identity/oauth2/token?api-version=2018-02-01&\(query)",
                headers: [HTTPHeader("Metadata", "true")]
            )
        case .appService(let endpoint, let header):
            let separator = endpoint.contains("?") ? "&" : "?"
            return HTTPRequest(
                method: .get,
                url: "\(endpoint)\(separator)api-version=2019-08-01&\(query)",
                headers: [HTTPHeader("X-IDENTITY-HEADER", header.revealed()), HTTPHeader("Metadata", "true")]
            )
        }
    }

    /// What an answer without a token means.
    ///
    /// - Parameter isSearch: whether it is asked on the chance that it is there. Other clouds have something else at
    ///   IMDS's address, which says 401 or 404, and never in JSON.
    func failure(status: Int, body: [UInt8], isSearch: Bool) -> SignInFailure {
        let answer = TokenAnswer(body)
        let said = answer?.explanation ?? answer?.error
        let text = said.map { "HTTP \(status), \($0)" } ?? "HTTP \(status)"
        switch (service, status) {
        case (.imds, 400):
            let which = selector == nil ? "an identity" : "that identity"
            return SignInFailure(
                .absent,
                "this machine does not have \(which) (\(text))",
                try: "az vm identity assign, or the pool's identity in Azure Batch",
                "--client-id ID, where it has several"
            )
        case (.imds, 200..<500) where isSearch && answer == nil && status != 410 && status != 429:
            return SignInFailure(.absent, "what answers in its place is not Azure's (\(text))")
        // A container engine's own proxy answers for an address that is not there.
        case (.imds, 403) where String(decoding: body, as: UTF8.self).contains("unreachable"):
            return SignInFailure(.absent, "there is no IMDS here (\(text))")
        case (_, 404), (_, 408), (_, 410), (_, 429), (_, 500...):
            return SignInFailure(.unavailable, text)
        default:
            return SignInFailure(
                .refused,
                text,
                try: "the identity that is assigned to this instance, and --client-id ID where it has several"
            )
        }
    }

    /// How long to wait before the next attempt, by Microsoft's rules for IMDS; `nil` to give up.
    ///
    /// - Parameters:
    ///   - status: `nil` without an answer.
    ///   - failures: in a row, this one included.
    ///   - elapsed: since the first.
    static func delay(status: Int?, retryAfter: Duration?, failures: Int, elapsed: Duration) -> Duration? {
        switch status ?? 500 {
        // It is being updated, which takes up to 70 s: 5, 10, 20, 40.
        case 410: return elapsed < .seconds(70) ? .seconds(5) * (1 << min(failures - 1, 3)) : nil
        case 404, 408, 429, 500...:
            // 0.8 to 12.8 s, 25 in all.
            guard failures <= 5 else { return nil }
            let delay = Duration.milliseconds(800) * (1 << (failures - 1))
            return max(delay, min(retryAfter ?? .zero, .seconds(30)))
        default: return nil
        }
    }
}
