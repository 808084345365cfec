package import BlobStorage

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
        guard RunPlaces.isInWorkspace(container: container) else { return nil }
        return (container.utf8.count == RunBlobs.artifactContainer.utf8.count ? Self.artifactStore : Self.blobstore, "")
    }

    /// As jobs and assets name a blob, or a folder by the beginning of its blobs' names. Without the workspace: it is good
    /// where the workspace is known.
    package func uri(of name: String, in container: String) -> String? {
        guard let store = datastore(of: name, in: container) else { return nil }
        let path = Substring(name.utf8.dropFirst(store.prefix.utf8.count))
        return "azureml://datastores/\(store.name)/paths/\(path)"
    }

    /// The uploads that a blob belongs to, or a folder by the beginning of its blobs' names: one as a rule. A datastore may
    /// be configured for a folder of another one, and takes none of that one's uploads away.
    package func uploads(of name: String, in container: String) -> [UploadFolder] {
        var found: [UploadFolder] = []
        forEachStart(of: name, in: container) { start in
            let path = name.utf8.dropFirst(start.utf8.count)
            for root in UploadFolder.roots where path.starts(with: root.utf8) {
                guard let end = path.dropFirst(root.utf8.count).firstIndex(of: UInt8(ascii: "/")),
                    let folder = UploadFolder(container: container, prefix: String(Substring(name.utf8[...end]))),
                    !found.contains(folder)
                else { return }
                found.append(folder)
            }
        }
        return found
    }

    package func isInUpload(_ blob: BlobAddress) -> Bool { !uploads(of: blob.name, in: blob.container).isEmpty }

    /// Whether the folder holds nothing but uploads: one of `UploadFolder.roots` of a datastore.
    package func holdsUploads(_ prefix: String, in container: String) -> Bool {
        var holds = false
        forEachStart(of: prefix, in: container) { start in
            let path = prefix.utf8.dropFirst(start.utf8.count)
            if UploadFolder.roots.contains(where: { path.elementsEqual($0.utf8) }) { holds = true }
        }
        return holds
    }

    /// What the names of all blobs begin with of each datastore that has this one, narrower ones first.
    private func forEachStart(of name: String, in container: String, _ body: (String) -> Void) {
        var isWhole = RunPlaces.isInWorkspace(container: container)
        for store in configured
        where store.container.utf8.elementsEqual(container.utf8) && name.utf8.starts(with: store.prefix.utf8) {
            // One that begins among uploads shows them, though nobody configured what they belong to.
            let isAmongUploads = UploadFolder.roots.contains { store.prefix.utf8.starts(with: $0.utf8) }
            if store.prefix.isEmpty || isAmongUploads { isWhole = true }
            if !store.prefix.isEmpty { body(store.prefix) }
        }
        if isWhole { body("") }
    }
}
