import BlobStorage
import OutputConventions

/// `/datastores`
extension Gatherer {
    func datastores() async throws(StorageError) -> [GatheredEntry] {
        let containers = try await containers(prefix: RunBlobs.artifactContainer)
        let blobstores = containers.filter { $0.utf8.starts(with: RunBlobs.blobstorePrefix.utf8) }
        var entries: [GatheredEntry] = []
        if containers.contains(where: { $0.utf8.elementsEqual(RunBlobs.artifactContainer.utf8) }) {
            let place = TreePlace.container(.datastores, container: RunBlobs.artifactContainer)
            entries.append(GatheredEntry("workspaceartifactstore", directory: place))
        }
        for container in blobstores {
            // Workspaces that share an account have a store each: none of them is *the* one.
            let workspace = container.utf8.dropFirst(RunBlobs.blobstorePrefix.utf8.count)
            let name = "workspaceblobstore" + (blobstores.count == 1 ? "" : "-" + String(Substring(workspace)))
            let place = TreePlace.container(.datastores, container: container)
            entries.append(GatheredEntry(name, directory: place))
        }
        return entries
    }

    /// The names of the containers that begin so.
    func containers(prefix: String) async throws(StorageError) -> [String] {
        if let only = source.onlyContainer { return only.utf8.starts(with: prefix.utf8) ? [only] : [] }
        var names: [String] = []
        var marker: ListMarker?
        repeat {
            let page = try await store.listContainers(ContainerQuery(prefix: prefix), after: marker)
            names += page.containers.map(\.name)
            marker = page.next
        } while marker != nil
        return names
    }
}
