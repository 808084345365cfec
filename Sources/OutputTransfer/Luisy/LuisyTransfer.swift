internal import BlobStorage
internal import BlobWriting
internal import LocalStore
internal import OutputConventions
internal import Synchronization

/// What pull, push and repair have in common: outputs that move, many at a time, and what is told of them.
final class LuisyTransfer: Sendable {
    /// An output that moves.
    struct Job: Sendable {
        let key: LuisyKey
        /// For the manifest that is to name it.
        let hash: String
        let source: String
        let target: String
        let byteCount: UInt64
    }

    enum Outcome: Sendable {
        case done
        case kept
    }

    let options: LuisyTransferOptions
    let disk = WorkerThreads(name: "luisy", count: 4)
    private let report: @Sendable (TransferEvent) -> Void
    private let state = Mutex(TransferCounters())

    init(_ options: LuisyTransferOptions, report: @escaping @Sendable (TransferEvent) -> Void) {
        (self.options, self.report) = (options, report)
    }

    var counters: TransferCounters { state.withLock { $0 } }

    /// One that fails is reported, and the others go on.
    func run(_ jobs: [Job], _ move: @escaping @Sendable (Job, _ progress: SharedProgress) async throws -> Outcome) async
    {
        state.withLock { counters in
            counters.found += jobs.count
            counters.foundBytes += jobs.reduce(0) { $0 + $1.byteCount }
            counters.isListed = true
        }
        let room = AsyncLimiter(options.jobs)
        await withDiscardingTaskGroup { group in
            for job in jobs {
                if Task.isCancelled { break }
                await room.acquire()
                group.addTask { [self] in
                    await run(job, move)
                    room.release()
                }
            }
        }
    }

    private func run(_ job: Job, _ move: @Sendable (Job, SharedProgress) async throws -> Outcome) async {
        guard !options.isDryRun else { return tell(job, .planned) }
        let progress = SharedProgress { [self] count in
            state.withLock { $0.doneBytes = UInt64(max(0, Int($0.doneBytes) + count)) }
        }
        do {
            try Task.checkCancellation()
            switch try await move(job, progress) {
            case .done:
                state.withLock { $0.done += 1 }
                tell(job, .done)
            case .kept:
                state.withLock { $0.kept += 1 }
                tell(job, .kept)
            }
        } catch {
            progress.takeBack()
            if Task.isCancelled { return }
            fail(job, "\(error)")
        }
    }

    func keep(_ job: Job) {
        state.withLock { $0.kept += 1 }
        tell(job, .kept)
    }

    func fail(_ job: Job, _ reason: String) {
        state.withLock { $0.failed += 1 }
        tell(job, .failed(reason))
    }

    private func tell(_ job: Job, _ kind: TransferEvent.Kind) {
        report(TransferEvent(source: job.source, target: job.target, byteCount: job.byteCount, kind: kind))
    }
}

/// How outputs of luisy are moved.
package struct LuisyTransferOptions: Sendable {
    package var isDryRun = false
    /// Requests in flight.
    package var jobs = 16

    package init() {}
}

/// Bytes of one output that have moved, which do not count if it fails.
final class SharedProgress: Sendable {
    private let counted = SharedCount()
    private let report: @Sendable (Int) -> Void

    init(_ report: @escaping @Sendable (Int) -> Void) { self.report = report }

    func add(_ count: Int) {
        counted.add(count)
        report(count)
    }

    func takeBack() { report(-counted.value) }
}
