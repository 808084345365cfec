internal import AzureBlob

/// What `--hns` says of the account.
enum NamespaceChoice: String, Sendable, CaseIterable {
    /// It has a hierarchical namespace.
    case on
    case off
    /// It is asked.
    case auto
}

extension StorageSource {
    /// `--dfs-endpoint`. As with other endpoints, a query is a secret in a place where it can be read.
    mutating func setDataLakeEndpoint(_ text: String) throws(CommandFailure) {
        do throws(AccountError) { account.dataLakeEndpoint = try BlobEndpoint(text) } catch {
            throw CommandFailure(
                .usage,
                "--dfs-endpoint: \(error)",
                try: "--dfs-endpoint https://<account>.dfs.core.windows.net"
            )
        }
    }
}
