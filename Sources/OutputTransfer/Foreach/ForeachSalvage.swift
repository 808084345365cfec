internal import BlobStorage
internal import BlobWriting
internal import Glibc
internal import LocalStore
internal import RDS
internal import Synchronization

/// Gets the results of a foreach job out where its merge failed or never came: each task's as a file, or all in one list.
package final class ForeachSalvage: Sendable {
    package enum Target: Sendable {
        /// A folder: `<n>-result.rds`, numbers of equal length so that names sort as numbers do.
        case folder(String)
        /// One file with one list.
        case merged(String)
    }

    package struct Report: Sendable {
        /// Tasks whose results are there now.
        package var tasks = 0
        package var iterations = 0
        /// Iterations whose errors were left out.
        package var dropped = 0
        /// Iterations that are errors, in what was written.
        package var errors = 0
    }

    private let tree: StoreTree
    private let job: ForeachJob
    private let target: Target
    private let dropsErrors: Bool
    private let jobs: Int
    private let report: @Sendable (TransferEvent) -> Void
    private let ranges: AsyncLimiter
    private let disk: WorkerThreads
    private let state = Mutex(TransferCounters())

    /// A result that is here and readable.
    private struct Fetched: Sendable {
        let number: Int
        let path: String
        let list: ResultList
        let byteCount: UInt64

        var failed: Set<Int> { Set(list.failures.map(\.position)) }
    }

    /// - Parameters:
    ///   - target: by an absolute path.
    ///   - dropsErrors: iterations that are errors are left out.
    ///   - jobs: requests in flight.
    ///   - report: called from any thread, for each task's result.
    package init(
        tree: StoreTree,
        job: ForeachJob,
        to target: Target,
        dropsErrors: Bool,
        jobs: Int,
        report: @escaping @Sendable (TransferEvent) -> Void
    ) {
        (self.tree, self.job, self.target) = (tree, job, target)
        (self.dropsErrors, self.jobs, self.report) = (dropsErrors, jobs, report)
        ranges = AsyncLimiter(jobs)
        disk = WorkerThreads(name: "salvage", count: min(jobs, 8))
    }

    package var counters: TransferCounters { state.withLock { $0 } }

    /// Where a task's result goes; of a merged list, the list.
    private func path(of number: Int) -> String {
        switch target {
        case .merged(let path): return path
        case .folder(let folder):
            let digits = String(number)
            let width = String(job.results.keys.max() ?? 0).utf8.count
            let zeros = String(repeating: "0", count: width - digits.utf8.count)
            return LocalFolder.joined(folder, "\(zeros)\(digits)-result.rds")
        }
    }

    /// A result that cannot be read is reported, and the others go on.
    package func run() async throws -> Report {
        guard !job.results.isEmpty else { throw ForeachProblem.noResults(job.container) }
        state.withLock { counters in
            counters.found = job.results.count
            counters.foundBytes = job.results.values.reduce(0) { $0 + $1.properties.length }
            counters.isListed = true
        }
        let target = target
        let passing = try await disk.perform {
            switch target {
            case .merged(let path):
                if try LocalFolder.exists(path) { throw LocalFileError(path, "is there already") }
                return try PassingFolder(besides: path)
            case .folder(let path):
                try LocalFolder.make(path)
                return try PassingFolder(besides: LocalFolder.joined(path, "results"))
            }
        }
        do {
            let report = try await run(in: passing.path)
            await disk.perform { passing.remove() }
            return report
        } catch {
            await disk.perform { passing.remove() }
            throw error
        }
    }

    private func run(in folder: String) async throws -> Report {
        let fetched = try await fetchAll(into: folder)
        try Task.checkCancellation()
        guard case .merged(let path) = target, !fetched.isEmpty else { return sum(fetched) }
        let dropsErrors = dropsErrors
        let flag = CancellationFlag()
        // For who looks on, bytes that are joined are another such number of bytes; it is taken back when that is over.
        let byteCount = fetched.reduce(0) { $0 + $1.byteCount }
        state.withLock { $0.foundBytes += byteCount }
        try await withTaskCancellationHandler {
            try await disk.perform { [self] in
                try Self.join(fetched, into: path, dropsErrors: dropsErrors, flag) { count in
                    state.withLock { $0.doneBytes += count }
                }
            }
        } onCancel: {
            flag.cancel()
        }
        state.withLock { counters in
            counters.foundBytes -= byteCount
            counters.doneBytes -= byteCount
        }
        return sum(fetched)
    }

    /// Reports what `run` would fetch.
    package func plan() throws -> Report {
        guard !job.results.isEmpty else { throw ForeachProblem.noResults(job.container) }
        for (number, file) in job.results.sorted(by: { $0.key < $1.key }) { tell(number, file, .planned) }
        return Report()
    }

    private func sum(_ fetched: [Fetched]) -> Report {
        var report = Report()
        for result in fetched {
            report.tasks += 1
            let errors = result.list.failures.count
            report.iterations += result.list.names.count - (dropsErrors ? errors : 0)
            if dropsErrors { report.dropped += errors } else { report.errors += errors }
        }
        return report
    }

    // MARK: Tasks

    private func fetchAll(into folder: String) async throws -> [Fetched] {
        var fetched: [Fetched] = []
        try await withThrowingTaskGroup(of: Fetched?.self) { group in
            for (index, (number, file)) in job.results.sorted(by: { $0.key < $1.key }).enumerated() {
                if index >= 2 * jobs, let result = try await group.next(), let result { fetched.append(result) }
                group.addTask { [self] in try await salvage(number, file, in: folder) }
            }
            for try await result in group { if let result { fetched.append(result) } }
        }
        return fetched.sorted { $0.number < $1.number }
    }

    private func salvage(_ number: Int, _ file: ForeachJob.File, in folder: String) async throws -> Fetched? {
        try Task.checkCancellation()
        let counted = SharedCount()
        do {
            let result = try await fetch(number, file, in: folder, counted)
            let isKept: Bool
            if case .folder = target { isKept = try await place(result, file) } else { isKept = false }
            state.withLock { counters in
                if isKept { counters.kept += 1 } else { counters.done += 1 }
            }
            tell(number, file, isKept ? .kept : .done)
            return result
        } catch {
            try Task.checkCancellation()
            state.withLock { counters in
                counters.failed += 1
                counters.doneBytes -= UInt64(counted.value)
            }
            tell(number, file, .failed("\(error)"))
            return nil
        }
    }

    private func fetch(
        _ number: Int,
        _ file: ForeachJob.File,
        in folder: String,
        _ counted: SharedCount
    ) async throws -> Fetched {
        let path = LocalFolder.joined(folder, "\(number).rds")
        let download = FileDownload(
            store: tree.store,
            address: file.address,
            target: path,
            policy: .always,
            validates: true,
            ranges: ranges,
            disk: disk
        ) { [self] count in
            counted.add(count)
            state.withLock { $0.doneBytes = UInt64(Int($0.doneBytes) + count) }
        }
        _ = try await download.run(file.properties)
        return try await disk.perform {
            Fetched(
                number: number,
                path: path,
                list: try ResultList(LocalBytes(path)),
                byteCount: file.properties.length
            )
        }
    }

    /// Gives a result its place in the folder.
    ///
    /// - Returns: true: it was there already.
    private func place(_ result: Fetched, _ file: ForeachJob.File) async throws -> Bool {
        let path = path(of: result.number)
        let dropped = dropsErrors ? result.failed : []
        return try await disk.perform {
            if let existing = try LocalFolder.existing(path) {
                guard dropped.isEmpty, OverwriteDecision(.changed, existing, file.properties) == .keep else {
                    throw LocalFileError(path, "is there already, and is another file")
                }
                return true
            }
            guard !dropped.isEmpty else {
                try PassingFolder.move(result.path, to: path)
                return false
            }
            try Self.join([result], into: path, dropsErrors: true, CancellationFlag()) { _ in }
            return false
        }
    }

    // MARK: One list

    private static func join(
        _ results: [Fetched],
        into path: String,
        dropsErrors: Bool,
        _ flag: CancellationFlag,
        progress: (UInt64) -> Void
    ) throws {
        let encodings = Set(results.compactMap(\.list.nativeEncoding))
        guard encodings.count <= 1 else {
            // With control characters escaped: what is written there is anybody's.
            let names = encodings.sorted().map { $0.debugDescription }.joined(separator: ", ")
            throw LocalFileError(path, "cannot be made: strings are encoded in \(names), and one file has one encoding")
        }
        let names = results.flatMap { result in
            let dropped = dropsErrors ? result.failed : []
            return result.list.names.indices.filter { !dropped.contains($0) }.map { result.list.names[$0] }
        }
        guard names.count <= Int(Int32.max) else {
            throw LocalFileError(path, "cannot be made: a list of \(names.count) iterations is too long")
        }
        let file = try NewFile(path)
        let packed = GzipWriter(StoppableSink(file, flag))
        let joiner = try ResultJoiner(
            to: packed,
            version: results.map(\.list.version).max() ?? 2,
            nativeEncoding: encodings.first ?? "UTF-8",
            count: names.count
        )
        for result in results {
            try joiner.append(LocalBytes(result.path), result.list, dropping: dropsErrors ? result.failed : [])
            progress(result.byteCount)
        }
        try joiner.finish(names: names)
        try packed.finish()
        try file.finish()
    }

    private func tell(_ number: Int, _ file: ForeachJob.File, _ kind: TransferEvent.Kind) {
        report(
            TransferEvent(
                source: "\(file.address)",
                target: path(of: number),
                byteCount: file.properties.length,
                kind: kind
            )
        )
    }
}

/// Takes bytes as long as somebody waits for the file.
private final class StoppableSink: ByteSink {
    private let sink: any ByteSink
    private let flag: CancellationFlag

    init(_ sink: any ByteSink, _ flag: CancellationFlag) { (self.sink, self.flag) = (sink, flag) }

    func write(_ bytes: UnsafeRawBufferPointer) throws {
        if flag.isCancelled { throw CancellationError() }
        try sink.write(bytes)
    }
}

/// Tells a thread that nobody waits any more.
private final class CancellationFlag: Sendable {
    private let flag = Atomic<Bool>(false)

    var isCancelled: Bool { flag.load(ordering: .relaxed) }

    func cancel() { flag.store(true, ordering: .relaxed) }
}

extension LocalFolder {
    /// Anything has the name, be it a link that leads nowhere.
    fileprivate static func exists(_ path: String) throws(LocalFileError) -> Bool {
        var status = stat()
        if lstat(path, &status) == 0 { return true }
        guard errno == ENOENT else { throw .last(path, "cannot be looked at") }
        return false
    }
}
