internal import AzureBlob
internal import BlobStorage
internal import Logging
internal import OutputConventions
internal import OutputTree
internal import Synchronization

/// What Batch is asked; the service, or in tests somebody who plays it.
struct BatchQuestions: Sendable {
    var jobs: @Sendable () async -> Result<[BatchJob], StorageError>
    var tasks: @Sendable (_ job: String) async -> Result<[BatchTask], StorageError>
    var task: @Sendable (_ task: String, _ job: String) async -> Result<BatchTask?, StorageError>
}

/// What the Batch service knows of jobs and tasks, remembered for a while.
///
/// A service that is slow or fails holds up nothing: listings wait two seconds at most, and then show what was known
/// before; after a failure nobody is asked for a while.
final class BatchRecords: JobRecords {
    private typealias Jobs = [String: BatchJob]

    private struct State {
        /// By container.
        var jobs: (byContainer: Jobs, at: Duration, validity: Duration)?
        var jobsOnTheirWay: SharedAnswer<Bool>?
        /// By the job's id.
        var shelves: [String: TaskShelf] = [:]
        /// By job, and by job and task.
        var onTheirWay: [String: SharedAnswer<Bool>] = [:]
        var silentUntil: Duration?
        var isFailing = false
    }

    private static let jobsValidity = Duration.seconds(30)
    /// Lists of tasks that are kept; one of 50,000 has about 25 MB.
    private static let listsMax = 4
    /// Jobs of which something is known.
    private static let shelvesMax = 1024

    /// How long one question may keep somebody waiting.
    struct Patience: Sendable {
        /// A directory that has other things to show.
        var listing = Duration.seconds(2)
        /// Somebody wants the record itself.
        var lookup = Duration.seconds(10)
    }

    private let questions: BatchQuestions
    private let patience: Patience
    private let logger: Logger
    private let now: @Sendable () -> Duration
    private let state = Mutex(State())

    /// - Parameter now: time that only goes forward.
    init(
        _ questions: BatchQuestions,
        patience: Patience = Patience(),
        logger: Logger,
        now: @escaping @Sendable () -> Duration
    ) {
        self.questions = questions
        self.patience = patience
        self.logger = logger
        self.now = now
    }

    // MARK: Jobs

    func jobIDs() async -> [String: String] { await jobs(within: patience.listing).mapValues(\.id) }

    private func jobs(within patience: Duration) async -> Jobs {
        let now = now()
        let (known, waits): (Jobs?, SharedAnswer<Bool>?) = state.withLock { state in
            if let jobs = state.jobs, now < jobs.at + jobs.validity { return (jobs.byContainer, nil) }
            let answer: SharedAnswer<Bool>?
            if let underWay = state.jobsOnTheirWay {
                answer = underWay
            } else if now < state.silentUntil ?? now {
                answer = nil
            } else {
                answer = SharedAnswer { await self.fetchJobs() }
                state.jobsOnTheirWay = answer
            }
            // What was known is good enough until the new list is there.
            return (state.jobs?.byContainer, state.jobs == nil ? answer : nil)
        }
        if let known { return known }
        _ = await waits?.value(within: patience)
        return state.withLock { $0.jobs?.byContainer } ?? [:]
    }

    private func fetchJobs() async -> Bool {
        let start = now()
        let answer = await questions.jobs()
        let end = now()
        return settle(answer, end) { state, jobs in
            var byContainer: Jobs = [:]
            for job in jobs { byContainer[JobContainer.name(forJob: job.id)] = job }
            state.jobs = (byContainer, end, max(Self.jobsValidity, (end - start) * 4))
        } always: { state in
            state.jobsOnTheirWay = nil
        }
    }

    // MARK: Records

    func record(_ name: RecordName, isListing: Bool) async -> JobRecord? {
        let patience = isListing ? self.patience.listing : self.patience.lookup
        let container: String
        switch name {
        case .job(let ofJob), .task(let ofJob, _): container = ofJob
        }
        guard let job = await jobs(within: patience)[container] else { return nil }
        guard case .task(_, let task) = name else {
            return Self.record(job, modified: job.stateTransitionTime ?? job.lastModified)
        }
        return await self.task(task, ofJob: job.id, within: patience).flatMap {
            Self.record($0, modified: $0.stateTransitionTime ?? $0.lastModified)
        }
    }

    private func task(_ task: String, ofJob job: String, within patience: Duration) async -> BatchTask? {
        let now = now()
        let (known, waits): (BatchTask??, SharedAnswer<Bool>?) = state.withLock { state in
            let answer = state.shelves[job, default: TaskShelf()].look(for: task, now: now)
            let key: String
            switch answer {
            case .known(let task): return (.some(task), nil)
            case .askForOne: key = "\(job)/\(task)"
            case .askForAll: key = job
            }
            if let underWay = state.onTheirWay[job] ?? state.onTheirWay[key] { return (nil, underWay) }
            guard now >= state.silentUntil ?? now else { return (.some(state.shelves[job]?.last(task)), nil) }
            Self.makeRoom(&state)
            let asked = SharedAnswer {
                answer == .askForAll ? await self.fetchTasks(job, key) : await self.fetch(task, job, key)
            }
            state.onTheirWay[key] = asked
            return (nil, asked)
        }
        if let known { return known }
        _ = await waits?.value(within: patience)
        return state.withLock { $0.shelves[job]?.last(task) }
    }

    private func fetch(_ task: String, _ job: String, _ key: String) async -> Bool {
        let start = now()
        let answer = await questions.task(task, job)
        return settle(answer, now()) { state, found in
            state.shelves[job, default: TaskShelf()].learn(found, id: task, askedAt: start)
        } always: { state in
            state.onTheirWay[key] = nil
        }
    }

    private func fetchTasks(_ job: String, _ key: String) async -> Bool {
        let start = now()
        let answer = await questions.tasks(job)
        let end = now()
        return settle(answer, end) { state, tasks in
            state.shelves[job, default: TaskShelf()].learn(all: tasks, askedAt: start, took: end - start)
        } always: { state in
            state.onTheirWay[key] = nil
        }
    }

    private static func makeRoom(_ state: inout State) {
        let oldest = state.shelves.sorted { $0.value.lastUse < $1.value.lastUse }.map(\.key)
        let lists = oldest.filter { state.shelves[$0]?.holdsList == true }
        for job in lists.dropLast(listsMax) { state.shelves[job]?.forgetList() }
        for job in oldest.dropLast(shelvesMax) { state.shelves[job] = nil }
    }

    // MARK: Failures

    /// Takes an answer in; false if it was none.
    private func settle<Value>(
        _ answer: Result<Value, StorageError>,
        _ now: Duration,
        _ learn: (inout State, Value) -> Void,
        always: (inout State) -> Void
    ) -> Bool {
        let (isNew, error): (Bool, StorageError?) = state.withLock { state in
            always(&state)
            let wasFailing = state.isFailing
            switch answer {
            case .success(let value):
                state.isFailing = false
                state.silentUntil = nil
                learn(&state, value)
                return (wasFailing, nil)
            case .failure(let error):
                state.isFailing = true
                // A refusal will be the same in a while; a service that is down is spared.
                state.silentUntil = now + (error.persistence == .permanent ? .seconds(60) : .seconds(10))
                return (!wasFailing, error)
            }
        }
        switch (error, isNew) {
        case (let error?, true):
            logger.warning("jobs and tasks are shown without what Batch knows of them: \(error)")
        case (let error?, false): logger.debug("Batch: \(error)")
        case (nil, true): logger.notice("Batch answers again")
        case (nil, false): break
        }
        return error == nil
    }

    private static func record(_ value: some Encodable, modified: String?) -> JobRecord? {
        guard let text = try? JSONText.of(value) else { return nil }
        return JobRecord(text: Array((text + "\n").utf8), modified: modified)
    }
}

extension BatchQuestions {
    init(_ service: BatchService) {
        jobs = {
            do throws(StorageError) { return .success(try await service.jobs()) } catch { return .failure(error) }
        }
        tasks = { job in
            do throws(StorageError) { return .success(try await service.tasks(ofJob: job)) } catch {
                return .failure(error)
            }
        }
        task = { task, job in
            do throws(StorageError) { return .success(try await service.task(task, ofJob: job)) } catch {
                return .failure(error)
            }
        }
    }
}
