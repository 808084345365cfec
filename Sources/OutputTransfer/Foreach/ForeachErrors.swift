internal import BlobStorage
internal import RDS
internal import Synchronization

/// What went wrong in the iterations of a foreach job, out of its results.
package final class ForeachErrors: Sendable {
    package struct IterationError: Sendable, Hashable, Codable {
        package var iteration: String
        /// The number of the task; `nil`: out of the merged result.
        package var task: Int?
        package var message: String
        /// The expression that failed, if the error knows it.
        package var call: String?
    }

    /// A result that could not be read.
    package struct UnreadableResult: Sendable, Hashable, Codable {
        package var blob: String
        package var reason: String
    }

    package struct Report: Sendable {
        /// In the order of tasks, then of iterations.
        package var errors: [IterationError] = []
        package var unreadable: [UnreadableResult] = []
        package var results = 0
        package var iterations = 0
    }

    private let tree: StoreTree
    private let job: ForeachJob
    private let jobs: Int
    private let reading: ResultReading
    private let state = Mutex(TransferCounters())

    /// - Parameter jobs: results that are read at a time.
    package init(tree: StoreTree, job: ForeachJob, jobs: Int) {
        (self.tree, self.job, self.jobs) = (tree, job, jobs)
        reading = ResultReading(tree.store, jobs: jobs)
    }

    package var counters: TransferCounters { state.withLock { $0 } }

    private struct Part: Sendable {
        var task: Int?
        var errors: [IterationError] = []
        var unreadable: UnreadableResult?
        var iterations = 0
    }

    /// Reads the results of all tasks; where there are none any more, the merged one.
    package func run() async throws -> Report {
        var files = job.results.map { (task: Int?.some($0.key), file: $0.value) }
        if files.isEmpty, let merged = job.mergedResult { files = [(nil, merged)] }
        guard !files.isEmpty else { throw ForeachProblem.noResults(job.container) }
        files.sort { ($0.task ?? 0) < ($1.task ?? 0) }
        state.withLock { counters in
            counters.found = files.count
            counters.foundBytes = files.reduce(0) { $0 + $1.file.properties.length }
            counters.isListed = true
        }
        var parts: [Part] = []
        try await withThrowingTaskGroup(of: Part.self) { group in
            for (index, file) in files.enumerated() {
                if index >= 2 * jobs, let part = try await group.next() { parts.append(part) }
                group.addTask { [self] in try await read(file.file, of: file.task) }
            }
            for try await part in group { parts.append(part) }
        }
        parts.sort { ($0.task ?? 0) < ($1.task ?? 0) }
        var report = Report()
        for part in parts {
            report.errors += part.errors
            report.iterations += part.iterations
            if let unreadable = part.unreadable { report.unreadable.append(unreadable) } else { report.results += 1 }
        }
        return report
    }

    private func read(_ file: ForeachJob.File, of task: Int?) async throws -> Part {
        try Task.checkCancellation()
        var part = Part(task: task)
        do {
            let list = try await reading.read(file) { try ResultList($0) }
            part.iterations = list.names.count
            part.errors = list.failures.map { failure in
                IterationError(
                    iteration: list.iteration(at: failure.position),
                    task: task,
                    message: failure.message,
                    call: failure.call
                )
            }
            state.withLock { counters in
                counters.done += 1
                counters.doneBytes += file.properties.length
            }
        } catch {
            try Task.checkCancellation()
            part.unreadable = UnreadableResult(blob: "\(file.address)", reason: "\(error)")
            state.withLock { $0.failed += 1 }
        }
        return part
    }
}
