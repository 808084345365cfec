internal import OutputTree
internal import Synchronization

/// One `outputfs rm`: its paths one after the other, each a page at a time.
final class RemovalSession: Sendable {
    private let places: [RemovalPlace]
    private let isRecursive: Bool
    private let isDryRun: Bool
    private let jobs: Int
    private let line: ProgressLine
    /// On a terminal a whole job's files are counted before the first goes: who reads the number may still stop it.
    private let countsFirst: Bool
    private let isInterrupted = Atomic(false)

    init(
        places: [RemovalPlace],
        isRecursive: Bool,
        isDryRun: Bool,
        jobs: Int,
        line: ProgressLine,
        countsFirst: Bool
    ) {
        (self.places, self.isRecursive, self.isDryRun) = (places, isRecursive, isDryRun)
        (self.jobs, self.line, self.countsFirst) = (jobs, line, countsFirst)
    }

    /// Ends `run` after the page that is under way.
    func interrupt() { isInterrupted.store(true, ordering: .relaxed) }

    /// `status` is that of the first path that could not be begun, if any.
    func run() -> (summary: RemovalSummary, status: ExitStatus) {
        var summary = RemovalSummary(isDryRun: isDryRun)
        var status: ExitStatus?
        for place in places {
            do throws(CommandFailure) {
                if countsFirst, place.isWhole, !isDryRun { try count(place) }
                try forEachPage(of: place, isDryRun: isDryRun) { answer in
                    summary.add(answer)
                    line.show(summary.text)
                }
            } catch {
                status = status ?? error.status
                summary.failures.append(RemovalAnswer.Failure(path: place.name, reason: error.what))
            }
        }
        line.clear()
        summary.isInterrupted = isInterrupted.load(ordering: .relaxed)
        if summary.isInterrupted { return (summary, .interrupted) }
        return (summary, status ?? (summary.failures.isEmpty ? .success : .failure))
    }

    private func count(_ place: RemovalPlace) throws(CommandFailure) {
        var all = RemovalSummary(isDryRun: false)
        try forEachPage(of: place, isDryRun: true) { answer in
            all.add(answer)
            line.show("\(place.name): \(all.count) files")
        }
        line.say("outputfs: deleting the \(all.count) files (\(HumanUnits.bytes(all.size))) of \(place.name)")
    }

    private func forEachPage(
        of place: RemovalPlace,
        isDryRun: Bool,
        _ body: (RemovalAnswer) -> Void
    ) throws(CommandFailure) {
        var step = RemovalStep(path: place.path, isRecursive: isRecursive, isDryRun: isDryRun, atOnce: jobs)
        repeat {
            if isInterrupted.load(ordering: .relaxed) { return }
            let answer = try place.agent.run(step)
            body(answer)
            (step.marker, step.directory) = (answer.next, answer.directory)
        } while step.marker != nil
    }
}
