import BlobStorage
import OutputConventions

/// `/datastores`: the configured ones, and those that the containers of workspaces show.
///
/// A configured one of the same name has it: it was asked for. What it hides is in `/containers`.
extension Gatherer {
    func datastores() async throws(StorageError) -> [GatheredEntry] {
        var entries = source.datastores.map { GatheredEntry($0.name, directory: $0.place) }
        let taken = Set(source.datastores.map { Array($0.name.utf8) })
        let containers = try await containers(prefix: RunBlobs.artifactContainer)
        remember(blobstoresAmong: containers)
        var found: [GatheredEntry] = []
        if containers.contains(where: { $0.utf8.elementsEqual(RunBlobs.artifactContainer.utf8) }) {
            found.append(Self.artifactStore)
        }
        found += Self.blobstores(among: containers)
        entries += found.filter { !taken.contains(Array($0.name.utf8)) }
        return entries
    }

    /// Costs nothing for a configured one, one HEAD for the store of artifacts, and one listing of containers for others.
    func findDatastore(_ name: String) async throws(StorageError) -> GatheredEntry.Target? {
        if let configured = source.datastores.first(where: { $0.name.utf8.elementsEqual(name.utf8) }) {
            return .directory(configured.place)
        }
        if name.utf8.elementsEqual(DatastoreNames.artifactStore.utf8) {
            return try await isThere(RunBlobs.artifactContainer) ? Self.artifactStore.target : nil
        }
        guard name.utf8.starts(with: DatastoreNames.blobstore.utf8) else { return nil }
        return Self.blobstores(among: try await blobstores()).first { $0.name.utf8.elementsEqual(name.utf8) }?.target
    }

    private static let artifactStore = GatheredEntry(
        DatastoreNames.artifactStore,
        directory: .container(.datastores, container: RunBlobs.artifactContainer)
    )

    /// Workspaces that share an account have a store each: none of them is *the* one, and each is named with its workspace.
    private static func blobstores(among containers: [String]) -> [GatheredEntry] {
        let blobstores = containers.filter { $0.utf8.starts(with: RunBlobs.blobstorePrefix.utf8) }
        return blobstores.map { container in
            let workspace = Substring(container.utf8.dropFirst(RunBlobs.blobstorePrefix.utf8.count))
            let name = DatastoreNames.blobstore + (blobstores.count == 1 ? "" : "-\(workspace)")
            return GatheredEntry(name, directory: .container(.datastores, container: container))
        }
    }

    private func isThere(_ container: String) async throws(StorageError) -> Bool {
        guard source.onlyContainer == nil else { return reaches(container) }
        do throws(StorageError) {
            _ = try await store.properties(ofContainer: container)
            return true
        } catch {
            if error.kind == .notFound { return false }
            // Container properties need an account's rights; a token for blobs alone may still list or read in it.
            if error.kind == .denied { return true }
            throw error
        }
    }

    // MARK: The containers of workspaces

    /// How long the list of them is taken for true by lookups: a workspace is made less often than a path is looked up.
    private static let containersAge = Duration.seconds(30)

    /// The containers of workspaces' default datastores.
    func blobstores() async throws(StorageError) -> [String] {
        if let known = memory.blobstores(since: memory.uptime() - Self.containersAge) { return known }
        return remember(blobstoresAmong: try await containers(prefix: RunBlobs.blobstorePrefix))
    }

    /// Asked for anew: a listing shows what there is.
    func blobstoresNow() async throws(StorageError) -> [String] {
        remember(blobstoresAmong: try await containers(prefix: RunBlobs.blobstorePrefix))
    }

    @discardableResult
    private func remember(blobstoresAmong containers: [String]) -> [String] {
        let names = containers.filter { $0.utf8.starts(with: RunBlobs.blobstorePrefix.utf8) }
        memory.remember(blobstores: names, askedAt: memory.uptime())
        return names
    }
}

extension ConfiguredDatastore {
    var place: TreePlace {
        prefix.isEmpty
            ? .container(.datastores, container: container)
            : .folder(.datastores, container: container, prefix: prefix)
    }
}
