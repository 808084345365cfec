internal import Dispatch
internal import FuseBinding
internal import Glibc
internal import Synchronization

/// Reads files through their mounts so that the mounts' caches hold them: one thread walks, some read, and the one that
/// runs this tells how far it is.
///
/// What is read is thrown away: the daemon keeps it. Permissions are those of whoever runs it; the kernel checks them.
final class Warming: Sendable {
    private struct State {
        var progress = WarmProgress()
        var failures: [WarmSummary.Failure] = []
        /// Found and read, by target.
        var tallies: [Tally]
        var readersLeft: Int
        var isInterrupted = false
    }

    private struct Tally {
        var bytesFound: UInt64 = 0
        var files = 0
        var bytes: UInt64 = 0
    }

    private let roots: [WarmRoot]
    private let targets: [WarmTarget]
    private let jobs: Int
    /// What is to be said was said by the pass before.
    private let isRepeat: Bool
    private let line: ProgressLine
    /// Of each target that saves what is read, where that is known.
    private let paces: [DiskPace?]
    private let queue = WarmQueue()
    private let state: Mutex<State>
    /// Signalled by the last reader, and by `interrupt`.
    private let ended = DispatchSemaphore(value: 0)
    private let start = ContinuousClock.now

    /// What one pread asks for: as many requests of the kernel (1 MiB each) as make the daemon fetch a whole block.
    private static let chunkSize = 4 << 20

    init(roots: [WarmRoot], targets: [WarmTarget], jobs: Int, isRepeat: Bool, line: ProgressLine) {
        self.roots = roots
        self.targets = targets
        self.jobs = jobs
        self.isRepeat = isRepeat
        self.line = line
        paces = targets.map { target in
            guard let status = target.status, status.diskCache != nil else { return nil }
            return DiskPace(mountPoint: target.mountPoint, memory: status.cache.budget)
        }
        state = Mutex(State(tallies: targets.map { _ in Tally() }, readersLeft: jobs))
    }

    /// Reads everything, or what there was until `interrupt`.
    func run() -> WarmSummary {
        for note in targets.compactMap(\.note) { say(note) }
        PlainThread.start(named: "warm-walk") { self.walk() }
        for number in 1...jobs { PlainThread.start(named: "warm-read-\(number)") { self.readParts() } }
        while ended.wait(timeout: .now() + .milliseconds(250)) == .timedOut {
            line.show(
                state.withLock { state in
                    state.progress.sample(at: seconds)
                    return state.progress.line
                }
            )
        }
        for pace in paces {
            pace?.drain(unless: { isInterrupted }) { line.show("\(HumanUnits.bytes($0)) on their way to the disk") }
        }
        line.clear()
        return summary()
    }

    /// Ends `run` with what was read so far; reads that hang in the store are not waited for.
    func interrupt() {
        state.withLock { $0.isInterrupted = true }
        ended.signal()
    }

    private var seconds: Double {
        let (seconds, attoseconds) = start.duration(to: .now).components
        return Double(seconds) + Double(attoseconds) / 1e18
    }

    private var isInterrupted: Bool { state.withLock { $0.isInterrupted } }

    // MARK: Finding

    private func walk() {
        // The walk knows its root's target by this; it runs on this thread only.
        var targetIndex = 0
        var walk = FileWalk(
            onFile: { file in self.found(file, targetIndex) },
            onFailure: { path, failure in self.failed(path, failure) }
        )
        for root in roots {
            targetIndex = root.targetIndex
            guard walk.run(root.path) else { break }
        }
        state.withLock { $0.progress.isComplete = true }
        queue.close(readerCount: jobs)
    }

    /// `false` after an interrupt.
    private func found(_ file: FoundFile, _ targetIndex: Int) -> Bool {
        let capacity = targets[targetIndex].capacity ?? .max
        let isFirstExcess = state.withLock { state in
            let before = state.tallies[targetIndex].bytesFound
            state.tallies[targetIndex].bytesFound += file.size
            state.progress.filesFound += 1
            state.progress.bytesFound += file.size
            if file.size == 0 {
                state.progress.filesRead += 1
                state.tallies[targetIndex].files += 1
            }
            return before <= capacity && before + file.size > capacity
        }
        if isFirstExcess { say(targets[targetIndex].noteOnExcess) }
        if file.size > 0 { queue.put(WarmFile(path: file.path, size: file.size, targetIndex: targetIndex)) }
        return !isInterrupted
    }

    // MARK: Reading

    private func readParts() {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.chunkSize, alignment: 4096)
        defer { buffer.deallocate() }
        while !isInterrupted, let part = queue.take() {
            if let failure = read(part, buffer) { part.file.fail(failure) }
            if let outcome = part.file.endPart() { finished(part.file, outcome) }
        }
        if state.withLock({ state in
            state.readersLeft -= 1
            return state.readersLeft == 0
        }) {
            ended.signal()
        }
    }

    private func read(_ part: WarmQueue.Part, _ buffer: UnsafeMutableRawBufferPointer) -> Errno? {
        let descriptor: Int32
        switch part.file.open() {
        case .success(let opened): descriptor = opened
        case .failure(let failure): return failure
        }
        let range = part.file.range(ofPart: part.index)
        var offset = range.lowerBound
        var isDirect = true
        while offset < range.upperBound, !isInterrupted {
            let count = pread(descriptor, buffer.baseAddress, buffer.count, Int(offset))
            if count == 0 { return nil }  // Shorter than it was.
            if count < 0 {
                if errno == EINTR { continue }
                guard errno == EINVAL, isDirect else { return Errno() }
                // A local disk that wants other alignments than ours (passthrough).
                isDirect = false
                _ = fcntl(descriptor, F_SETFL, 0)
                continue
            }
            let news = min(UInt64(count), range.upperBound - offset)
            offset += news
            state.withLock { state in
                state.progress.bytesRead += news
                state.tallies[part.file.targetIndex].bytes += news
            }
            paces[part.file.targetIndex]?.wait(afterReading: news) { isInterrupted }
        }
        return nil
    }

    private func finished(_ file: WarmFile, _ outcome: Result<Void, Errno>) {
        switch outcome {
        case .failure(let failure): failed(file.path, failure)
        case .success where isInterrupted: return
        case .success:
            state.withLock { state in
                state.progress.filesRead += 1
                state.tallies[file.targetIndex].files += 1
            }
        }
    }

    private func failed(_ path: String, _ failure: Errno) {
        let reason = failure.code == ESTALE ? "was replaced while it was read" : failure.description
        state.withLock { state in
            state.progress.filesFailed += 1
            if state.failures.count < WarmSummary.failuresMax {
                state.failures.append(WarmSummary.Failure(path: path, reason: reason))
            }
        }
        say("\(path): \(reason)")
    }

    // MARK: Telling

    private func say(_ text: String) {
        if !isRepeat { line.say("outputfs: \(text)") }
    }

    /// A process that was replaced meanwhile counts from 0 again.
    private static func increase(from before: UInt64?, to after: UInt64?) -> UInt64? {
        guard let before, let after else { return nil }
        return after >= before ? after - before : after
    }

    private func summary() -> WarmSummary {
        let after = targets.map { target in target.status == nil ? nil : WarmTarget.ask(target.mountPoint) }
        let seconds = seconds
        return state.withLock { state in
            let mounts = targets.indices.map { index in
                let (target, tally) = (targets[index], state.tallies[index])
                let (before, after) = (target.status, after[index])
                return WarmSummary.Mount(
                    mountPoint: target.mountPoint,
                    cacheDirectory: target.status?.diskCache?.directory,
                    capacity: target.capacity,
                    files: tally.files,
                    bytes: tally.bytes,
                    bytesFromStore: Self.increase(from: before?.cache.fromStore, to: after?.cache.fromStore),
                    bytesNotSaved: Self.increase(from: before?.diskCache?.notSaved, to: after?.diskCache?.notSaved),
                    exceedsCache: target.capacity.map { tally.bytes > $0 } ?? false
                )
            }
            return WarmSummary(
                files: state.progress.filesRead,
                bytes: state.progress.bytesRead,
                seconds: seconds,
                bytesPerSecond: seconds > 0 ? Double(state.progress.bytesRead) / seconds : 0,
                isInterrupted: state.isInterrupted,
                failed: state.progress.filesFailed,
                failures: state.failures,
                mounts: mounts
            )
        }
    }
}
