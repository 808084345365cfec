internal import FoundationEssentials

/// A Microsoft Entra token as an identity service gave it.
///
/// Times count from its arrival, not by anybody's calendar: a clock that is off, or is set meanwhile, changes nothing.
struct AccessToken: Sendable, Hashable {
    var secret: Secret
    /// How long it is good for.
    var lifetime: Duration
    /// After how long the identity service wants to be asked again; `nil` if it did not say.
    var refreshIn: Duration?
}

/// The JSON that IMDS, App Service, the token endpoint and the Azure CLI answer with: one reader for all of them.
struct TokenAnswer: Sendable {
    /// `access_token`, and `accessToken` of the CLI.
    var text: String?
    /// Seconds from now.
    var expiresIn: Double?
    /// Seconds since the epoch.
    var expiresOn: Double?
    var refreshIn: Double?
    /// The CLI's `expiresOn`: local time without a zone, `2026-11-11 12:34:56.000000`. Old versions say nothing else.
    var localExpiry: String?
    /// `error`, as RFC 6749 has it.
    var error: String?
    /// `error_description`, or App Service's `message`; the first line, the others repeat ids and time.
    var explanation: String?

    /// `nil` if it is not a JSON object.
    init?(_ body: [UInt8]) {
        guard let fields = try? JSONDecoder().decode(Fields.self, from: Data(body)) else { return nil }
        text = fields.access_token ?? fields.accessToken
        expiresIn = fields.expires_in?.value
        expiresOn = fields.expires_on?.value
        refreshIn = fields.refresh_in?.value
        localExpiry = fields.expiresOn
        error = fields.error
        explanation = (fields.error_description ?? fields.message).flatMap { text in
            text.split(whereSeparator: \.isNewline).first.map(String.init)
        }
    }

    /// The token in it. The service's own count of seconds is preferred to its date, which needs our clock.
    ///
    /// - Parameters:
    ///   - now: seconds since the epoch.
    ///   - localTime: makes seconds since the epoch of `localExpiry`.
    func token(now: Int64, localTime: (String) -> Double? = { _ in nil }) -> Result<AccessToken, SignInFailure> {
        guard let text, !text.isEmpty else {
            return .failure(SignInFailure(.refused, "an answer without a token"))
        }
        // It goes into a header as it is.
        guard text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            return .failure(SignInFailure(.refused, "an answer with a token that is none"))
        }
        let expiry = expiresOn ?? localExpiry.flatMap(localTime)
        guard let seconds = expiresIn ?? expiry.map({ $0 - Double(now) }), seconds.isFinite else {
            return .failure(SignInFailure(.refused, "an answer that does not say how long its token is good for"))
        }
        guard seconds > 0 else {
            return .failure(
                SignInFailure(
                    .unavailable,
                    "a token that has expired already, by this machine's clock",
                    try: "date (the clock must be right)"
                )
            )
        }
        // Nobody grants more than a day or two; what says more must not overflow.
        let lifetime = min(seconds, 400 * 86_400)
        let refresh = refreshIn.flatMap { $0 > 0 && $0 < lifetime ? Duration.seconds($0) : nil }
        return .success(AccessToken(secret: Secret(text), lifetime: .seconds(lifetime), refreshIn: refresh))
    }

    private struct Fields: Decodable {
        var access_token: String?
        var accessToken: String?
        var expires_in: Number?
        var expires_on: Number?
        var refresh_in: Number?
        var expiresOn: String?
        var error: String?
        var error_description: String?
        var message: String?
    }

    /// IMDS writes its numbers as strings, others do not.
    private struct Number: Decodable {
        var value: Double?

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let number = try? container.decode(Double.self) {
                value = number
            } else {
                value = (try? container.decode(String.self)).flatMap { Double($0) }
            }
        }
    }
}
