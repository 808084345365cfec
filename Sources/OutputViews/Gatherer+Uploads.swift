package import BlobStorage
package import OutputConventions

/// `/uploads`: what Azure ML's clients uploaded and confirmed, by the name and version of the asset.
///
/// Which asset an upload is says the metadata of one of its blobs, so all folders are asked once, and those that are
/// confirmed never again. What is not confirmed is in `/datastores` only.
extension Gatherer {
    func uploads() async throws(StorageError) -> [GatheredEntry] {
        let parts = uploadRoots(among: try await blobstoresNow())
        var folders: [UploadFolder] = []
        // A prefix at the end of a page may come again on the next.
        var seen: Set<UploadFolder> = []
        for (part, answer) in zip(parts, try await list(parts)) {
            for case .prefix(let prefix, _) in answer.items {
                guard let folder = UploadFolder(container: part.container, prefix: prefix),
                    seen.insert(folder).inserted
                else { continue }
                folders.append(folder)
            }
        }
        let states = try await concurrently(folders, atOnce: Self.requestsMax) { folder throws(StorageError) in
            try await upload(in: folder, validity: .zero)
        }
        // Oldest first: an upload that comes later takes no name from one that was there.
        let confirmed = zip(folders, states).compactMap { folder, state in state.map { (folder, $0) } }
            .sorted { one, other in
                if one.1.lastModified != other.1.lastModified { return one.1.lastModified < other.1.lastModified }
                let (first, second) = ((one.0.container, one.0.prefix), (other.0.container, other.0.prefix))
                return first.0.utf8.elementsEqual(second.0.utf8)
                    ? first.1.utf8.lexicographicallyPrecedes(second.1.utf8)
                    : first.0.utf8.lexicographicallyPrecedes(second.0.utf8)
            }
        var allotment = NameAllotment()
        var named: [[UInt8]: UploadFolder] = [:]
        let entries = confirmed.map { folder, upload in
            let name = allotment.take(
                upload.title ?? folder.id,
                labels: [folder.id, "\(folder.id)@\(folder.container)"]
            )
            named[Array(name.utf8)] = folder
            return GatheredEntry(name, directory: folder.place)
        }
        memory.remember(named: named)
        return entries
    }

    /// One request for what a listing has shown; for other names the listing.
    func findUpload(_ name: String) async throws(StorageError) -> GatheredEntry.Target? {
        if let known = memory.upload(named: name) {
            let part = Part(container: known.container, prefix: known.prefix)
            if try await presence(of: part) != .absent { return .directory(known.place) }
        }
        return try await uploads().first { $0.name.utf8.elementsEqual(name.utf8) }?.target
    }

    private func uploadRoots(among blobstores: [String]) -> [Part] {
        var parts: [Part] = []
        var seen: Set<TreePlace> = []
        let workspaces = ([RunBlobs.artifactContainer] + blobstores).filter(reaches).map { ($0, "") }
        for (container, prefix) in workspaces + source.datastores.map({ ($0.container, $0.prefix) }) {
            for root in UploadFolder.roots {
                let place = TreePlace.folder(.uploads, container: container, prefix: prefix + root)
                // A datastore may be configured for a workspace's own container.
                if seen.insert(place).inserted { parts.append(Part(container: container, prefix: prefix + root)) }
            }
        }
        return parts
    }

    // MARK: One upload

    /// What is known of the upload without asking anybody.
    package func knownUpload(in folder: UploadFolder) -> ConfirmedUpload? {
        if case .confirmed(let upload)? = memory[folder] { upload } else { nil }
    }

    /// The upload in a folder if it was confirmed, `nil` if it was not, or if these credentials cannot tell.
    ///
    /// - Parameter validity: for how long an answer that it was not is good.
    package func upload(
        in folder: UploadFolder,
        validity: Duration
    ) async throws(StorageError) -> ConfirmedUpload? {
        let askedAt = memory.uptime()
        switch memory[folder] {
        case .confirmed(let upload): return upload
        case .unconfirmed(let then): if then > askedAt - validity { return nil }
        case nil: break
        }
        let found: BlobProperties?
        do throws(StorageError) { found = try await indicator(of: folder) } catch {
            guard error.kind == .denied || error.kind == .notFound else { throw error }
            found = nil
        }
        guard let found else {
            memory.remember(.unconfirmed(askedAt: askedAt), of: folder)
            return nil
        }
        let upload = ConfirmedUpload(
            name: found.metadata["name"].flatMap { $0.isEmpty ? nil : $0 },
            version: found.metadata["version"].flatMap { $0.isEmpty ? nil : $0 },
            lastModified: found.version.lastModified,
            askedAt: askedAt
        )
        memory.remember(.confirmed(upload), of: folder)
        return upload
    }

    /// The blob that says that the upload is complete: the first that the client sent, in the order of its paths. With links
    /// that order is not the store's, so all are looked at.
    private func indicator(of folder: UploadFolder) async throws(StorageError) -> BlobProperties? {
        if case .hierarchical = store.namespace(of: folder.container), let found = try await confirmedDirectory(folder)
        {
            return found
        }
        var query = BlobQuery(container: folder.container, prefix: folder.prefix, includesMetadata: true)
        // As a rule it is the first, and a folder may have a million.
        query.pageSize = 16
        var marker: ListMarker?
        repeat {
            let page = try await store.listBlobs(query, after: marker)
            for case .blob(_, let properties) in page.items where properties.isConfirmation { return properties }
            marker = page.next
            query.pageSize = nil
        } while marker != nil
        return nil
    }

    /// The client for hierarchical namespaces confirms the directory instead.
    private func confirmedDirectory(_ folder: UploadFolder) async throws(StorageError) -> BlobProperties? {
        let directory = BlobAddress(container: folder.container, name: String(Substring(folder.prefix.utf8.dropLast())))
        do throws(StorageError) {
            let properties = try await store.properties(of: directory)
            return properties.isConfirmation ? properties : nil
        } catch {
            guard error.kind == .notFound else { throw error }
            return nil
        }
    }
}

extension BlobProperties {
    fileprivate var isConfirmation: Bool { metadata["upload_status"] == "completed" }
}

extension ConfirmedUpload {
    /// As people name the asset; `nil` where the client did not.
    fileprivate var title: String? { name.map { name in version.map { "\(name)@\($0)" } ?? name } }
}
