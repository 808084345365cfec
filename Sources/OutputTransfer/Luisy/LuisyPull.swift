internal import BlobStorage
internal import BlobWriting
internal import Checksums
internal import LocalStore
package import OutputConventions
internal import Synchronization

/// Fetches outputs of luisy by its rules, so that a run finds them: each is there whole or not at all, and then named in the
/// working directory's manifest.
package final class LuisyPull: Sendable {
    private let project: LuisyProject
    private let transfer: LuisyTransfer
    private let fetched = Mutex<[(key: LuisyKey, hash: String)]>([])

    package init(
        _ project: LuisyProject,
        _ options: LuisyTransferOptions,
        report: @escaping @Sendable (TransferEvent) -> Void
    ) {
        self.project = project
        transfer = LuisyTransfer(options, report: report)
    }

    package var counters: TransferCounters { transfer.counters }

    /// Fetches what the decision table says; keeps what is there, unless `code` names another hash than the one it was made by.
    ///
    /// - Parameter keys: only these; none: all.
    /// - Returns: the keys of which nothing is known.
    package func run(_ code: LuisyProject.Code, keys: [LuisyKey]) async throws -> [LuisyKey] {
        let snapshot = try await project.snapshot(code, transfer.disk)
        guard snapshot.stored != nil else { throw LuisyError.noManifest(project) }
        let plan = LuisyPlan(snapshot.knowledge, keys: keys.isEmpty ? nil : Set(keys), download: true, upload: false)
        var jobs: [LuisyTransfer.Job] = []
        for line in plan.lines {
            let job = job(line.key, line.hash, snapshot)
            switch line.sync.source {
            case .download:
                if let problem = problem(line.key, snapshot) {
                    transfer.fail(job, problem)
                } else {
                    jobs.append(job)
                }
            case .local: await keep(job, line, snapshot)
            case .run, .missing:
                // Of wrappers and dangling keys nothing can be had; what was named is missed.
                guard code.hashes[line.key] != nil || keys.contains(line.key) else { continue }
                transfer.fail(job, "the store has no output of this code: the task has to run")
            }
        }
        try await fetch(jobs, snapshot)
        let planned = Set(plan.lines.map(\.key))
        return keys.filter { !planned.contains($0) }
    }

    /// Fetches outputs again that have 0 bytes here and more in the store: luisy's downloads leave such files when they fail,
    /// and it takes them for good ones.
    package func repair(keys: [LuisyKey]) async throws -> [LuisyKey] {
        let snapshot = try await project.snapshot(.init(), transfer.disk)
        let knowledge = snapshot.knowledge
        let known = knowledge.local.entries.map(\.key) + knowledge.store.entries.map(\.key)
        let only = keys.isEmpty ? nil : Set(keys)
        var seen: Set<LuisyKey> = []
        var jobs: [LuisyTransfer.Job] = []
        for key in known where only?.contains(key) ?? true && seen.insert(key).inserted {
            guard let path = project.directory.path(of: key), let blob = snapshot.blobs.file(key),
                blob.properties.length > 0, try await isEmptyFile(path)
            else { continue }
            let hash = knowledge.store[key]?.hash
            let job = job(key, hash ?? "", snapshot)
            if let problem = problem(key, snapshot) {
                transfer.fail(job, problem)
            } else if let hash, knowledge.local[key]?.hash ?? hash == hash {
                jobs.append(job)
            } else {
                transfer.fail(
                    job,
                    "it has 0 bytes, and the store's is of other code: remove it, and the task runs again"
                )
            }
        }
        try await fetch(jobs, snapshot)
        return keys.filter { !seen.contains($0) }
    }

    private func isEmptyFile(_ path: String) async throws -> Bool {
        try await transfer.disk.perform { () throws(LocalFileError) in
            if case .file(0) = try LocalFolder.kind(of: path) { true } else { false }
        }
    }

    // MARK: Decisions

    private func job(_ key: LuisyKey, _ hash: String, _ snapshot: LuisyProject.Snapshot) -> LuisyTransfer.Job {
        LuisyTransfer.Job(
            key: key,
            hash: hash,
            source: "\(project.container.name)/\(key.blobName)",
            target: project.directory.path(of: key) ?? key.text,
            byteCount: snapshot.blobs.content(of: key).reduce(0) { $0 + $1.properties.length }
        )
    }

    /// Why what the store has cannot be taken for the output of the manifest's hash.
    private func problem(_ key: LuisyKey, _ snapshot: LuisyProject.Snapshot) -> String? {
        guard project.directory.path(of: key) != nil else { return "the key leads out of the working directory" }
        let content = snapshot.blobs.content(of: key)
        guard let newest = content.map(\.properties.version.lastModified).max() else {
            return "the store has an empty directory of the name"
        }
        guard newest <= snapshot.stored?.properties.version.lastModified ?? 0 else {
            return
                "the blob is newer than the manifest: an upload was cut short, or goes on right now, or somebody wrote it "
                + "without luisy; where it is right, outputfs luisy adopt says so"
        }
        let isDirectory = snapshot.blobs.file(key) == nil
        let names = content.map { LuisyKey(blob: $0.name) }
        return isDirectory && names.contains { $0.names == nil } ? "a blob in it has a name that no file can have" : nil
    }

    /// What is here stays. A file that the manifest does not know is named in it when it is the store's, byte for byte.
    private func keep(
        _ job: LuisyTransfer.Job,
        _ line: LuisyPlan.Line,
        _ snapshot: LuisyProject.Snapshot
    ) async {
        guard line.state.localHash == nil, line.state.cloudHash == line.hash,
            let blob = snapshot.blobs.file(line.key)
        else { return transfer.keep(job) }
        do {
            if try await isSame(job.target, blob) {
                fetched.withLock { $0.append((line.key, line.hash)) }
                transfer.keep(job)
            } else {
                transfer.fail(job, "an unknown file is here that is not the store's; move it away to fetch the store's")
            }
        } catch { transfer.fail(job, "\(error)") }
    }

    private func isSame(_ path: String, _ blob: LuisyBlobs.Blob) async throws -> Bool {
        try await transfer.disk.performInterruptibly { flag throws(LocalFileError) in
            switch OverwriteDecision(.changed, try LocalFolder.existing(path), blob.properties) {
            case .keep: true
            case .fetch: false
            case .compare(let md5): try SourceFile(path).md5(unless: flag).utf8.elementsEqual(md5.utf8)
            }
        }
    }

    // MARK: Fetching

    private func fetch(_ jobs: [LuisyTransfer.Job], _ snapshot: LuisyProject.Snapshot) async throws {
        await transfer.run(jobs) { [self] job, progress in
            let isThere = snapshot.knowledge.files.contains(job.key)
            if let blob = snapshot.blobs.file(job.key) {
                try await fetch(blob, to: job.target, replacing: isThere, progress)
            } else {
                try await fetch(snapshot.blobs.files(below: job.key), job, replacing: isThere, progress)
            }
            fetched.withLock { $0.append((job.key, job.hash)) }
            return .done
        }
        // Also what was fetched before Ctrl-C.
        let (directory, name, lines) = (project.directory, project.name, fetched.withLock { $0 })
        if !transfer.options.isDryRun { try await transfer.disk.perform { try directory.set(lines, of: name) } }
        try Task.checkCancellation()
    }

    private func fetch(
        _ blob: LuisyBlobs.Blob,
        to path: String,
        replacing: Bool,
        _ progress: SharedProgress
    ) async throws {
        let parent = String(path.utf8[..<(path.utf8.lastIndex(of: UInt8(ascii: "/")) ?? path.utf8.startIndex)]) ?? "/"
        try await transfer.disk.perform { () throws(LocalFileError) in try LocalFolder.make(parent) }
        let download = FileDownload(
            store: project.container.store,
            address: BlobAddress(container: project.container.name, name: blob.name),
            target: path,
            policy: replacing ? .always : .never,
            validates: true,
            ranges: project.container.requests,
            disk: transfer.disk,
            progress: { progress.add($0) },
            versionsMax: 1
        )
        _ = try await download.run(blob.properties)
    }

    private func fetch(
        _ blobs: ArraySlice<LuisyBlobs.Blob>,
        _ job: LuisyTransfer.Job,
        replacing: Bool,
        _ progress: SharedProgress
    ) async throws {
        let prefixCount = job.key.blobName.utf8.count + 1
        let parts = blobs.map { blob in
            FolderDownload.Part(
                relativePath: String(Substring(blob.name.utf8.dropFirst(prefixCount))),
                address: BlobAddress(container: project.container.name, name: blob.name),
                properties: blob.properties
            )
        }
        let download = FolderDownload(
            store: project.container.store,
            parts: parts,
            target: job.target,
            replacing: replacing,
            requests: project.container.requests,
            disk: transfer.disk
        ) { progress.add($0) }
        try await download.run()
    }
}

extension LuisyError {
    static func noManifest(_ project: LuisyProject) -> LuisyError {
        LuisyError(
            "\(project.container.name) has no project '\(project.name)': "
                + "\(project.container.manifestAddress(of: project.name)) is not there",
            try: "outputfs luisy status, which names the projects that are there",
            isMissing: true
        )
    }
}
