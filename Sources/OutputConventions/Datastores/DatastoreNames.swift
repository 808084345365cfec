/// Which datastore a blob is in: those of a workspace by their containers' names, and the configured ones.
package struct DatastoreNames: Sendable {
    package static let blobstore = "workspaceblobstore"
    package static let artifactStore = "workspaceartifactstore"

    /// Longest prefix first: of two that hold a blob, the narrower one names it.
    private let configured: [ConfiguredDatastore]

    package init(_ configured: [ConfiguredDatastore]) {
        self.configured = configured.sorted { $0.prefix.utf8.count > $1.prefix.utf8.count }
    }

    /// The name of the datastore that has the blob, and what the names of all its blobs begin with.
    private func datastore(of name: String, in container: String) -> (name: String, prefix: String)? {
        for store in configured
        where store.container.utf8.elementsEqual(container.utf8) && name.utf8.starts(with: store.prefix.utf8) {
            return (store.name, store.prefix)
        }
        guard container.utf8.starts(with: RunBlobs.artifactContainer.utf8) else { return nil }
        if container.utf8.count == RunBlobs.artifactContainer.utf8.count { return (Self.artifactStore, "") }
        return container.utf8.starts(with: RunBlobs.blobstorePrefix.utf8) ? (Self.blobstore, "") : nil
    }

    /// As jobs and assets name a blob, or a folder by the beginning of its blobs' names. Without the workspace: it is good
    /// where the workspace is known.
    package func uri(of name: String, in container: String) -> String? {
        guard let store = datastore(of: name, in: container) else { return nil }
        let path = Substring(name.utf8.dropFirst(store.prefix.utf8.count))
        return "azureml://datastores/\(store.name)/paths/\(path)"
    }

    /// The upload that a blob belongs to, or a folder by the beginning of its blobs' names.
    package func upload(of name: String, in container: String) -> UploadFolder? {
        guard let store = datastore(of: name, in: container) else { return nil }
        let path = name.utf8.dropFirst(store.prefix.utf8.count)
        for root in UploadFolder.roots where path.starts(with: root.utf8) {
            guard let end = path.dropFirst(root.utf8.count).firstIndex(of: UInt8(ascii: "/")) else { return nil }
            return UploadFolder(container: container, prefix: String(Substring(name.utf8[...end])))
        }
        return nil
    }

    /// Whether the folder holds nothing but uploads: one of `UploadFolder.roots` of a datastore.
    package func holdsUploads(_ prefix: String, in container: String) -> Bool {
        guard let store = datastore(of: prefix, in: container) else { return false }
        return UploadFolder.roots.contains { (store.prefix + $0).utf8.elementsEqual(prefix.utf8) }
    }
}
