internal import AzureBlob
internal import BlobStorage
internal import OutputConventions
internal import OutputTransfer

/// Looks at jobs again and again, until each is there, has failed, or the time is over.
struct JobWaiting: Sendable {
    struct Outcome: Codable, Sendable, Equatable {
        enum State: String, Codable, Sendable { case ready, failed, timeout }

        var job: String
        var state: State
        /// Why it is none, or what is there.
        var reason: String

        var text: String { "\(job): \(state == .timeout ? "not there in time" : state.rawValue): \(reason)" }
    }

    enum Event: Sendable {
        case waiting(String)
        case settled(Outcome)
    }

    let session: JobSession
    let goal: JobProgress.Goal
    let timeout: Duration?

    private static let pauseMin = Duration.seconds(1)
    private static let pauseMax = Duration.seconds(30)

    static func exitStatus(of outcomes: [Outcome]) -> ExitStatus {
        if outcomes.contains(where: { $0.state == .failed }) { return .failure }
        return outcomes.contains { $0.state == .timeout } ? .busy : .success
    }

    /// In the order in which they are settled.
    func run(_ names: [JobName], _ tell: @Sendable (Event) throws -> Void) async throws -> [Outcome] {
        let began = ContinuousClock.now
        var waits = names.map { Wait(name: $0) }
        var outcomes: [Outcome] = []
        var pause = Self.pauseMin
        while true {
            let lookBegan = ContinuousClock.now
            var words: [String] = []
            for index in waits.indices where !waits[index].isSettled {
                switch try await look(&waits[index]) {
                case .ready(let reason): try settle(&waits[index], .ready, reason, &outcomes, tell)
                case .failed(let reason): try settle(&waits[index], .failed, reason, &outcomes, tell)
                case .waiting(let reason):
                    waits[index].reason = reason
                    words.append("\(waits[index].name.text): \(reason)")
                }
            }
            guard !words.isEmpty else { return outcomes }
            try tell(.waiting(words.joined(separator: "; ")))
            // Listing a large job must not become all that the store does.
            pause = max(min(pause, Self.pauseMax), lookBegan.duration(to: .now) * 2)
            let left = timeout.map { $0 - began.duration(to: .now) }
            if let left, left <= .zero {
                for index in waits.indices where !waits[index].isSettled {
                    try settle(&waits[index], .timeout, waits[index].reason, &outcomes, tell)
                }
                return outcomes
            }
            try await Task.sleep(for: left.map { min($0, pause) } ?? pause)
            pause = pause * 3 / 2
        }
    }

    // MARK: One look

    private struct Wait {
        let name: JobName
        var job: Job?
        /// The look before, if by then the job was over.
        var before: JobProgress?
        var reason = "not looked at yet"
        var isSettled = false
    }

    private enum Verdict {
        case ready(String)
        case failed(String)
        case waiting(String)
    }

    private func settle(
        _ wait: inout Wait,
        _ state: Outcome.State,
        _ reason: String,
        _ outcomes: inout [Outcome],
        _ tell: (Event) throws -> Void
    ) throws {
        wait.isSettled = true
        let outcome = Outcome(job: wait.job?.path ?? wait.name.text, state: state, reason: reason)
        outcomes.append(outcome)
        try tell(.settled(outcome))
    }

    private func look(_ wait: inout Wait) async throws -> Verdict {
        if wait.job == nil {
            let found = try await session.catalog.find(wait.name)
            guard found.count < 2 else { throw JobSession.ambiguous(wait.name, found) }
            guard let job = found.first else { return .waiting("no such job yet") }
            wait.job = job
        }
        guard var job = wait.job else { return .waiting("no such job yet") }
        if job.convention == .azureml {
            // A run has more places from one moment to the next.
            guard let again = try await session.catalog.find(JobName(job)).first else {
                return .waiting("no such run any more")
            }
            job = again
        }
        // Before the listing: what a task writes, it writes before it is completed.
        let end = goal.patterns.isEmpty ? try await self.end(of: job) : nil
        var progress = JobProgress(goal)
        do { try await session.catalog.eachBlob(of: job) { progress.add($0) } } catch let error as StorageError
            where error.kind == .notFound || error.kind == .containerBeingDeleted
        {
            wait.job = nil
            return .waiting("it went away")
        }
        guard goal.patterns.isEmpty else {
            let missing = zip(goal.patterns, progress.found).filter { $1 < goal.count }
            let words = missing.map { "\($1) of \(goal.count) for \($0.text)" }.joined(separator: ", ")
            return missing.isEmpty ? .ready("everything that was asked for is there") : .waiting(words)
        }
        switch job.convention {
        case .foreach:
            if progress.hasMergedResult { return .ready("the merged result is there") }
            // The result may be long on its way when the log is there: only what the log says is the end.
            if let log = progress.mergeLog {
                let words = String(decoding: try await session.catalog.end(of: log, count: 64), as: UTF8.self)
                if words.contains("Error Code: 1") {
                    return .failed("the merge failed: outputfs cat \(job.places[0].path ?? "")/\(log.address.name)")
                }
            }
            return .waiting("no merged result in \(progress.files) files yet")
        case .batch, .azureml:
            guard let end else { throw Self.aimless(job) }
            guard let reason = end.reason else { return .waiting(end.state) }
            defer { wait.before = progress }
            guard let before = wait.before, progress.isSame(as: before) else {
                return .waiting("its files still change")
            }
            return end.isFailed ? .failed(reason) : .ready(reason)
        }
    }

    /// What can never come true is said at once.
    private static func aimless(_ job: Job) -> CommandFailure {
        guard job.convention == .batch else {
            return CommandFailure(
                .usage,
                "\(job.path): storage does not tell when a run of Azure ML is over",
                try: "--for outputs/model.pt, which waits for a file"
            )
        }
        return CommandFailure(
            .usage,
            "\(job.path): whether it is over is Batch's to tell, and nobody asked it",
            try: "--batch-account-url \"$AZ_BATCH_ACCOUNT_URL\"",
            "--for 'tasks/*/TaskOutput/result.csv' --count N, which waits for files"
        )
    }

    // MARK: Batch

    private struct End {
        /// For who waits.
        var state: String
        /// `nil` while it goes on.
        var reason: String?
        var isFailed = false
    }

    /// `nil` where Batch is not asked. Jobs stay `active` when their tasks are done, unless they were made to end: then
    /// the tasks tell.
    private func end(of job: Job) async throws -> End? {
        guard job.convention == .batch, let batch = session.batch else { return nil }
        guard let known = try await batch.job(job.id) else {
            throw CommandFailure(.notFound, "Batch knows no job \(job.id)", try: "--for, which waits for files")
        }
        let tasks = try await batch.tasks(ofJob: known.id)
        let completed = tasks.filter { $0.state == "completed" }
        let failed = completed.filter { $0.executionInfo?.result == "failure" }.map(\.id)
        var end = End(state: "\(known.state), \(completed.count) of \(tasks.count) tasks completed")
        guard known.state == "completed" || !tasks.isEmpty && completed.count == tasks.count else { return end }
        end.isFailed = !failed.isEmpty
        end.reason = "\(completed.count) of \(tasks.count) tasks completed"
        if end.isFailed {
            let more = failed.count > 10 ? " and \(failed.count - 10) more" : ""
            end.reason? += ", \(failed.count) failed: \(failed.prefix(10).joined(separator: ", "))\(more)"
        }
        return end
    }
}
