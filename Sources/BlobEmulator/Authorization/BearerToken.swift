import FoundationEssentials

/// A Microsoft Entra token as this server checks it: a JWT that says for whom, from whom and from when to when, signed
/// with HS256 and the account's own key. The service's tokens are signed by its login service, which is not here.
struct BearerToken {
    private let claims: Claims
    private let signedText: String
    private let signature: [UInt8]
    private let algorithm: String

    /// `nil` if the text is no JWT.
    init?(_ text: String) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 3, let header = Self.decode(parts[0]), let body = Self.decode(parts[1]),
            let signature = Self.decode(parts[2]),
            let head = try? JSONDecoder().decode(Header.self, from: Data(header)),
            let claims = try? JSONDecoder().decode(Claims.self, from: Data(body))
        else { return nil }
        algorithm = head.alg
        self.claims = claims
        self.signature = signature
        signedText = "\(parts[0]).\(parts[1])"
    }

    /// What is wrong with it, as the service words it; `nil` if it is good.
    func problem(account: AccountState, now: Timestamp) -> String? {
        guard algorithm == "HS256", isSameSignature(signature, hmacSHA256(key: account.key, message: signedText)) else {
            return "Signature validation failed. Signature did not match."
        }
        guard claims.iss == Self.issuer else { return "Issuer validation failed. Issuer did not match." }
        guard Self.audiences.contains(claims.aud) else { return "Audience validation failed. Audience did not match." }
        guard now.seconds >= Int64(claims.nbf) else { return "Lifetime validation failed. The token is not yet valid." }
        guard Double(now.ticks) < claims.exp * Double(Timestamp.ticksPerSecond) else {
            return "Lifetime validation failed. The token is expired."
        }
        return nil
    }

    static let issuer = "https://sts.windows.net/\(Authorizer.tenantID)/"
    private static let audiences: Set = [
        "https://storage.azure.com", "https://storage.azure.com/", "e406a681-f3d4-42a8-90b6-c2b029497af1",
    ]

    private struct Header: Decodable {
        var alg: String
    }

    private struct Claims: Decodable {
        var iss: String
        var aud: String
        /// Seconds since the epoch; fractions count.
        var nbf: Double
        var exp: Double
    }

    /// Base64url without padding (RFC 7515).
    private static func decode(_ text: String) -> [UInt8]? {
        let standard = text.map { character -> Character in
            switch character {
            case "-": "+"
            case "_": "/"
            default: character
            }
        }
        return Base64.decode(String(standard) + String(repeating: "=", count: (4 - text.utf8.count % 4) % 4))
    }
}
