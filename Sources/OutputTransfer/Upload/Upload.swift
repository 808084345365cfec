internal import BlobStorage
internal import BlobWriting
internal import LocalStore
internal import OutputConventions
internal import Synchronization

/// How `Upload` goes about it.
package struct UploadOptions: Sendable {
    package var overwrite: OverwritePolicy = .changed
    package var isDryRun = false
    /// Modes go along; times and links always do.
    package var usesPosixMetadata = true
    /// Files of several blocks get their MD5 stored, too.
    package var storesMD5 = true
    /// Requests in flight.
    package var jobs = 16

    package init() {}
}

/// Puts local files and folders into the tree, many files at a time.
package final class Upload: Sendable {
    private let tree: StoreTree
    private let options: UploadOptions
    private let report: @Sendable (TransferEvent) -> Void
    private let bodies: AsyncLimiter
    private let disk = WorkerThreads(name: "upload", count: 4)
    private let state = Mutex(TransferCounters())

    private struct Job: Sendable {
        let file: ArtifactFolder.File
        let address: BlobAddress
        let target: String
    }

    /// - Parameter report: called from any thread, for each file.
    package init(tree: StoreTree, options: UploadOptions, report: @escaping @Sendable (TransferEvent) -> Void) {
        (self.tree, self.options, self.report) = (tree, options, report)
        bodies = AsyncLimiter(options.jobs)
    }

    package var counters: TransferCounters { state.withLock { $0 } }

    /// Uploads all of it. A file that fails is reported, and the others go on; a source that cannot be read at all throws.
    ///
    /// - Parameter isNamed: the target is the name of the one file that there is, and not a directory to put it in.
    package func run(_ sources: [String], to target: UploadTarget, isNamed: Bool) async throws {
        var jobs: [Job] = []
        var folders: [BlobAddress] = []
        for source in sources {
            let (folder, files, empty) = try await disk.perform {
                let folder = try ArtifactFolder(all: source, keepsLinks: true)
                return (folder, try folder.files(), folder.isFolder ? try folder.emptyFolders() : [])
            }
            for file in files { jobs.append(try job(file, isNamed ? [] : file.names, target)) }
            // One that is empty itself is a folder there, too.
            for path in folder.isFolder && files.isEmpty && empty.isEmpty ? [""] : empty {
                let names = path.utf8.split(separator: UInt8(ascii: "/")).map { String(Substring($0)) }
                if let marker = try target.marker(names) { folders.append(marker) }
            }
            if folder.isFolder, isNamed { throw LocalFileError(source, "is a folder") }
        }
        try requireOneSourceEach(jobs)
        if !isNamed { try await tree.requireDirectory(target) }
        state.withLock { counters in
            counters.found = jobs.count
            counters.foundBytes = jobs.reduce(0) { $0 + UInt64($1.file.byteCount) }
            counters.isListed = true
        }
        if !options.isDryRun { try await tree.makeContainer(of: target) }
        try await send(jobs, try await TargetLook(at: jobs.map(\.address), in: tree.store))
        guard !options.isDryRun else { return }
        for folder in folders { try await mark(folder) }
    }

    private func job(_ file: ArtifactFolder.File, _ names: [String], _ target: UploadTarget) throws(TreeError) -> Job {
        // Named: the last name of the target is the file's own.
        let directory = names.isEmpty ? target.parent : target
        let below = names.isEmpty ? Array(target.path.suffix(1)) : names
        return Job(
            file: file,
            address: try directory.blob(below),
            target: "/" + (directory.path + below).joined(separator: "/")
        )
    }

    private func requireOneSourceEach(_ jobs: [Job]) throws(LocalFileError) {
        var sources: [BlobAddress: String] = [:]
        for job in jobs {
            if let other = sources.updateValue(job.file.localPath, forKey: job.address) {
                throw LocalFileError(
                    other,
                    "and \(job.file.localPath) would both become \(job.target); put them into folders of their own"
                )
            }
        }
    }

    // MARK: Sending

    private func send(_ jobs: [Job], _ look: TargetLook) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (index, job) in jobs.enumerated() {
                try Task.checkCancellation()
                if index >= 2 * options.jobs { try await group.next() }
                group.addTask { [self] in await send(job, look[job.address]) }
            }
            try await group.waitForAll()
        }
        try Task.checkCancellation()
    }

    private func send(_ job: Job, _ answer: TargetLook.Answer) async {
        let counted = SharedCount()
        do {
            let source = try await disk.perform { () throws(LocalFileError) in try SourceFile(job.file) }
            guard let condition = try await condition(for: job, source, answer) else {
                state.withLock { counters in
                    counters.kept += 1
                    counters.doneBytes += source.byteCount
                }
                return tell(job, .kept)
            }
            guard !options.isDryRun else { return tell(job, .planned) }
            let upload = FileUpload(
                store: tree.store,
                address: job.address,
                source: source,
                bodies: bodies,
                disk: disk,
                storesMD5: options.storesMD5
            ) { [self] count in
                counted.add(count)
                state.withLock { $0.doneBytes += UInt64(count) }
            }
            let headers = source.headers(for: job.address, hasPermissions: options.usesPosixMetadata)
            _ = try await upload.run(headers, condition)
            state.withLock { $0.done += 1 }
            tell(job, .done)
        } catch {
            state.withLock { $0.doneBytes -= UInt64(counted.value) }
            if Task.isCancelled { return }
            state.withLock { $0.failed += 1 }
            let isRace =
                (error as? StorageError).map { $0.kind == .conditionFailed || $0.kind == .alreadyExists } ?? false
            tell(
                job,
                .failed(isRace ? "somebody else wrote \(job.target) meanwhile; it stays as they left it" : "\(error)")
            )
        }
    }

    /// Which version the upload replaces; `nil`: what is there is the same, or is to stay.
    private func condition(
        for job: Job,
        _ source: SourceFile,
        _ answer: TargetLook.Answer
    ) async throws -> VersionCondition? {
        let there: BlobProperties
        switch answer {
        case .there(let properties): there = properties
        case .absent: return .absent
        case .inTheWay(let what): throw UploadObstacle(description: what)
        case .unknown:
            do throws(StorageError) {
                there = try await tree.store.properties(of: job.address)
            } catch {
                if error.kind == .notFound { return .absent }
                // Who may only write cannot look: never over what is there.
                if error.kind == .denied { return options.overwrite == .always ? .any : .absent }
                throw error
            }
        }
        switch options.overwrite {
        case .never: return nil
        case .always: return .matches(there.version.etag)
        case .changed:
            let isLink = PosixMetadata(there.metadata).isSymbolicLink
            guard there.length == source.byteCount, isLink == source.isLink, let md5 = there.contentMD5 else {
                return .matches(there.version.etag)
            }
            let own = try await disk.perform { () throws(LocalFileError) in try source.md5() }
            return own == md5 ? nil : .matches(there.version.etag)
        }
    }

    private func mark(_ folder: BlobAddress) async throws {
        do throws(StorageError) {
            let headers = BlobHeaders(metadata: ["hdi_isfolder": "true"])
            _ = try await tree.store.putBlob(folder, .empty, headers: headers, condition: .absent)
        } catch { if error.kind != .alreadyExists { throw error } }
    }

    private func tell(_ job: Job, _ kind: TransferEvent.Kind) {
        report(
            TransferEvent(
                source: job.file.localPath,
                target: job.target,
                byteCount: UInt64(job.file.byteCount),
                kind: kind
            )
        )
    }
}

/// Why a file cannot go where it would.
struct UploadObstacle: Error, CustomStringConvertible {
    let description: String
}

extension ArtifactFolder.File {
    /// Its path below the folder.
    var names: [String] { relativePath.utf8.split(separator: UInt8(ascii: "/")).map { String(Substring($0)) } }
}
