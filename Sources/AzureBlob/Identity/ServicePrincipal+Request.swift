/// Requests to the token endpoint, and what their answers mean.
extension ServicePrincipal {
    /// What the request's body carries as proof.
    enum ShownProof {
        case secret(Secret)
        /// A JWT that we signed, or somebody else.
        case assertion(Secret)
    }

    func request(_ proof: ShownProof, for audience: TokenAudience) -> (request: HTTPRequest, body: [UInt8]) {
        var fields = [
            ("grant_type", "client_credentials"), ("client_id", clientID), ("scope", audience.scope),
        ]
        switch proof {
        case .secret(let secret): fields.append(("client_secret", secret.revealed()))
        case .assertion(let token):
            fields.append(("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"))
            fields.append(("client_assertion", token.revealed()))
        }
        let body = fields.map { "\($0.0)=\(PercentEncoding.queryValue($0.1))" }.joined(separator: "&")
        let headers = [
            HTTPHeader("Content-Type", "application/x-www-form-urlencoded"), HTTPHeader("Accept", "application/json"),
        ]
        return (HTTPRequest(method: .post, url: tokenURL, headers: headers), Array(body.utf8))
    }

    /// What an answer without a token means. Its text has the AADSTS number, which is what people look up.
    func failure(status: Int, body: [UInt8]) -> SignInFailure {
        let answer = TokenAnswer(body)
        let said = answer?.explanation ?? answer?.error
        let text = "\(authority) says \(said.map { "HTTP \(status), \($0)" } ?? "HTTP \(status)")"
        guard status != 408, status != 429, status < 500, answer?.error != "temporarily_unavailable" else {
            return SignInFailure(.unavailable, text)
        }
        return SignInFailure(.refused, text, try: remedy(for: said ?? ""))
    }

    private func remedy(for said: String) -> String {
        let number = said.firstRange(of: "AADSTS").map { said[$0.upperBound...].prefix { $0.isNumber } }
        switch number {
        case "90002", "900023": return "the tenant: \(tenantID) (--tenant-id, AZURE_TENANT_ID)"
        case "700016": return "the tenant and the application: \(clientID) is not known in \(tenantID)"
        case "7000215": return "the secret's value, not its id (--client-secret-file, AZURE_CLIENT_SECRET)"
        case "7000222": return "a new secret: az ad app credential reset --id \(clientID)"
        case "700027": return "the certificate that is registered: az ad app credential list --cert --id \(clientID)"
        case "70021", "700211", "700212", "700213":
            return "issuer, subject and audience: az ad app federated-credential list --id \(clientID)"
        case "700024": return "date (the clock must be right)"
        default: return "tenant \(tenantID), application \(clientID), and what proves that we are it"
        }
    }

    /// How long to wait before the next attempt; `nil` to give up. Whoever needs the token asks again by himself.
    ///
    /// - Parameter failures: in a row, this one included.
    static func delay(retryAfter: Duration?, failures: Int) -> Duration? {
        guard failures <= 2 else { return nil }
        return max(.milliseconds(500) * (1 << (failures - 1)), min(retryAfter ?? .zero, .seconds(10)))
    }
}
