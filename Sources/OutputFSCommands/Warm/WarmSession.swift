internal import Synchronization

/// One `outputfs warm`: a pass over everything, and more where something did not get to the disk.
///
/// The daemon saves what it fetched while that is in memory, and never lets a reader wait for the disk; so the readers
/// here wait by themselves (`DiskPace`). What others read meanwhile may still push out what was not saved: that is fetched
/// again by the next pass, with fewer readers, while the rest comes from the disk.
final class WarmSession: Sendable {
    private struct State {
        var current: Warming?
        var isInterrupted = false
    }

    private let roots: [WarmRoot]
    private let targets: [WarmTarget]
    private let jobs: Int
    private let line: ProgressLine
    private let state = Mutex(State())

    /// Each brings at least what the disk takes meanwhile; what is missing after four will be fetched by who needs it.
    private static let passesMax = 4

    init(roots: [WarmRoot], targets: [WarmTarget], jobs: Int, line: ProgressLine) {
        self.roots = roots
        self.targets = targets
        self.jobs = jobs
        self.line = line
    }

    func run() -> WarmSummary {
        var summary = pass(roots, jobs: jobs, isRepeat: false)
        var jobs = jobs
        for _ in 1..<Self.passesMax {
            let lacking = summary.lackingMounts
            guard !lacking.isEmpty else { break }
            line.say("outputfs: \(HumanUnits.bytes(summary.bytesNotSaved)) did not get to the disk in time: once more")
            jobs = max(1, jobs / 2)
            let fetchedBefore = summary.bytesFromStore
            summary.add(pass(roots.filter { lacking.contains($0.targetIndex) }, jobs: jobs, isRepeat: true))
            // What is missing lies in memory: reading it brings nothing to the disk.
            guard summary.bytesFromStore != fetchedBefore else { break }
        }
        return summary
    }

    /// Ends `run` with what was read so far.
    func interrupt() {
        let current = state.withLock { state in
            state.isInterrupted = true
            return state.current
        }
        current?.interrupt()
    }

    private func pass(_ roots: [WarmRoot], jobs: Int, isRepeat: Bool) -> WarmSummary {
        // Counters go on from pass to pass: each begins with the present ones.
        let targets = isRepeat ? targets.map { $0.askedAgain() } : targets
        let warming = Warming(roots: roots, targets: targets, jobs: jobs, isRepeat: isRepeat, line: line)
        let isInterrupted = state.withLock { state in
            state.current = warming
            return state.isInterrupted
        }
        if isInterrupted { warming.interrupt() }
        return warming.run()
    }
}
