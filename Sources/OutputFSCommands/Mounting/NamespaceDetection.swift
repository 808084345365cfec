internal import AzureBlob
internal import BlobStorage

/// Finds out before a mount how the account keeps directories: the tree has to know from its first name on.
enum NamespaceDetection {
    /// `nil` where the credentials do not permit to tell. One request, as a rule.
    static func run(
        _ store: AzureBlobStore,
        onlyContainer: String?
    ) async throws(StorageError) -> Namespace? {
        if let namespace = try await store.detectNamespace(container: onlyContainer) { return namespace }
        guard onlyContainer == nil else { return nil }
        // A role for data alone: any container tells it, if there is one.
        var container: String?
        do throws(StorageError) {
            container = try await store.listContainers(ContainerQuery(pageSize: 1), after: nil).containers.first?.name
        } catch {
            guard error.kind == .denied else { throw error }
        }
        guard let container else { return nil }
        return try await store.detectNamespace(container: container)
    }

    /// Why a mount cannot do with what was found; `nil` where it can.
    static func failure(_ namespace: Namespace, _ source: StorageSource) -> CommandFailure? {
        guard namespace == .hierarchical, source.account.dataLakeEndpoint == nil else { return nil }
        return CommandFailure(
            .configuration,
            "\(source) has a hierarchical namespace, and its Blob endpoint does not tell where its Data Lake endpoint is",
            try: "--dfs-endpoint https://\(source.account.name).dfs.core.windows.net"
        )
    }
}
