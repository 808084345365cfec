/// The service that a token is for. A token for one is refused by the other.
package struct TokenAudience: Sendable, Hashable {
    /// As IMDS, App Service and the CLI are asked for it; with its slash.
    package let resource: String
    /// As the v2 token endpoint is asked for it.
    var scope: String { resource + ".default" }

    private init(_ resource: String) { self.resource = resource }

    /// Any storage account, of every cloud.
    package static let storage = TokenAudience("https://storage.azure.com/")

    /// The Batch service of the cloud that this host is in, as the Azure CLI knows them.
    package static func batch(host: String) -> TokenAudience {
        if host.hasSuffix(".chinacloudapi.cn") { return TokenAudience("https://batch.chinacloudapi.cn/") }
        if host.hasSuffix(".usgovcloudapi.net") { return TokenAudience("https://batch.core.usgovcloudapi.net/") }
        return TokenAudience("https://batch.core.windows.net/")
    }
}
