package import BlobStorage
package import OutputConventions
internal import OutputViews

/// The tree without a mount: what its paths lead to, and what is below, asked of the store each time.
package struct StoreTree: Sendable {
    let store: any BlobStore
    let views: ShownViews
    let gatherer: Gatherer
    /// The one container that a container URL gives; `nil`: the account's.
    let onlyContainer: String?

    package init(
        store: any BlobStore,
        views: ShownViews = .all,
        onlyContainer: String? = nil,
        datastores: [ConfiguredDatastore] = []
    ) {
        self.store = store
        self.views = views
        self.onlyContainer = onlyContainer
        let source = GatheredSource(onlyContainer: onlyContainer, datastores: datastores)
        gatherer = Gatherer(store: store, source: source)
    }

    package enum Found: Sendable {
        case directory(TreePlace)
        case file(TreeFile)
    }

    // MARK: One path

    /// What a path from the root leads to.
    ///
    /// A directory that stands for a prefix is there when a blob is below it, or when its marker is.
    package func find(_ path: [String]) async throws -> Found { try await find(path, below: .root, of: path) }

    /// What names lead to from a directory that is there; `path`: from the root, for errors.
    func find(_ names: [String], below start: TreePlace, of path: [String]) async throws -> Found {
        var place = start
        for (index, name) in names.enumerated() {
            let isLast = index == names.count - 1
            switch place.resolve(name, views: views) {
            case .fixed(.selfLink): throw TreeError(path, .notInStore)
            case .fixed(let next), .folder(let next): place = next
            case .container(let next):
                place = next
                if isLast { try await requireContainer(of: next, path) }
            case .gathered(let gathered):
                switch try await gatherer.find(name, in: gathered) {
                case .directory(let next): place = next
                case .file(let next, let properties):
                    guard isLast, let file = TreeFile(next, properties, path: path.suffix(1)) else {
                        throw TreeError(path, .notFound)
                    }
                    return .file(file)
                case nil: throw TreeError(path, .notFound)
                }
            case .file(let next):
                guard isLast, let file = try await file(next, path) else { throw TreeError(path, .notFound) }
                return .file(file)
            case .either(let file, let folder):
                place = folder
                guard isLast else { continue }
                if try await hasBlobs(below: folder) { return .directory(folder) }
                guard let found = try await self.file(file, path) else { throw TreeError(path, .notFound) }
                return found.isDirectory ? .directory(folder) : .file(found)
            case .impossible(let problem): throw TreeError(path, .impossible("\(problem)"))
            }
        }
        if case .folder = place, !(try await hasBlobs(below: place)), !(try await hasMarker(place)) {
            throw TreeError(path, .notFound)
        }
        if case .task = place, !(try await hasBlobs(below: place)), !(try await hasMarker(place)) {
            throw TreeError(path, .notFound)
        }
        return .directory(place)
    }

    private func requireContainer(of place: TreePlace, _ path: [String]) async throws {
        guard case .container(_, let container) = place else { return }
        do throws(StorageError) { _ = try await store.properties(ofContainer: container) } catch {
            // A container's SAS may not ask for its properties; what is missing then shows itself at the first listing.
            if error.kind == .denied { return }
            throw error.kind == .notFound ? TreeError(path, .notFound) : error
        }
    }

    private func file(_ place: TreePlace, _ path: [String]) async throws -> TreeFile? {
        guard case .file(_, let container, let name) = place else { return nil }
        let address = BlobAddress(container: container, name: name)
        do throws(StorageError) {
            let properties = try await store.properties(of: address)
            return TreeFile(
                path: path.suffix(1),
                address: address,
                properties: properties,
                isDirectory: properties.marksDirectory(name)
            )
        } catch {
            if error.kind == .notFound { return nil }
            throw error
        }
    }

    private func hasBlobs(below place: TreePlace) async throws -> Bool {
        let prefix: (container: String, name: String)
        switch place {
        case .folder(_, let container, let name): prefix = (container, name)
        case .task(let container, let task): prefix = (container, task + "/")
        default: return true
        }
        var marker: ListMarker?
        repeat {
            let query = BlobQuery(container: prefix.container, prefix: prefix.name, pageSize: 1)
            let page: BlobPage
            do throws(StorageError) { page = try await store.listBlobs(query, after: marker) } catch {
                // A hierarchical namespace refuses to list below what is a file.
                if error.kind == .invalid, error.status != nil { return false }
                throw error
            }
            if !page.items.isEmpty { return true }
            marker = page.next
        } while marker != nil
        return false
    }

    private func hasMarker(_ place: TreePlace) async throws -> Bool {
        guard let marker = place.marker else { return false }
        let place = TreePlace.file(.containers, container: marker.container, name: marker.name)
        return try await file(place, [marker.name])?.isDirectory ?? false
    }

    // MARK: Below

    /// Gives all files below a directory to `body`, several containers at a time, each in its listing's order; besides, the
    /// directories that were made. `body` may be slow: the next page is asked for when it has taken one.
    package func walk(
        _ place: TreePlace,
        at path: [String] = [],
        _ body: @escaping @Sendable (TreeFile) async throws -> Void
    ) async throws {
        let planned = place.planned(views: views)
        switch planned.source {
        case .blobs(let container, let prefix):
            // What is fixed in a job (kinds, `tasks`) is in the container's flat listing, too.
            let flat = if case .container = place { "" } else { Self.flatPrefix(of: place) ?? prefix }
            try await walk(BlobQuery(container: container, prefix: flat, includesMetadata: true), place, path, body)
        case .containers(let prefix):
            try await walkContainers(place, path, prefix, body)
        case .gathered(let gathered):
            if let container = gathered.containerListedFlat {
                return try await walk(BlobQuery(container: container, includesMetadata: true), place, path, body)
            }
            for entry in try await gatherer.entries(of: gathered) {
                switch entry.target {
                case .directory(let next): try await walk(next, at: path + [entry.name], body)
                case .file(let place, let properties):
                    guard let file = TreeFile(place, properties, path: path + [entry.name]) else { continue }
                    try await body(file)
                }
            }
        case .nothing:
            for (name, next) in planned.fixed where next.isDirectory { try await walk(next, at: path + [name], body) }
        }
    }

    /// What all blobs below a directory begin with.
    private static func flatPrefix(of place: TreePlace) -> String? {
        switch place {
        case .task(_, let task): task + "/"
        case .folder(_, _, let prefix): prefix
        default: nil
        }
    }

    private func walk(
        _ query: BlobQuery,
        _ place: TreePlace,
        _ path: [String],
        _ body: @escaping @Sendable (TreeFile) async throws -> Void
    ) async throws {
        var held = HeldBack()
        var marker: ListMarker?
        repeat {
            let page = try await store.listBlobs(query, after: marker)
            for item in page.items {
                guard case .blob(let name, let properties) = item else { continue }
                for final in held.pass(name, properties) { try await give(final, query, place, path, body) }
            }
            marker = page.next
        } while marker != nil
        for final in held.finish() { try await give(final, query, place, path, body) }
    }

    private func give(
        _ blob: HeldBack.Final,
        _ query: BlobQuery,
        _ place: TreePlace,
        _ path: [String],
        _ body: @escaping @Sendable (TreeFile) async throws -> Void
    ) async throws {
        let isDirectory = blob.properties.marksDirectory(blob.name)
        // A directory is told by what is below it, too.
        if isDirectory && blob.isShadowed { return }
        let isSlashed = isDirectory && blob.name.utf8.last == UInt8(ascii: "/")
        let name = isSlashed ? String(decoding: blob.name.utf8.dropLast(), as: UTF8.self) : blob.name
        guard
            !isDirectory || !name.utf8.elementsEqual(query.prefix.utf8.dropLast()) && !place.alwaysShadows(blob: name),
            let names = place.path(to: name, isShadowed: blob.isShadowed && !isDirectory, views: views)
        else { return }
        let address = BlobAddress(container: query.container, name: blob.name)
        try await body(
            TreeFile(path: path + names, address: address, properties: blob.properties, isDirectory: isDirectory)
        )
    }

    /// Containers whose listings are under way at once: 50,000 of them at 20 ms are a minute, and not a quarter of an hour.
    static let listingsMax = 16

    private func walkContainers(
        _ place: TreePlace,
        _ path: [String],
        _ prefix: String,
        _ body: @escaping @Sendable (TreeFile) async throws -> Void
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            var count = 0
            try await eachContainer(in: place, prefix) { name, next in
                if count == Self.listingsMax { try await group.next() } else { count += 1 }
                group.addTask { try await walk(next, at: path + [name], body) }
            }
            try await group.waitForAll()
        }
    }

    /// The jobs or containers of a view, by the names under which they are shown.
    package func eachContainer(
        in place: TreePlace,
        _ body: (_ name: String, _ place: TreePlace) async throws -> Void
    ) async throws {
        guard case .containers(let prefix) = place.planned(views: views).source else { return }
        try await eachContainer(in: place, prefix, body)
    }

    private func eachContainer(
        in place: TreePlace,
        _ prefix: String,
        _ body: (_ name: String, _ place: TreePlace) async throws -> Void
    ) async throws {
        if let onlyContainer {
            guard let shown = place.shown(container: onlyContainer, jobID: nil) else { return }
            return try await body(shown.name, shown.place)
        }
        var marker: ListMarker?
        repeat {
            let query = ContainerQuery(prefix: prefix, includesMetadata: true)
            let page = try await store.listContainers(query, after: marker)
            for container in page.containers {
                let id = container.metadata["outputfs_jobid"]
                guard let shown = place.shown(container: container.name, jobID: id) else { continue }
                try await body(shown.name, shown.place)
            }
            marker = page.next
        } while marker != nil
    }
}
