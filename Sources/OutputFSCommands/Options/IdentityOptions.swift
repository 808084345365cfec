internal import ArgumentParser
internal import AzureBlob

/// How to sign in.
enum AuthMethod: String, Sendable, CaseIterable, ExpressibleByArgument {
    case auto, key, sas, msi, workload, spn, azcli, anonymous

    /// Whether the method of this name uses the key or SAS that there is.
    static func usesSecret(_ name: String) -> Bool { ["auto", "key", "sas"].contains(name.lowercased()) }
}

/// Who signs in. No secret is among them: those come in files and in the environment.
struct IdentityOptions: ParsableArguments {
    @Option(
        help: .init(
            "How to sign in: auto, key, sas, msi, workload, spn, azcli or anonymous.",
            discussion: "auto: a key or SAS if there is one, else the first identity that gives a token. "
                + "Environment: AZURE_STORAGE_AUTH_TYPE.",
            valueName: "method"
        )
    )
    var auth: AuthMethod?

    @Option(
        help: .init("The tenant of a service principal.", discussion: "Environment: AZURE_TENANT_ID.", valueName: "id")
    )
    var tenantID: String?

    @Option(
        help: .init(
            "The application, or which of the machine's managed identities.",
            discussion: "Environment: AZURE_CLIENT_ID.",
            valueName: "id"
        )
    )
    var clientID: String?

    @Option(
        help: .init(
            "Which managed identity, by object id.",
            discussion: "Environment: AZURE_STORAGE_IDENTITY_OBJECT_ID.",
            valueName: "id"
        )
    )
    var objectID: String?

    @Option(
        help: .init(
            "Which managed identity, by resource id.",
            discussion: "Environment: AZURE_STORAGE_IDENTITY_RESOURCE_ID.",
            valueName: "id"
        )
    )
    var resourceID: String?

    @Option(
        help: .init(
            "A file with a service principal's secret.",
            discussion: "Environment: AZURE_CLIENT_SECRET (the secret itself).",
            valueName: "file"
        ),
        completion: .file()
    )
    var clientSecretFile: String?

    @Option(
        help: .init(
            "A file with a service principal's certificate and key, PEM or PFX.",
            discussion: "Environment: AZURE_CLIENT_CERTIFICATE_PATH, AZURE_CLIENT_CERTIFICATE_PASSWORD.",
            valueName: "file"
        ),
        completion: .file()
    )
    var clientCertificateFile: String?

    @Option(
        help: .init(
            "A file with another issuer's token, for workload identity.",
            discussion: "Environment: AZURE_FEDERATED_TOKEN_FILE.",
            valueName: "file"
        ),
        completion: .file()
    )
    var federatedTokenFile: String?

    @Option(
        help: .init(
            "The login service, where the endpoint does not tell the cloud.",
            discussion: "Environment: AZURE_AUTHORITY_HOST.",
            valueName: "url"
        )
    )
    var authorityHost: String?

    /// As the plan takes them.
    var plan: IdentityPlan.Options {
        var plan = IdentityPlan.Options()
        (plan.tenantID, plan.clientID, plan.objectID, plan.resourceID) = (tenantID, clientID, objectID, resourceID)
        plan.clientSecretFile = clientSecretFile
        plan.clientCertificateFile = clientCertificateFile
        plan.federatedTokenFile = federatedTokenFile
        plan.authorityHost = authorityHost
        return plan
    }
}
