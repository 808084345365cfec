import BlobStorage
import OutputConventions

/// `/uploads`: what Azure ML's clients uploaded and confirmed, by the name and version of the asset.
///
/// What is not confirmed is in `/datastores` only.
extension Gatherer {
    func uploads() async throws(StorageError) -> [GatheredEntry] {
        let listedAt = memory.uptime()
        let folders = try await uploadFolders()
        // Oldest first: an upload that comes later takes no name from one that was there.
        let confirmed = try await confirmedUploads(among: folders).sorted { one, other in
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
        memory.remember(named: named, among: folders, listedAt: listedAt)
        return entries
    }

    /// One request for what a listing has shown, which has to be what it was; for other names the listing.
    func findUpload(_ name: String) async throws(StorageError) -> GatheredEntry.Target? {
        if let folder = memory.upload(named: name), case .confirmed(let known)? = memory[folder],
            let upload = try await upload(in: folder, validity: .zero), upload.title == known.upload.title
        {
            return .directory(folder.place)
        }
        return try await uploads().first { $0.name.utf8.elementsEqual(name.utf8) }?.target
    }

    /// All folders of uploads, confirmed or not.
    private func uploadFolders() async throws(StorageError) -> [UploadFolder] {
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
        return folders
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

    // MARK: All at once

    private typealias Confirmed = (UploadFolder, ConfirmedUpload)

    /// Those that are confirmed. Many about which nothing is known, or not any more, are looked through by listings of all
    /// their blobs; few are asked one by one, and so are those whose listing shows too little of them.
    private func confirmedUploads(among folders: [UploadFolder]) async throws(StorageError) -> [Confirmed] {
        var (found, unknown): ([Confirmed], [UploadFolder]) = ([], [])
        for folder in folders {
            if let known = knownUpload(in: folder) { found.append((folder, known)) } else { unknown.append(folder) }
        }
        let shelves = UploadShelf.all(of: unknown)
        let scans = try await concurrently(shelves.filter(\.isWorthListing), atOnce: Self.scansMax) {
            shelf throws(StorageError) in try await scan(shelf)
        }
        found += scans.flatMap(\.confirmed)
        let rest = shelves.filter { !$0.isWorthListing }.flatMap(\.folders) + scans.flatMap(\.rest)
        let answers = try await concurrently(rest, atOnce: Self.requestsMax) { folder throws(StorageError) in
            try await upload(in: folder, validity: .zero)
        }
        return found + zip(rest, answers).compactMap { folder, upload in upload.map { (folder, $0) } }
    }

    /// A page of 5,000 blobs takes 5 MB while it is read.
    private static let scansMax = 4

    private struct Scan: Sendable {
        var confirmed: [Confirmed] = []
        /// Those of which it has shown no confirmation before it was given up.
        var rest: [UploadFolder] = []
    }

    /// Lists all blobs of a shelf, as long as the pages show enough uploads.
    private func scan(_ shelf: UploadShelf) async throws(StorageError) -> Scan {
        let query = BlobQuery(container: shelf.container, prefix: shelf.prefix, includesMetadata: true)
        let startedAt = memory.uptime()
        var generation = memory.generation
        var sight = UploadSight(of: shelf)
        var scan = Scan()
        var marker: ListMarker?
        do throws(StorageError) {
            repeat {
                let askedAt = memory.uptime()
                generation = memory.generation
                let page = try await store.listBlobs(query, after: marker)
                scan.confirmed += sight.take(page.items).map { found in
                    let upload = remember(
                        found.blob,
                        found.properties,
                        of: found.folder,
                        askedAt: askedAt,
                        generation: generation
                    )
                    return (found.folder, upload)
                }
                marker = page.next
                guard marker == nil || sight.isWorthIt else {
                    scan.rest = Array(sight.unconfirmed)
                    return scan
                }
            } while marker != nil
        } catch {
            // As for a single one: these credentials cannot tell, or the container is gone.
            guard error.kind == .denied || error.kind == .notFound else { throw error }
        }
        for folder in sight.unconfirmed {
            memory.remember(.unconfirmed(askedAt: startedAt), of: folder, generation: generation)
        }
        return scan
    }
}
