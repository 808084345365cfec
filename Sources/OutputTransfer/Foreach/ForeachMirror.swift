internal import BlobStorage
internal import BlobWriting
internal import LocalStore
internal import OutputConventions
internal import Synchronization

/// Copies the blobs of a foreach job into a folder as they appear, so that they are there when the job's container is deleted at its end.
package final class ForeachMirror: Sendable {
    /// How a round ended.
    package enum State: Sendable, Hashable {
        /// More may come.
        case running
        /// All that belongs to the job is there and here.
        case complete
        /// The container is gone; what was saved before is here.
        case gone
    }

    private let tree: StoreTree
    private let container: String
    private let folder: String
    private let jobs: Int
    private let report: @Sendable (TransferEvent) -> Void
    private let ranges: AsyncLimiter
    private let disk = WorkerThreads(name: "mirror", count: 4)
    private let state = Mutex(Progress())

    private struct Progress {
        var counters = TransferCounters()
        /// By the path of each file: the version that is here.
        var saved: [NameBytes: ETag] = [:]
        var wasSeen = false
        /// How many tasks there are, once that was found out.
        var expected: Int?
        var mergesInCloud: Bool?
        /// Nothing came in the last round.
        var isQuiet = false
        /// Why files that are there are not here.
        var failures: [NameBytes: String] = [:]
    }

    /// - Parameters:
    ///   - folder: an absolute path.
    ///   - jobs: requests in flight.
    ///   - report: called from any thread, for each file.
    package init(
        tree: StoreTree,
        container: String,
        to folder: String,
        jobs: Int,
        report: @escaping @Sendable (TransferEvent) -> Void
    ) {
        (self.tree, self.container, self.folder, self.jobs, self.report) = (tree, container, folder, jobs, report)
        ranges = AsyncLimiter(jobs)
    }

    package var counters: TransferCounters { state.withLock { $0.counters } }

    /// Files that are there and not here, as the last round left it.
    package var failedCount: Int { state.withLock { $0.failures.count } }

    /// Looks once, and fetches what is new. A file that fails is reported, and tried again the next time.
    ///
    /// Throws where there is no such job, and there was none before.
    package func round() async throws -> State {
        if let only = tree.onlyContainer, !only.utf8.elementsEqual(container.utf8) {
            throw ForeachProblem.noSuchContainer(container)
        }
        let found = FoundFiles()
        let job: ForeachJob
        do throws(StorageError) {
            job = try await look(found)
        } catch {
            guard error.kind == .notFound || error.kind == .containerBeingDeleted else { throw error }
            guard state.withLock({ $0.wasSeen }) else { throw ForeachProblem.noSuchContainer(container) }
            return .gone
        }
        guard job.isJob else {
            // All its blobs are being deleted, one after the other.
            guard state.withLock({ $0.wasSeen }) else { throw ForeachProblem.noJob(container) }
            return .running
        }
        state.withLock { $0.wasSeen = true }
        let isQuiet = try await fetch(found.sorted)
        let wasQuiet = state.withLock { state in
            defer { state.isQuiet = isQuiet }
            return state.isQuiet
        }
        // What comes last comes together: one more look tells that nothing is left.
        guard try await isComplete(job), isQuiet, wasQuiet else { return .running }
        return .complete
    }

    /// All files, and what they say of the job.
    private func look(_ found: FoundFiles) async throws(StorageError) -> ForeachJob {
        let job = Mutex(ForeachJob(container: container))
        do {
            try await tree.walk(.container(.containers, container: container)) { [container] file in
                guard !file.isDirectory else { return }
                job.withLock { $0.note(file.address.name, file.properties) }
                found.add(Self.path(of: file, in: container), file)
            }
        } catch let error as StorageError {
            throw error
        } catch {
            preconditionFailure("a walk over blobs fails for the store's reasons only: \(error)")
        }
        return job.withLock { $0 }
    }

    /// As in `foreach/<job>` of a mount; names under `other` as in `containers/<job>`.
    static func path(of file: TreeFile, in container: String) -> [String] {
        let path = ForeachBlob.path(of: file.address.name, in: container)
        guard !path.utf8.starts(with: "other/".utf8) else { return ["other"] + file.path }
        return path.utf8.split(separator: UInt8(ascii: "/")).map { String(Substring($0)) }
    }

    /// The merged result is there; or all tasks have one, and the task that merges has ended or is not to be.
    private func isComplete(_ job: ForeachJob) async throws -> Bool {
        if job.mergedResult != nil { return true }
        if state.withLock({ $0.expected == nil }) {
            let status = try await tree.status(of: job)
            state.withLock { ($0.expected, $0.mergesInCloud) = (status.expected, status.mergesInCloud) }
        }
        let (expected, merges) = state.withLock { ($0.expected, $0.mergesInCloud) }
        guard let expected, expected > 0, job.results.count >= expected,
            (1...expected).allSatisfy({ job.results[$0] != nil })
        else { return false }
        return merges == false || job.hasMergeLog
    }

    // MARK: Files

    /// - Returns: nothing came.
    private func fetch(_ files: [TreeFile]) async throws -> Bool {
        let new = files.compactMap { file -> (path: [String], file: TreeFile)? in
            let path = Self.path(of: file, in: container)
            let key = NameBytes(path.joined(separator: "/"))
            let isSaved = state.withLock { $0.saved[key] == file.properties.version.etag }
            return isSaved ? nil : (path, file)
        }
        state.withLock { state in
            let there = Set(files.map { NameBytes(Self.path(of: $0, in: container).joined(separator: "/")) })
            state.failures = state.failures.filter { there.contains($0.key) }
            state.counters.found += new.count
            state.counters.foundBytes += new.reduce(0) { $0 + $1.file.properties.length }
            state.counters.isListed = true
        }
        let before = state.withLock { $0.counters.done + $0.counters.kept }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (index, (path, file)) in new.enumerated() {
                if index >= 2 * jobs { try await group.next() }
                group.addTask { [self] in try await fetch(file, to: path) }
            }
            try await group.waitForAll()
        }
        return state.withLock { $0.counters.done + $0.counters.kept } == before
    }

    private func fetch(_ file: TreeFile, to path: [String]) async throws {
        try Task.checkCancellation()
        let key = NameBytes(path.joined(separator: "/"))
        let target = path.reduce(folder) { LocalFolder.joined($0, $1) }
        let event: @Sendable (TransferEvent.Kind) -> TransferEvent = { kind in
            TransferEvent(source: "\(file.address)", target: target, byteCount: file.properties.length, kind: kind)
        }
        do {
            try await makeFolder(path.dropLast())
            let download = FileDownload(
                store: tree.store,
                address: file.address,
                target: target,
                policy: .changed,
                validates: false,
                ranges: ranges,
                disk: disk
            ) { [self] count in
                state.withLock { $0.counters.doneBytes = UInt64(Int($0.counters.doneBytes) + count) }
            }
            let outcome = try await download.run(file.properties)
            state.withLock { state in
                if outcome == .fetched { state.counters.done += 1 } else { state.counters.kept += 1 }
                state.saved[key] = file.properties.version.etag
                state.failures[key] = nil
            }
            report(event(outcome == .fetched ? .done : .kept))
        } catch {
            try Task.checkCancellation()
            // It went with its container, or was replaced: the next look tells.
            if let error = error as? StorageError, error.kind == .notFound || error.kind == .containerBeingDeleted {
                return
            }
            let reason = "\(error)"
            let isNew = state.withLock { state in
                state.counters.failed += 1
                return state.failures.updateValue(reason, forKey: key) != reason
            }
            // Each round tries again; what is known already is not said again.
            if isNew { report(event(.failed(reason))) }
        }
    }

    private func makeFolder(_ names: ArraySlice<String>) async throws(LocalFileError) {
        let folder = folder
        try await disk.perform { () throws(LocalFileError) in
            try LocalFolder.make(folder)
            // The job's environment may hold tokens.
            if names.first == "job" { try LocalFolder.makePrivate(LocalFolder.joined(folder, "job")) }
            try LocalFolder.make(names.reduce(folder) { LocalFolder.joined($0, $1) })
        }
    }
}
