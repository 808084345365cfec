internal import BlobStorage
package import OutputConventions
internal import OutputViews

/// Finds jobs of all conventions by what is in the store.
package struct JobCatalog: Sendable {
    let store: any BlobStore
    let onlyContainer: String?
    let gatherer: Gatherer
    /// The true ids of jobs, by container, as far as Batch tells them.
    private let trueIDs: [String: String]

    package init(tree: StoreTree, trueIDs: [String: String] = [:]) {
        (store, onlyContainer, gatherer) = (tree.store, tree.onlyContainer, tree.gatherer)
        self.trueIDs = trueIDs
    }

    /// Questions in flight: a foreach loop is known by its blobs, which costs one small listing a container.
    static let atOnceMax = 16

    // MARK: All

    /// Gives each job to `body`, one at a time.
    ///
    /// Jobs of Batch are told by their containers' names, 5,000 a request; runs of Azure ML by five listings of a
    /// workspace's container; loops of foreach by one small listing of each container that may be one. With other
    /// conventions asked for as well, containers named like those of Batch are not looked into: 50,000 jobs are 50,000
    /// listings.
    package func each(
        of conventions: Set<JobConvention>,
        _ body: @escaping @Sendable (Job) throws -> Void
    ) async throws {
        let looksIntoAll = conventions == [.foreach]
        try await withThrowingTaskGroup(of: Job?.self) { group in
            var running = 0
            var workspaces: [String] = []
            try await eachContainer(beginningWith: conventions == [.batch] ? JobContainer.prefix : "") { container in
                try Task.checkCancellation()
                let batchID = batchID(of: container)
                if let batchID, conventions.contains(.batch) {
                    try body(Self.batch(batchID, container))
                }
                if RunPlaces.isInWorkspace(container: container.name) {
                    workspaces.append(container.name)
                } else if conventions.contains(.foreach), batchID == nil || looksIntoAll {
                    if running == Self.atOnceMax {
                        if let job = try await group.next() ?? nil { try body(job) }
                        running -= 1
                    }
                    running += 1
                    group.addTask { try await isForeach(container.name) ? Self.foreach(container) : nil }
                }
            }
            while let job = try await group.next() { if let job { try body(job) } }
            guard conventions.contains(.azureml) else { return }
            var known: Set<NameBytes> = []
            for workspace in workspaces {
                try await eachRun(in: workspace) { run in
                    guard known.insert(NameBytes(run)).inserted else { return }
                    try body(Job(.azureml, id: run, places: Self.places(of: run, in: workspaces)))
                }
            }
        }
    }

    private func eachContainer(
        beginningWith prefix: String,
        _ body: (ContainerProperties) async throws -> Void
    ) async throws {
        if let onlyContainer {
            return try await body(ContainerProperties(name: onlyContainer, version: .unknown, metadata: [:]))
        }
        var marker: ListMarker?
        repeat {
            let query = ContainerQuery(prefix: prefix, includesMetadata: true)
            let page = try await store.listContainers(query, after: marker)
            for container in page.containers { try await body(container) }
            marker = page.next
        } while marker != nil
    }

    private func eachRun(in container: String, _ body: (String) throws -> Void) async throws {
        for prefix in RunPlaces.listed {
            var marker: ListMarker?
            repeat {
                let query = BlobQuery(container: container, prefix: prefix, delimiter: "/", includesMetadata: true)
                let page = try await store.listBlobs(query, after: marker)
                for item in page.items {
                    // A folder is told by its prefix, and its marker by itself tells of none.
                    if case .blob(let name, let properties) = item, properties.marksDirectory(name) { continue }
                    if let run = RunPlaces.run(of: item.name) { try body(run) }
                }
                marker = page.next
            } while marker != nil
        }
    }

    // MARK: One

    /// The jobs that a name may mean: none, one, or one of several conventions.
    package func find(_ name: JobName) async throws -> [Job] {
        var found: [Job] = []
        for convention in JobConvention.allCases where name.convention ?? convention == convention {
            let job =
                switch convention {
                case .batch: try await batch(name.id)
                case .azureml: try await run(name.id)
                case .foreach: try await foreach(name.id)
                }
            if let job { found.append(job) }
        }
        return found
    }

    private func batch(_ id: String) async throws -> Job? {
        guard JobContainer.isJobID(id) else { return nil }
        guard let container = try await container(JobContainer.name(forJob: id)) else { return nil }
        return Self.batch(trueIDs[container.name] ?? container.metadata["outputfs_jobid"] ?? id, container)
    }

    private func foreach(_ id: String) async throws -> Job? {
        guard ContainerName.isValid(id), let container = try await container(id), try await isForeach(id) else {
            return nil
        }
        return Self.foreach(container)
    }

    private func run(_ id: String) async throws -> Job? {
        var places: [Job.Place] = []
        try await eachContainer(beginningWith: RunBlobs.artifactContainer) { container in
            guard RunPlaces.isInWorkspace(container: container.name) else { return }
            places += try await held(Self.places(of: id, in: [container.name]))
        }
        return places.isEmpty ? nil : Job(.azureml, id: id, places: places)
    }

    /// Those of the places in which something is.
    private func held(_ places: [Job.Place]) async throws -> [Job.Place] {
        try await withThrowingTaskGroup(of: (Int, Bool).self) { group in
            for (index, place) in places.enumerated() {
                group.addTask {
                    let name = BlobAddress(container: place.container, name: place.prefix)
                    return (index, place.isBlob ? try await isFile(name) : try await isBegun(name))
                }
            }
            var there: Set<Int> = []
            for try await (index, isThere) in group where isThere { there.insert(index) }
            return places.indices.filter(there.contains).map { places[$0] }
        }
    }

    private func isFile(_ blob: BlobAddress) async throws -> Bool {
        do throws(StorageError) {
            let properties = try await store.properties(of: blob)
            return !properties.marksDirectory(blob.name)
        } catch {
            if error.kind == .notFound { return false }
            throw error
        }
    }

    private func isBegun(_ prefix: BlobAddress) async throws -> Bool {
        !(try await firstNames(BlobQuery(container: prefix.container, prefix: prefix.name, pageSize: 1)).isEmpty)
    }

    /// A page of names; one that is empty and not the last is passed over.
    func firstNames(_ query: BlobQuery) async throws(StorageError) -> [String] {
        var marker: ListMarker?
        repeat {
            let page = try await page(query, after: marker)
            if !page.items.isEmpty { return page.items.map(\.name) }
            marker = page.next
        } while marker != nil
        return []
    }

    /// A hierarchical namespace refuses to list below what is a file: nothing is there.
    func page(_ query: BlobQuery, after marker: ListMarker?) async throws(StorageError) -> BlobPage {
        do throws(StorageError) { return try await store.listBlobs(query, after: marker) } catch {
            guard error.kind == .invalid, error.status != nil, query.prefix.utf8.last == UInt8(ascii: "/") else {
                throw error
            }
            return BlobPage(items: [], next: nil)
        }
    }

    /// `nil` where it is not there, or not this token's.
    private func container(_ name: String) async throws -> ContainerProperties? {
        if let onlyContainer, !onlyContainer.utf8.elementsEqual(name.utf8) { return nil }
        do throws(StorageError) { return try await store.properties(ofContainer: name) } catch {
            switch error.kind {
            case .notFound, .containerBeingDeleted: return nil
            // A container's SAS may not ask for its properties; its listing answers then.
            case .denied where onlyContainer != nil:
                return ContainerProperties(name: name, version: .unknown, metadata: [:])
            default: throw error
            }
        }
    }

    // MARK: Values

    /// `nil` for a container that is no job's by its name.
    private func batchID(of container: ContainerProperties) -> String? {
        let known = trueIDs[container.name] ?? container.metadata["outputfs_jobid"]
        return TreePlace.view(.jobs).shown(container: container.name, jobID: known)?.name
    }

    private static func batch(_ id: String, _ container: ContainerProperties) -> Job {
        Job(.batch, id: id, places: [.init(container: container.name)], containerModified: container.modified)
    }

    private static func foreach(_ container: ContainerProperties) -> Job {
        Job(
            .foreach,
            id: container.name,
            places: [.init(container: container.name)],
            containerModified: container.modified
        )
    }

    private static func places(of run: String, in workspaces: [String]) -> [Job.Place] {
        workspaces.flatMap { container in
            RunPlaces.folders(of: run).map { Job.Place(container: container, prefix: $0) }
                + RunPlaces.blobs(of: run).map { Job.Place(container: container, prefix: $0, isBlob: true) }
        }
    }
}

extension BlobVersion {
    /// Of a container whose properties may not be asked for.
    fileprivate static let unknown = BlobVersion(etag: ETag(""), lastModified: 0)
}

extension ContainerProperties {
    fileprivate var modified: Int64? { version.lastModified == 0 ? nil : version.lastModified }
}
