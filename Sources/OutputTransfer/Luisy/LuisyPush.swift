internal import BlobStorage
internal import BlobWriting
internal import LocalStore
package import OutputConventions

/// Sends outputs of luisy by its rules: the bytes first, then their line in the store's manifest, into which the lines of
/// everybody else are merged.
package final class LuisyPush: Sendable {
    private let project: LuisyProject
    private let transfer: LuisyTransfer

    package init(
        _ project: LuisyProject,
        _ options: LuisyTransferOptions,
        report: @escaping @Sendable (TransferEvent) -> Void
    ) {
        self.project = project
        transfer = LuisyTransfer(options, report: report)
    }

    package var counters: TransferCounters { transfer.counters }

    /// Sends the outputs that are here and that the store has of other code, or not at all; directories, too, which luisy does
    /// not send.
    ///
    /// - Parameter keys: only these; none: all.
    /// - Returns: the keys that are not here, or of which no hash is known.
    package func run(_ code: LuisyProject.Code, keys: [LuisyKey]) async throws -> [LuisyKey] {
        let snapshot = try await project.snapshot(code, transfer.disk)
        let plan = LuisyPlan(snapshot.knowledge, keys: keys.isEmpty ? nil : Set(keys), download: false, upload: true)
        var jobs: [LuisyTransfer.Job] = []
        var found: Set<LuisyKey> = []
        for line in plan.lines where line.state.hasLocalFile {
            guard let path = project.directory.path(of: line.key) else { continue }
            found.insert(line.key)
            let job = LuisyTransfer.Job(
                key: line.key,
                hash: line.hash,
                source: path,
                target: "\(project.container.name)/\(line.key.blobName)",
                byteCount: try await byteCount(of: path)
            )
            if line.sync.deletesLocalFile {
                transfer.fail(job, "it was made by other code: the task has to run")
            } else if line.state.localHash == nil, code.hashes[line.key] == nil {
                // The store's hash would be put on bytes that nobody vouches for.
                transfer.keep(job)
            } else if line.sync.uploads {
                jobs.append(job)
            } else {
                transfer.keep(job)
            }
        }
        let updates = ManifestUpdates(project.container, project: project.name)
        await transfer.run(jobs) { [self] job, progress in
            let blobs = try await send(job, snapshot, progress)
            let before = snapshot.knowledge.store[job.key]
            try await updates.add(.init(key: job.key, hash: job.hash, before: before, blobs: blobs))
            return .done
        }
        try Task.checkCancellation()
        return keys.filter { !found.contains($0) }
    }

    private func byteCount(of path: String) async throws -> UInt64 {
        try await transfer.disk.perform {
            let output = try ArtifactFolder(all: path)
            return try output.files().reduce(0) { $0 + UInt64($1.byteCount) }
        }
    }

    // MARK: One output

    private func send(
        _ job: LuisyTransfer.Job,
        _ snapshot: LuisyProject.Snapshot,
        _ progress: SharedProgress
    ) async throws -> [(address: BlobAddress, etag: ETag)] {
        let (files, isFolder) = try await transfer.disk.perform {
            let output = try ArtifactFolder(all: job.source)
            let files = try output.files().filter { file in
                // A manifest below is saved by its own rules only.
                !output.isFolder || !PartFile.isPart(file.relativePath) && !LuisyKey(blob: file.relativePath).isManifest
            }
            return (files, output.isFolder)
        }
        let name = job.key.blobName
        guard isFolder else {
            return [try await send(files[0].localPath, to: name, replacing: snapshot.blobs.named(name), progress)]
        }
        guard !files.isEmpty else {
            throw LocalFileError(job.source, "is an empty folder, and the store keeps only files")
        }
        let sent = try await withThrowingTaskGroup(of: (address: BlobAddress, etag: ETag).self) { group in
            for file in files {
                let blob = name + "/" + file.relativePath
                group.addTask { [self] in
                    try await send(file.localPath, to: blob, replacing: snapshot.blobs.named(blob), progress)
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        // What an earlier run left there would be read with the rest: Parquet takes every file of the folder.
        let names = Set(sent.map { NameBytes($0.address.name) })
        var old = snapshot.blobs.files(below: job.key).filter { old in
            !names.contains(NameBytes(old.name)) && !snapshot.isOfAnother(old.name, below: job.key)
        }
        // A file of the folder's own name is what others would fetch in its place.
        if let file = snapshot.blobs.file(job.key) { old.append(file) }
        for old in old {
            let address = BlobAddress(container: project.container.name, name: old.name)
            try await project.container.requests.withSlot {
                try await project.container.store.delete(address, condition: .matches(old.properties.version.etag))
            }
        }
        return sent
    }

    private func send(
        _ path: String,
        to name: String,
        replacing old: LuisyBlobs.Blob?,
        _ progress: SharedProgress
    ) async throws -> (address: BlobAddress, etag: ETag) {
        let source = try await transfer.disk.perform { () throws(LocalFileError) in try SourceFile(path) }
        let address = BlobAddress(container: project.container.name, name: name)
        let upload = FileUpload(
            store: project.container.store,
            address: address,
            source: source,
            bodies: project.container.requests,
            disk: transfer.disk
        ) { progress.add($0) }
        let headers = BlobHeaders(contentType: ContentTypes.type(forName: name))
        do {
            let condition = old.map { VersionCondition.matches($0.properties.version.etag) } ?? .absent
            return (address, try await upload.run(headers, condition).etag)
        } catch let error as StorageError {
            guard [.conditionFailed, .alreadyExists].contains(error.kind) else { throw error }
            throw LuisyOvertaken()
        }
    }
}
