import Testing

@testable import AzureBlob

/// What the answers of identity services mean.
struct TokenAnswerTests {
    private func token(_ json: String, now: Int64 = 1_000) throws -> AccessToken {
        try #require(TokenAnswer(Array(json.utf8))).token(now: now).get()
    }

    @Test(arguments: [
        // The token endpoint, with numbers; IMDS, with strings; App Service, with a date only.
        #"{"token_type":"Bearer","expires_in":3599,"ext_expires_in":3599,"access_token":"abc"}"#,
        #"{"access_token":"abc","expires_in":"3599","expires_on":"9999","resource":"r","token_type":"Bearer"}"#,
        #"{"access_token":"abc","expires_on":"4599","resource":"r","client_id":"c"}"#,
        #"{"accessToken":"abc","expiresOn":"2026-11-11 12:34:56.000000","expires_on":4599,"tenant":"t"}"#,
    ])
    func `each service's form is understood`(_ json: String) throws {
        let token = try token(json)
        #expect(token.secret == Secret("abc"))
        #expect(token.lifetime == .seconds(3599))
        #expect(token.refreshIn == nil)
    }

    @Test func `the wish for an early renewal is heard`() throws {
        let json = #"{"access_token":"abc","expires_in":86400,"refresh_in":43200}"#
        #expect(try token(json).refreshIn == .seconds(43_200))
    }

    @Test func `an old CLI's local time is understood`() throws {
        let body = Array(#"{"accessToken":"abc","expiresOn":"2026-11-11 12:34:56.000000"}"#.utf8)
        let answer = try #require(TokenAnswer(body))
        let token = try answer.token(now: 1_000) { $0 == "2026-11-11 12:34:56.000000" ? 1_060 : nil }.get()
        #expect(token.lifetime == .seconds(60))
    }

    @Test(arguments: [
        #"{}"#, #"{"access_token":"","expires_in":1}"#, #"{"access_token":"abc"}"#,
        #"{"access_token":"a b","expires_in":1}"#, #"{"access_token":"a\r\nX: y","expires_in":1}"#,
        #"{"access_token":"abc","expires_in":"soon"}"#, #"{"access_token":"abc","expires_in":0}"#,
        #"{"access_token":"abc","expires_on":999}"#,
    ])
    func `what is no token, or no longer one, is refused in words without it`(_ json: String) {
        #expect { try token(json) } throws: { error in
            guard let failure = error as? SignInFailure else { return false }
            return !failure.text.isEmpty && !failure.text.contains("abc")
        }
    }

    @Test func `a life beyond all measure does not overflow`() throws {
        #expect(try token(#"{"access_token":"abc","expires_in":1e300}"#).lifetime == .seconds(400 * 86_400))
    }

    @Test func `what is no JSON object is no answer`() {
        for text in ["", "<html>", "[]", "17", "\"abc\"", "{\"access_token\":"] {
            #expect(TokenAnswer(Array(text.utf8)) == nil)
        }
    }

    @Test func `explanations are cut to their first line`() throws {
        let json = #"{"error":"invalid_client","error_description":"AADSTS7000215: Invalid.\r\nTrace ID: x"}"#
        let answer = try #require(TokenAnswer(Array(json.utf8)))
        #expect(answer.explanation == "AADSTS7000215: Invalid.")
        #expect(answer.error == "invalid_client")
    }
}
