internal import BlobStorage
internal import BlobWriting
internal import LocalStore
internal import OutputConventions
internal import Synchronization

/// How `Download` goes about it.
package struct DownloadOptions: Sendable {
    package var overwrite: OverwritePolicy = .changed
    /// Whole files are held against the MD5 that their writers stored; ranges always are against the store's checksum.
    package var validates = false
    /// Stored modes are restored; times and links always are.
    package var usesPosixMetadata = true
    package var layout = DownloadLayout.belowSource
    /// Nothing is written.
    package var isDryRun = false
    /// Requests in flight.
    package var jobs = 32

    package init() {}
}

/// Fetches what paths of the tree lead to, many files at a time.
package final class Download: Sendable {
    private let tree: StoreTree
    private let destination: String
    private let options: DownloadOptions
    private let report: @Sendable (TransferEvent) -> Void
    private let ranges: AsyncLimiter
    private let disk = WorkerThreads(name: "download", count: 4)
    private let state = Mutex(State())

    private struct State {
        var counters = TransferCounters()
        /// Hashes of the targets so far: 10 million names would take gigabytes.
        var targets: Set<UInt64> = []
        var folders: Set<NameBytes> = []
        /// The destination takes nothing more: no other file need be tried.
        var end: LocalFileError?
    }

    private struct Job: Sendable {
        let file: TreeFile
        let source: String
        let target: String
    }

    /// Files that were listed and wait: enough to keep small ones coming while a page is on its way.
    private static let waitingMax = 5_000

    /// - Parameters:
    ///   - destination: an absolute path.
    ///   - report: called from any thread, for each file.
    package init(
        tree: StoreTree,
        to destination: String,
        options: DownloadOptions,
        report: @escaping @Sendable (TransferEvent) -> Void
    ) {
        self.tree = tree
        self.destination = destination
        self.options = options
        self.report = report
        ranges = AsyncLimiter(options.jobs)
    }

    package var counters: TransferCounters { state.withLock { $0.counters } }

    /// Fetches all of it. A file that fails is reported, and the others go on; what cannot be listed throws.
    ///
    /// - Returns: the patterns that nothing fits.
    package func run(_ patterns: [TreePattern]) async throws -> [TreePattern] {
        let (jobs, feed) = AsyncStream<Job>.makeStream()
        let room = AsyncLimiter(Self.waitingMax)
        let files = AsyncLimiter(2 * options.jobs)
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { [self] in
                await withDiscardingTaskGroup { group in
                    for await job in jobs {
                        room.release()
                        await files.acquire()
                        group.addTask { [self] in
                            await fetch(job)
                            files.release()
                        }
                    }
                }
            }
            defer { feed.finish() }
            var unmatched: [TreePattern] = []
            // No file need be tried where no file can be.
            let isSingle = patterns.count == 1 && patterns[0].rest.isEmpty && options.layout == .belowSource
            if !isSingle { try await requireFolder() }
            for pattern in patterns {
                let found = SharedCount()
                let matches = try await tree.matches(pattern) { [self] match in
                    try await add(match, isSingle: isSingle) { job in
                        found.add()
                        await room.acquire()
                        feed.yield(job)
                    }
                }
                // An empty directory is there; a pattern that fits only such brought nothing.
                if matches == 0 || found.value == 0 && !pattern.rest.isEmpty { unmatched.append(pattern) }
            }
            state.withLock { $0.counters.isListed = true }
            feed.finish()
            try await group.waitForAll()
            try Task.checkCancellation()
            try requireRoom()
            return unmatched
        }
    }

    // MARK: What there is

    private func add(
        _ match: StoreTree.Match,
        isSingle: Bool,
        _ give: @escaping @Sendable (Job) async -> Void
    ) async throws {
        // What takes the files ends with the task; nobody makes room for more then.
        try Task.checkCancellation()
        let shown = try options.layout.names(of: match)
        switch match.found {
        case .file(let file):
            let isNamed = isSingle && !destination.hasSuffix("/")
            let isInto = isNamed ? try await isFolder(destination) : true
            await add(file, match.path, isInto ? shown : [], give)
        case .directory(let place):
            try await requireFolder()
            // It may be empty.
            if !options.isDryRun { try await makeFolder(shown.reduce(destination) { LocalFolder.joined($0, $1) }) }
            try await tree.walk(place) { [self] file in
                try Task.checkCancellation()
                try requireRoom()
                await add(file, match.path + file.path, shown + file.path, give)
            }
        }
    }

    private func requireFolder() async throws {
        let destination = destination
        try await disk.perform { () throws(LocalFileError) in
            switch try LocalFolder.kind(of: destination) {
            case .folder, nil: return
            case .file, .other: throw LocalFileError(destination, "is a file here, and a folder is needed")
            }
        }
    }

    private func requireRoom() throws(LocalFileError) {
        if let end = state.withLock({ $0.end }) { throw end }
    }

    private func isFolder(_ path: String) async throws -> Bool {
        try await disk.perform { () throws(LocalFileError) in
            if case .folder = try LocalFolder.kind(of: path) { true } else { false }
        }
    }

    /// - Parameter names: below the destination; none: the destination itself.
    private func add(
        _ file: TreeFile,
        _ path: [String],
        _ names: [String],
        _ give: @escaping @Sendable (Job) async -> Void
    ) async {
        let target = names.reduce(destination) { LocalFolder.joined($0, $1) }
        let job = Job(file: file, source: "/" + path.joined(separator: "/"), target: target)
        if file.isDirectory {
            guard !options.isDryRun else { return }
            do { try await makeFolder(target) } catch { fail(job, error) }
            return
        }
        let isNew = state.withLock { state in
            state.counters.found += 1
            state.counters.foundBytes += file.properties.length
            return state.targets.insert(NameHash.fnv1a(target)).inserted
        }
        // Its bytes would be taken for the beginning of the file that the name is made of.
        guard !PartFile.isPart(target) else {
            return fail(job, LocalFileError(target, "has the name of a file that is half fetched; it was not fetched"))
        }
        guard isNew else {
            return fail(job, LocalFileError(target, "is the target of two sources; --keep or --strip tells them apart"))
        }
        await give(job)
    }

    // MARK: One file

    private func fetch(_ job: Job) async {
        do {
            try Task.checkCancellation()
            if state.withLock({ $0.end != nil }) { return }
            let download = FileDownload(
                store: tree.store,
                address: job.file.address,
                target: job.target,
                root: root(of: job),
                policy: options.overwrite,
                validates: options.validates,
                usesPosixMetadata: options.usesPosixMetadata,
                ranges: ranges,
                disk: disk
            ) { [self] count in
                state.withLock { $0.counters.doneBytes = UInt64(Int($0.counters.doneBytes) + count) }
            }
            if options.isDryRun {
                let isThere = try await download.isThere(job.file.properties)
                if isThere { state.withLock { $0.counters.kept += 1 } }
                return tell(job, isThere ? .kept : .planned)
            }
            try await makeFolder(LocalFolder.parent(of: job.target))
            switch try await download.run(job.file.properties) {
            case .fetched:
                count(job) { $0.done += 1 }
                tell(job, .done)
            case .kept:
                count(job) { $0.kept += 1 }
                tell(job, .kept)
            }
        } catch {
            // Asked to stop: that is said once, for all.
            if Task.isCancelled { return }
            if let error = error as? LocalFileError, error.isTargetsEnd {
                return state.withLock { if $0.end == nil { $0.end = error } }
            }
            fail(job, error)
        }
    }

    /// The folder that no link may lead out of: for a single file that was given its name the one that it lies in.
    private func root(of job: Job) -> String {
        job.target.utf8.elementsEqual(destination.utf8) ? LocalFolder.parent(of: destination) : destination
    }

    private func count(_ job: Job, _ change: (inout TransferCounters) -> Void) {
        state.withLock { state in
            change(&state.counters)
            let isLink = PosixMetadata(job.file.properties.metadata).isSymbolicLink
            if options.validates, job.file.properties.contentMD5 == nil, !isLink { state.counters.withoutMD5 += 1 }
        }
    }

    private func makeFolder(_ path: String) async throws(LocalFileError) {
        guard !path.isEmpty, !(state.withLock { $0.folders.contains(NameBytes(path)) }) else { return }
        try await disk.perform { () throws(LocalFileError) in try LocalFolder.make(path) }
        state.withLock { _ = $0.folders.insert(NameBytes(path)) }
    }

    private func fail(_ job: Job, _ error: any Error) {
        state.withLock { $0.counters.failed += 1 }
        tell(job, .failed("\(error)"))
    }

    private func tell(_ job: Job, _ kind: TransferEvent.Kind) {
        report(TransferEvent(source: job.source, target: job.target, byteCount: job.file.properties.length, kind: kind))
    }
}
