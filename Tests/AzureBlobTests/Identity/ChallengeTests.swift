import Testing

@testable import AzureBlob

/// What a refusal says about where tokens should come from.
struct ChallengeTests {
    private static let tenant = "it takes tokens of the tenant 22-33"

    @Test(arguments: [
        (
            "Bearer authorization_uri=https://login.microsoftonline.com/22-33/oauth2/authorize resource_id=https://x",
            Self.tenant
        ),
        (
            #"Bearer authorization_uri="https://login.microsoftonline.us/22-33/oauth2/authorize", resource_id=x"#,
            Self.tenant
        ),
        ("Bearer resource_id=x,authorization_uri=https://login.example.com/22-33", Self.tenant),
        ("Bearer authorization_uri=https://login.example.com", nil),
        ("Bearer authorization_uri=22-33", nil),
        ("Basic realm=x", nil),
    ])
    func `the tenant is read from each form`(_ challenge: String, _ words: String?) {
        #expect(ResponseHead(status: 401, headers: [("WWW-Authenticate", challenge)]).tenant == words)
        #expect(ResponseHead(status: 403, headers: [("WWW-Authenticate", challenge)]).tenant == nil)
    }

    @Test func `people are told of it`() async throws {
        let challenge =
            "WWW-Authenticate: Bearer authorization_uri=https://login.microsoftonline.com/22-33/oauth2/authorize"
        let server = try ScriptedServer([
            .answer(refusal("401 Unauthorized", "InvalidAuthenticationInfo", [challenge]))
        ])
        let store = try AzureBlobStore.scripted(server)
        await #expect { try await store.properties(of: someBlob) } throws: { "\($0)".contains(Self.tenant) }
    }
}
