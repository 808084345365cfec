/// One way to a token, with everything that it takes.
package enum IdentityLink: Sendable, Hashable {
    /// One that the environment does not provide for; which variables are missing.
    case missing(name: String, reason: String)
    case servicePrincipal(ServicePrincipal)
    case managedIdentity(ManagedIdentity)
    case azureCLI(AzureCLI)

    /// As messages name it.
    package var name: String {
        switch self {
        case .missing(let name, _): name
        case .servicePrincipal(let principal): principal.name
        case .managedIdentity(let identity): identity.name
        case .azureCLI: "Azure CLI"
        }
    }
}

/// An application of Microsoft Entra, and what proves that we are it.
package struct ServicePrincipal: Sendable, Hashable {
    package enum Proof: Sendable, Hashable {
        case secret(Secret)
        /// A file with the secret: `--client-secret-file`.
        case secretFile(String)
        /// A file with certificate and private key, PEM or PKCS #12. `sendsChain`: the certificate goes along, for
        /// tenants that trust by subject name and issuer.
        case certificate(file: String, password: Secret?, sendsChain: Bool)
        /// A file with a token of another issuer, which somebody else renews (Kubernetes: every hour).
        case federatedToken(file: String)
    }

    package var tenantID: String
    package var clientID: String
    /// `https://login.microsoftonline.com`, without a slash at the end.
    package var authority: String
    package var proof: Proof

    package init(tenantID: String, clientID: String, authority: String, proof: Proof) {
        self.tenantID = tenantID
        self.clientID = clientID
        self.authority = authority
        self.proof = proof
    }

    var name: String {
        switch proof {
        case .secret, .secretFile: "service principal with a secret"
        case .certificate: "service principal with a certificate"
        case .federatedToken: "workload identity"
        }
    }

    /// Where tokens are asked for; also the audience of an assertion.
    var tokenURL: String { "\(authority)/\(PercentEncoding.queryValue(tenantID))/oauth2/v2.0/token" }
}

/// The identity that the platform gives this machine.
package struct ManagedIdentity: Sendable, Hashable {
    /// Which of several; `nil`: the machine's own.
    package enum Selector: Sendable, Hashable {
        case clientID(String)
        case objectID(String)
        case resourceID(String)
    }

    package enum Service: Sendable, Hashable {
        /// Virtual machines, scale sets, Batch pools, AKS nodes. The base is `http://169.254.169.254`.
        case imds(base: String)
        /// App Service, Functions and Container Apps: an endpoint of this instance's own, and a header that proves
        /// that we run in it.
        case appService(endpoint: String, header: Secret)
    }

    package var service: Service
    package var selector: Selector?

    package init(service: Service, selector: Selector? = nil) {
        self.service = service
        self.selector = selector
    }

    package static let imdsBase = "http://169.254.169.254"

    var name: String {
        let place =
            switch service {
            case .imds: "IMDS"
            case .appService: "App Service"
            }
        return switch selector {
        case nil: "managed identity (\(place))"
        case .clientID(let id): "managed identity (\(place), client id \(id))"
        case .objectID(let id): "managed identity (\(place), object id \(id))"
        case .resourceID(let id): "managed identity (\(place), \(id))"
        }
    }
}

/// Whoever is logged in with `az login`.
package struct AzureCLI: Sendable, Hashable {
    package var tenantID: String?
    /// `az` takes half a second to three, and its own calls time out; on a loaded machine ten were not enough.
    package var timeout: Duration

    package init(tenantID: String? = nil, timeout: Duration = .seconds(20)) {
        self.tenantID = tenantID
        self.timeout = timeout
    }
}
