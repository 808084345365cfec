internal import BlobStorage
internal import BlobWriting
internal import Checksums
internal import OutputConventions

/// The container in which luisy keeps its projects: their manifests and their blobs.
package struct LuisyContainer: Sendable {
    let store: any BlobStore
    package let name: String
    /// Requests in flight.
    let requests: AsyncLimiter

    /// - Parameter jobs: requests in flight.
    package init(tree: StoreTree, container name: String, jobs: Int) {
        (store, self.name, requests) = (tree.store, name, AsyncLimiter(jobs))
    }

    // MARK: Manifests

    /// A manifest as it is in the store.
    struct StoredManifest: Sendable {
        let manifest: LuisyManifest
        let properties: BlobProperties
    }

    /// 6,000 outputs make 600 KB of manifest.
    private static let manifestByteCountMax: UInt64 = 256 << 20
    /// How often a manifest may be replaced while it is read.
    private static let versionsMax = 10

    func manifestAddress(of project: String) -> BlobAddress {
        BlobAddress(container: name, name: project + "/" + LuisyKey.manifestName)
    }

    /// - Returns: `nil` where the project has none.
    func manifest(of project: String) async throws -> StoredManifest? {
        let address = manifestAddress(of: project)
        for attempt in 1... {
            do {
                let properties = try await requests.withSlot { try await store.properties(of: address) }
                guard properties.length <= Self.manifestByteCountMax else {
                    throw BrokenManifest(reason: "it has \(properties.length) bytes")
                }
                let bytes = try await bytes(of: address, properties)
                return StoredManifest(manifest: try LuisyManifest(json: bytes), properties: properties)
            } catch let error as StorageError {
                if error.kind == .notFound, error.code != "ContainerNotFound" { return nil }
                guard error.kind == .conditionFailed, attempt < Self.versionsMax else { throw error }
            } catch let error as BrokenManifest {
                throw LuisyError(
                    "the manifest \(address) is broken: \(error.reason). luisy aborts every run with --download or --upload on it",
                    try:
                        "outputfs put <working directory>/\(project)/\(LuisyKey.manifestName) containers/\(address), where yours is whole",
                    "outputfs rm containers/\(address), then outputfs luisy adopt for each output"
                )
            }
        }
        preconditionFailure("the loop only ends by return or throw")
    }

    private func bytes(of address: BlobAddress, _ properties: BlobProperties) async throws -> [UInt8] {
        var bytes: [UInt8] = []
        while UInt64(bytes.count) < properties.length {
            let start = UInt64(bytes.count)
            let range = start..<min(start + FileDownload.rangeByteCount, properties.length)
            let buffer = RangeBuffer(byteCount: range.count)
            let result = try await requests.withSlot {
                try await store.read(address, range, .matches(properties.version.etag), into: buffer)
            }
            guard result.byteCount == range.count else { throw DownloadProblem.shorter(address) }
            bytes.append(contentsOf: buffer.bytes[..<range.count])
        }
        return bytes
    }

    /// Saves a manifest, if it is still the one that was read.
    func save(_ manifest: LuisyManifest, of project: String, over stored: StoredManifest?) async throws {
        let json = manifest.json
        var headers =
            stored.map { BlobHeaders(of: $0.properties) } ?? BlobHeaders(contentType: "application/octet-stream")
        var hasher = MD5Hasher()
        json.withUnsafeBytes { hasher.update($0) }
        headers.contentMD5 = Base64.encode(hasher.finish())
        let body = UploadBody(json, checksum: .crc64(json.withUnsafeBytes { CRC64.checksum($0) }))
        let condition = stored.map { VersionCondition.matches($0.properties.version.etag) } ?? .absent
        _ = try await requests.withSlot { [headers] in
            try await store.putBlob(manifestAddress(of: project), body, headers: headers, condition: condition)
        }
    }

    // MARK: Blobs

    /// The folders at the top, each perhaps a project, and the blobs beside them.
    func top() async throws -> (projects: [String], blobs: [LuisyBlobs.Blob]) {
        var (projects, blobs): ([String], [LuisyBlobs.Blob]) = ([], [])
        try await list(BlobQuery(container: name, delimiter: "/", includesMetadata: true)) { item in
            switch item {
            case .blob(let name, let properties): blobs.append(.init(name: name, properties: properties))
            case .prefix(let prefix, _): projects.append(String(Substring(prefix.utf8.dropLast())))
            }
        }
        var seen: Set<NameBytes> = []
        return (projects.filter { seen.insert(NameBytes($0)).inserted }, blobs)
    }

    /// All blobs that these keys can stand for, and everything in these projects: a listing for each folder at the top.
    func blobs(of projects: [String], and keys: some Sequence<LuisyKey>) async throws -> LuisyBlobs {
        var folders = Set(projects.map(NameBytes.init))
        var isRootNeeded = false
        for case let names? in keys.lazy.map(\.names) {
            folders.insert(NameBytes(names[0]))
            if names.count == 1 { isRootNeeded = true }
        }
        var blobs: [LuisyBlobs.Blob] = []
        if isRootNeeded {
            let top = try await top()
            blobs = top.blobs
            folders.formIntersection(top.projects.map(NameBytes.init))
        }
        try await withThrowingTaskGroup(of: [LuisyBlobs.Blob].self) { group in
            for folder in folders {
                group.addTask {
                    var found: [LuisyBlobs.Blob] = []
                    let query = BlobQuery(container: name, prefix: folder.text + "/", includesMetadata: true)
                    try await list(query) { item in
                        if case .blob(let name, let properties) = item {
                            found.append(.init(name: name, properties: properties))
                        }
                    }
                    return found
                }
            }
            for try await found in group { blobs += found }
        }
        return LuisyBlobs(blobs)
    }

    private func list(_ query: BlobQuery, _ body: (ListedItem) -> Void) async throws {
        var marker: ListMarker?
        repeat {
            let page = try await requests.withSlot { [marker] in try await store.listBlobs(query, after: marker) }
            for item in page.items { body(item) }
            marker = page.next
        } while marker != nil
    }
}
