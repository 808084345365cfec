internal import BlobStorage
internal import BlobWriting
internal import Checksums
internal import LocalStore
internal import OutputConventions
internal import Synchronization

/// Reads what paths of the tree lead to, from the first byte to the last, and holds it against what is written of it: the
/// MD5 that its writer stored, the hash in the name of an Azure ML upload, or local files.
package final class Verification: Sendable {
    private let tree: StoreTree
    private let jobs: Int
    private let local: LocalSide?
    private let report: @Sendable (VerifyEvent) -> Void
    private let disk = WorkerThreads(name: "verify", count: 4)
    private let state = Mutex(State())

    private struct State {
        var counters = TransferCounters()
        /// Files of uploads, until all of the listing is there.
        var artifacts: [StoredArtifact: [Job]] = [:]
    }

    struct Job: Sendable {
        let file: TreeFile
        /// In the tree.
        let path: String
        /// What it is held against; `nil` without local files.
        let localPath: String?
    }

    /// Ranges in flight for each file: 16 MiB.
    private static let rangesAhead = 4
    /// Files that were listed and wait.
    private static let waitingMax = 5_000

    /// - Parameters:
    ///   - local: a folder, or for a single file a file, that should hold the same; `nil`: nothing local is looked at.
    ///   - jobs: files at a time.
    ///   - report: called from any thread, for each file.
    package init(
        tree: StoreTree,
        against local: String?,
        jobs: Int,
        report: @escaping @Sendable (VerifyEvent) -> Void
    ) {
        self.tree = tree
        self.local = local.map { LocalSide(root: $0) }
        self.jobs = jobs
        self.report = report
    }

    package var counters: TransferCounters { state.withLock { $0.counters } }

    /// - Returns: the patterns that nothing fits.
    package func run(_ patterns: [TreePattern]) async throws -> [TreePattern] {
        let (listed, feed) = AsyncStream<Job>.makeStream()
        let room = AsyncLimiter(Self.waitingMax)
        let files = AsyncLimiter(jobs)
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { [self] in
                await withDiscardingTaskGroup { group in
                    for await job in listed {
                        room.release()
                        await files.acquire()
                        group.addTask { [self] in
                            await verify([job])
                            files.release()
                        }
                    }
                }
            }
            defer { feed.finish() }
            let unmatched = try await list(patterns) { [self] job in
                if let artifact = StoredArtifact(job.file.address) {
                    state.withLock { $0.artifacts[artifact, default: []].append(job) }
                } else {
                    await room.acquire()
                    feed.yield(job)
                }
            }
            state.withLock { $0.counters.isListed = true }
            feed.finish()
            let artifacts = state.withLock { $0.artifacts }
            for (artifact, jobs) in artifacts {
                await files.acquire()
                group.addTask { [self] in
                    defer { files.release() }
                    await verify(artifact, jobs)
                }
            }
            try await group.waitForAll()
            try Task.checkCancellation()
            try await tellOnlyLocal()
            return unmatched
        }
    }

    private func list(
        _ patterns: [TreePattern],
        _ give: @escaping @Sendable (Job) async -> Void
    ) async throws -> [TreePattern] {
        var unmatched: [TreePattern] = []
        let isSingle = patterns.count == 1 && patterns[0].rest.isEmpty
        for pattern in patterns {
            let found = SharedCount()
            let take: @Sendable (TreeFile, [String], [String]) async throws -> Void = { [self] file, path, names in
                guard !file.isDirectory else { return }
                try Task.checkCancellation()
                found.add()
                state.withLock { state in
                    state.counters.found += 1
                    state.counters.foundBytes += file.properties.length
                }
                let localPath = local?.path(of: names)
                await give(Job(file: file, path: "/" + path.joined(separator: "/"), localPath: localPath))
            }
            let matches = try await tree.matches(pattern) { [self] match in
                let shown = Array(match.path.dropFirst(match.baseCount))
                switch match.found {
                case .file(let file):
                    let isNamed = isSingle && !(local?.isFolder ?? true)
                    try await take(file, match.path, isNamed ? [] : shown)
                case .directory(let place):
                    try await tree.walk(place) { file in
                        try await take(file, match.path + file.path, shown + file.path)
                    }
                }
            }
            if matches == 0 || found.value == 0 && !pattern.rest.isEmpty { unmatched.append(pattern) }
        }
        return unmatched
    }

    // MARK: Files

    /// What reading a file has shown.
    private final class Content {
        var md5: MD5Hasher? = MD5Hasher()
        var beginning: [UInt8] = []
    }

    /// Reads files one after the other, and tells of each. `bytes` gets all bytes in their order.
    ///
    /// - Returns: whether all could be read.
    @discardableResult
    private func verify(
        _ jobs: [Job],
        _ bytes: (_ file: Int, UnsafeRawBufferPointer) -> Void = { _, _ in }
    ) async -> Bool {
        let contents = jobs.map { _ in Content() }
        var failed: (file: Int, reason: String)?
        do {
            try await OrderedRead(store: tree.store, ahead: Self.rangesAhead).read(jobs.map(\.file)) { file, piece in
                contents[file].md5?.update(piece)
                if contents[file].beginning.isEmpty { contents[file].beginning = Array(piece.prefix(8)) }
                bytes(file, piece)
                state.withLock { $0.counters.doneBytes += UInt64(piece.count) }
            }
        } catch let failure as OrderedRead.Failure {
            failed = (failure.file, "\(failure.reason)")
        } catch { return false }
        // Asked to stop: that is said once, for all.
        if Task.isCancelled { return false }
        for (index, job) in jobs.prefix(failed?.file ?? jobs.count).enumerated() {
            await settle(job, md5: contents[index].md5.take()?.finish() ?? [], contents[index].beginning)
        }
        guard let failed else { return true }
        tell(jobs[failed.file].path, .failed(failed.reason))
        // The others are files by themselves.
        for job in jobs.dropFirst(failed.file + 1) { await verify([job]) }
        return false
    }

    private func settle(_ job: Job, md5 found: [UInt8], _ beginning: [UInt8]) async {
        let stored = job.file.properties.contentMD5
        if let stored, !stored.utf8.elementsEqual(Base64.encode(found).utf8) {
            return tell(job.path, .wrong("has the MD5 \(Base64.encode(found)), and its writer stored \(stored)"))
        }
        if let reason = Self.foreachProblem(job.file, beginning) { return tell(job.path, .wrong(reason)) }
        guard let local, let localPath = job.localPath else {
            return tell(job.path, stored == nil ? .unverifiable("no checksum stored") : .verified)
        }
        let length = job.file.properties.length
        do {
            let problem = try await disk.perform { () throws(LocalFileError) in
                try local.difference(localPath, byteCount: length, md5: found)
            }
            tell(job.path, problem.map { .wrong("\(localPath) \($0)") } ?? .verified)
        } catch { tell(job.path, .failed("\(error)")) }
    }

    /// A result of a foreach loop is an R object, compressed or not; more than its beginning is for who reads RDS.
    private static func foreachProblem(_ file: TreeFile, _ beginning: [UInt8]) -> String? {
        let path = ForeachBlob.path(of: file.address.name, in: file.address.container)
        guard path.utf8.starts(with: "tasks/".utf8), path.hasSuffix("/result.rds") else { return nil }
        let forms: [[UInt8]] = [
            [0x1F, 0x8B], Array("BZh".utf8), [0xFD, 0x37, 0x7A], Array("X\n".utf8), Array("A\n".utf8),
        ]
        if forms.contains(where: { beginning.starts(with: $0) }) { return nil }
        return beginning.isEmpty ? "is an empty file, and no R object" : "does not begin as an R object does"
    }

    private func tell(_ path: String, _ kind: VerifyEvent.Kind) {
        state.withLock { state in
            switch kind {
            case .verified, .unverifiable: state.counters.done += 1
            case .wrong, .failed: state.counters.failed += 1
            }
        }
        report(VerifyEvent(path, kind))
    }

    // MARK: Uploads of Azure ML

    private func verify(_ artifact: StoredArtifact, _ listed: [Job]) async {
        // Paths may overlap, and views show the same files: the hash goes over each of them once.
        var seen: Set<NameBytes> = []
        var (jobs, repeated): ([Job], [Job]) = ([], [])
        for job in listed {
            if seen.insert(NameBytes(job.file.address.name)).inserted { jobs.append(job) } else { repeated.append(job) }
        }
        for job in repeated { await verify([job]) }
        let path = Self.path(of: artifact, by: jobs)
        do {
            let whole = try await StoredArtifact.Files(artifact, in: tree.store)
            let names = Set(jobs.map { NameBytes($0.file.address.name) })
            guard whole.names.allSatisfy({ names.contains(NameBytes($0)) }) else {
                // A part of it was asked for: each file by itself.
                for job in jobs { await verify([job]) }
                return
            }
            let order = whole.order(jobs.map(\.file.address.name))
            var hash = ArtifactHash.Sequence(order.steps)
            let isRead = await verify(order.files.map { jobs[$0] }) { hash.add($1, of: $0) }
            for file in order.others { await verify([jobs[file]]) }
            if !whole.isConfirmed {
                tell(
                    path,
                    .wrong("is not confirmed: no file of it has upload_status=completed, so it may be half there")
                )
            }
            guard isRead, !Task.isCancelled else { return }
            let found = hash.finish()
            guard !found.utf8.elementsEqual(artifact.hash.utf8) else { return }
            let what = "hashes to \(found): it is not what was uploaded"
            // A folder of which everything is ignored counts by its name, and nothing tells of it here.
            let isCertain = !whole.hasIgnoreFile
            tell(
                path,
                isCertain
                    ? .wrong("\(what), unless that had empty folders")
                    : .unverifiable("\(what), or ignored folders counted")
            )
        } catch {
            if !Task.isCancelled { tell(path, .failed("\(error)")) }
        }
    }

    /// Where the upload is in the tree: what its files' paths have in common, in whatever view they were asked for.
    private static func path(of artifact: StoredArtifact, by jobs: [Job]) -> String {
        guard let job = jobs.first else { return artifact.path }
        let slash = UInt8(ascii: "/")
        let below = job.file.address.name.utf8.dropFirst(artifact.path.utf8.count).count { $0 == slash }
        let names = job.path.utf8.split(separator: slash).map { String(Substring($0)) }
        return "/" + names.dropLast(below).joined(separator: "/")
    }

    // MARK: Local files

    private func tellOnlyLocal() async throws {
        guard let local, local.isFolder else { return }
        let missing = try await disk.perform { try local.onlyLocal() }
        for path in missing { tell(path, .wrong("is only here")) }
    }
}
