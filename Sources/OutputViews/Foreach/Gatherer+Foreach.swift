import BlobStorage
import OutputConventions

/// `/foreach/<job>/…`
extension Gatherer {
    func foreachEntries(of place: GatheredPlace) async throws(StorageError) -> [GatheredEntry] {
        guard !place.container.isEmpty else { return try await foreachJobEntries() }
        guard let directory = place.foreachDirectory else { return [] }
        let container = place.container
        var entries = directory.fixed.map { name, directory in
            GatheredEntry(name, directory: directory.place(in: container))
        }
        switch directory {
        case .job:
            guard try await isForeachJob(container) else { throw .notAForeachJob(container) }
        case .tasks: entries += try await foreachTasks(container)
        case .results: entries += try await foreachResults(container)
        case .other: entries += try await foreachOther(container)
        case .task, .files, .scripts:
            let files = directory.files(in: container)
            let found = try await concurrently(files, atOnce: Self.requestsMax) { file throws(StorageError) in
                try await self.file(.foreach, BlobAddress(container: container, name: file.blob))
            }
            for (file, target) in zip(files, found) {
                if let target { entries.append(GatheredEntry(file.name, target)) }
            }
        }
        return entries
    }

    func foreachFind(_ name: String, in place: GatheredPlace) async throws(StorageError) -> GatheredEntry.Target? {
        guard !place.container.isEmpty else {
            return try await isForeachJob(name) ? .directory(ForeachDirectory.job.place(in: name)) : nil
        }
        guard let directory = place.foreachDirectory else { return nil }
        let container = place.container
        if let fixed = directory.fixed.first(where: { $0.name.utf8.elementsEqual(name.utf8) }) {
            return .directory(fixed.directory.place(in: container))
        }
        if case .tasks = directory { return try await foreachTask(name, in: container) }
        if case .other = directory { return try await foreachOther(name, in: container) }
        for blob in directory.blobs(named: name, in: container) {
            if let file = try await file(.foreach, BlobAddress(container: container, name: blob)) { return file }
        }
        return nil
    }

    // MARK: Tasks

    /// Every task that left anything: a page of 5,000 blobs a request, of each kind at the same time.
    private func foreachTasks(_ container: String) async throws(StorageError) -> [GatheredEntry] {
        let folders = ForeachBlob.taskFolders + [""]
        let found = try await concurrently(folders, atOnce: folders.count) { folder throws(StorageError) in
            var tasks: Set<String> = []
            try await list(folder, in: container) { item in
                guard case .blob(let blob, let properties) = item, !properties.marksDirectory(blob) else { return true }
                if let task = ForeachBlob.task(of: blob, in: container) { tasks.insert(task) }
                return true
            }
            return tasks
        }
        return found.reduce(into: Set<String>()) { $0.formUnion($1) }.map { task in
            GatheredEntry(task, directory: ForeachDirectory.task(task).place(in: container))
        }
    }

    /// One request for a task that ended, which has a log; five for one that is not there.
    private func foreachTask(
        _ task: String,
        in container: String
    ) async throws(StorageError) -> GatheredEntry.Target? {
        guard ForeachBlob.isTask(task, of: container) else { return nil }
        let directory = ForeachDirectory.task(task)
        let files = directory.files(in: container).map { BlobAddress(container: container, name: $0.blob) }
        let logs = files.filter { $0.name.utf8.starts(with: "logs/".utf8) }
        for blobs in [logs, files.filter { !logs.contains($0) }] {
            let found = try await concurrently(blobs, atOnce: Self.requestsMax) { blob throws(StorageError) in
                try await file(.foreach, blob) != nil
            }
            if found.contains(true) { return .directory(directory.place(in: container)) }
        }
        return nil
    }

    // MARK: Results

    private func foreachResults(_ container: String) async throws(StorageError) -> [GatheredEntry] {
        // Of two results of one number, the newer release's has the name.
        let found = try await concurrently(["results/", "result/"], atOnce: 2) { folder throws(StorageError) in
            var entries: [GatheredEntry] = []
            try await list(folder, in: container) { item in
                guard case .blob(let blob, let properties) = item, !properties.marksDirectory(blob),
                    let name = ForeachResult.name(of: blob, in: container)
                else { return true }
                let place = TreePlace.file(.foreach, container: container, name: blob)
                entries.append(GatheredEntry(name, .file(place, properties)))
                return true
            }
            return entries
        }
        let newer = Set(found[0].map(\.name))
        return found[0] + found[1].filter { !newer.contains($0.name) }
    }
}

extension StorageError {
    static func notAForeachJob(_ container: String) -> StorageError {
        StorageError(
            .notFound,
            .permanent,
            operation: "List Blobs",
            resource: container,
            message: "no job of foreach is in this container"
        )
    }
}
