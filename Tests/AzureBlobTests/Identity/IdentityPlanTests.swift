import Testing

@testable import AzureBlob

/// Which ways to a token there are, from options and environment.
struct IdentityPlanTests {
    private func links(
        _ method: IdentityPlan.Method,
        _ environment: [String: String] = [:],
        _ options: IdentityPlan.Options = .init(),
        host: String = "farm.blob.core.windows.net"
    ) throws -> [IdentityLink] {
        try IdentityPlan(options, environment: environment, host: host).links(method)
    }

    private let principal = ["AZURE_TENANT_ID": "t", "AZURE_CLIENT_ID": "c"]

    @Test func `the chain is that of azure-identity`() throws {
        let environment = principal.merging(["AZURE_CLIENT_SECRET": "s", "AZURE_FEDERATED_TOKEN_FILE": "/f"]) { $1 }
        #expect(
            try links(.auto, environment).map(\.name) == [
                "service principal with a secret", "workload identity", "managed identity (IMDS, client id c)",
                "Azure CLI",
            ]
        )
    }

    @Test func `links that the environment does not provide for say what is missing`() throws {
        let chain = try links(.auto)
        #expect(
            chain.map(\.name) == ["service principal", "workload identity", "managed identity (IMDS)", "Azure CLI"]
        )
        guard case .missing(_, let reason) = chain[0] else { return #expect(Bool(false)) }
        #expect(reason.contains("AZURE_CLIENT_SECRET"))
        guard case .missing(_, let reason) = chain[1] else { return #expect(Bool(false)) }
        #expect(reason.contains("AZURE_FEDERATED_TOKEN_FILE"))
    }

    @Test(arguments: [
        (IdentityPlan.Method.spn, [:], "AZURE_CLIENT_SECRET"),
        (.spn, ["AZURE_CLIENT_SECRET": "s"], "AZURE_TENANT_ID"),
        (.spn, ["AZURE_CLIENT_SECRET": "s", "AZURE_TENANT_ID": "t"], "AZURE_CLIENT_ID"),
        (.spn, ["AZURE_CLIENT_SECRET": "s", "AZURE_TENANT_ID": "t/../u", "AZURE_CLIENT_ID": "c"], "t/../u"),
        (.workload, ["AZURE_TENANT_ID": "t"], "AZURE_FEDERATED_TOKEN_FILE"),
        (
            .workload,
            [
                "AZURE_FEDERATED_TOKEN_FILE": "/f", "AZURE_TENANT_ID": "t", "AZURE_CLIENT_ID": "c",
                "AZURE_AUTHORITY_HOST": "http://login.example.com",
            ], "https://"
        ),
        (
            .msi,
            ["IDENTITY_ENDPOINT": "https://x", "IDENTITY_HEADER": "h", "IDENTITY_SERVER_THUMBPRINT": "t"],
            "Service Fabric"
        ),
    ])
    func `what is missing is named`(
        _ method: IdentityPlan.Method,
        _ environment: [String: String],
        _ word: String
    ) {
        #expect { try links(method, environment) } throws: { ($0 as? SignInFailure)?.text.contains(word) == true }
    }

    @Test func `options win over the environment, and a secret over a certificate`() throws {
        var options = IdentityPlan.Options()
        (options.tenantID, options.clientID, options.clientSecretFile) = ("T", "C", "/secret")
        let environment = principal.merging(["AZURE_CLIENT_SECRET": "s", "AZURE_CLIENT_CERTIFICATE_PATH": "/c"]) { $1 }
        let login = "https://login.microsoftonline.com"
        #expect(
            try links(.spn, environment, options) == [
                .servicePrincipal(.init(tenantID: "T", clientID: "C", authority: login, proof: .secretFile("/secret")))
            ]
        )
        #expect(
            try links(.spn, environment) == [
                .servicePrincipal(
                    .init(tenantID: "t", clientID: "c", authority: login, proof: .secret(Secret("s")))
                )
            ]
        )
    }

    @Test(arguments: [
        ("farm.blob.core.windows.net", [:], "https://login.microsoftonline.com"),
        ("farm.blob.core.chinacloudapi.cn", [:], "https://login.chinacloudapi.cn"),
        ("farm.blob.core.usgovcloudapi.net", [:], "https://login.microsoftonline.us"),
        ("farm.blob.core.windows.net", ["AZURE_AUTHORITY_HOST": "login.example.com/"], "https://login.example.com"),
        ("farm.blob.core.windows.net", ["AZURE_AUTHORITY_HOST": "http://127.0.0.1:5"], "http://127.0.0.1:5"),
    ])
    func `the cloud tells the login service`(_ host: String, _ environment: [String: String], _ login: String) throws {
        let variables = principal.merging(["AZURE_CLIENT_SECRET": "s"]) { $1 }.merging(environment) { $1 }
        guard case .servicePrincipal(let principal) = try links(.spn, variables, host: host)[0] else {
            return #expect(Bool(false))
        }
        #expect(principal.authority == login)
        #expect(principal.tokenURL == "\(login)/t/oauth2/v2.0/token")
    }

    @Test func `a managed identity is selected by one id`() throws {
        var options = IdentityPlan.Options()
        options.objectID = "o"
        let environment = ["AZURE_CLIENT_ID": "c", "AZURE_POD_IDENTITY_AUTHORITY_HOST": "http://127.0.0.1:7/"]
        #expect(
            try links(.msi, environment, options) == [
                .managedIdentity(.init(service: .imds(base: "http://127.0.0.1:7"), selector: .objectID("o")))
            ]
        )
        let application = ["IDENTITY_ENDPOINT": "http://localhost:1/msi", "IDENTITY_HEADER": "h"]
        #expect(
            try links(.msi, application) == [
                .managedIdentity(
                    .init(service: .appService(endpoint: "http://localhost:1/msi", header: Secret("h")))
                )
            ]
        )
        options.resourceID = "/subscriptions/x"
        #expect(throws: SignInFailure.self) { try links(.msi, [:], options) }
        #expect(throws: SignInFailure.self) { try links(.auto, [:], options) }
    }
}
