import BlobWriting
import FileSystemModel
import Glibc
import Logging
import Synchronization

/// What no program waits for, tried again while that may help: commits after the last close, the removal of blobs whose
/// files were unlinked while they were open, and renames of directories that were cut short.
final class BackgroundCommits: Sendable {
    enum Outcome: Sendable, Hashable {
        case done
        /// Trying again may help.
        case again
        /// Trying again gives the same answer. What waits is kept and named in `status`; a drain, and for a file the next
        /// fsync or close of a writer, tries once more.
        case never
    }

    typealias Attempt = @Sendable () async -> Outcome

    /// What is tried one at a time.
    enum Subject: Sendable, Hashable {
        case file(NodeID)
        case move(UInt64)
    }

    private struct Run {
        var task: Task<Void, Never>
        /// Asked for since the last attempt began: that one may have missed what this is about.
        var next: Attempt?
        /// The wait for the next attempt.
        var pause: Task<Void, Never>?
    }

    private enum Step { case run(Attempt), wait(Task<Void, Never>), end }

    private let active = Mutex<[Subject: Run]>([:])
    private let clock: TreeClock
    private let logger: Logger

    init(clock: TreeClock, logger: Logger) {
        self.clock = clock
        self.logger = logger
    }

    func run(_ node: FileNode, _ attempt: @escaping Attempt) { run(.file(node.id), attempt) }

    /// Runs `attempt` at once, then after 5, 10, 20 … 300 s for as long as it says `again`. One at a time per subject: if
    /// one is under way, `attempt` follows it without a pause.
    func run(_ id: Subject, _ attempt: @escaping Attempt) {
        let pause = active.withLock { active -> Task<Void, Never>? in
            if active[id] != nil {
                active[id]?.next = attempt
                return active[id]?.pause
            }
            active[id] = Run(task: Task { [self] in await repeatedly(id, attempt) })
            return nil
        }
        pause?.cancel()
    }

    private func repeatedly(_ id: Subject, _ first: @escaping Attempt) async {
        var attempt = first
        var length = Duration.seconds(5)
        while true {
            let outcome = await attempt()
            switch step(after: outcome, of: id, pause: length) {
            case .run(let next):
                attempt = next
                length = .seconds(5)
            case .wait(let pause):
                await withTaskCancellationHandler {
                    await pause.value
                } onCancel: {
                    pause.cancel()
                }
                length = min(length * 2, .seconds(300))
                if let next = takeNext(id) { attempt = next }
            case .end: return
            }
        }
    }

    /// What follows an attempt. Decided together with the end of the run, so that no request falls between two runs.
    private func step(after outcome: Outcome, of id: Subject, pause: Duration) -> Step {
        let isCancelled = Task.isCancelled
        return active.withLock { active in
            if !isCancelled {
                if let next = active[id]?.next {
                    active[id]?.next = nil
                    return .run(next)
                }
                if outcome == .again {
                    let pause = Task { _ = try? await Task.sleep(for: pause) }
                    active[id]?.pause = pause
                    return .wait(pause)
                }
            }
            active[id] = nil
            return .end
        }
    }

    private func takeNext(_ id: Subject) -> Attempt? {
        active.withLock { active in
            active[id]?.pause = nil
            defer { active[id]?.next = nil }
            return active[id]?.next
        }
    }

    func cancelAll() {
        let runs = active.withLock { Array($0.values) }
        for run in runs { run.task.cancel() }
    }

    var count: Int { active.withLock { $0.count } }
}

extension BackgroundCommits.Outcome {
    /// Whether what failed so may work later without anybody doing anything about it.
    init(after error: FileSystemError) {
        switch error.errno {
        // The service or the network, a lease, a conflict with another change, an interruption, room on the local disk.
        case EIO, EBUSY, EINTR, EAGAIN, ENOSPC, EDQUOT, ENOMEM, EMFILE, ENFILE: self = .again
        default: self = .never
        }
    }
}

extension OutputFileSystem {
    /// One attempt to commit a file that no program waits for.
    func attemptCommit(_ node: FileNode) async -> BackgroundCommits.Outcome {
        // Somebody opened it again meanwhile and is writing: readers elsewhere must not see half of that. His close
        // sends all of it.
        if node.withState({ $0.writerCount > 0 && $0.local?.isLog == false && $0.local?.hasOpenChanges == true }) {
            return .done
        }
        do throws(FileSystemError) {
            try await commit(node, placesUntouched: true)
            settle(node)
            return .done
        } catch {
            // Unlinked meanwhile, or its name was lost to somebody else: nothing is left to send.
            guard node.hasUnsentContent else {
                settle(node)
                return .done
            }
            logger.warning("commit \(node.address) after its last close: \(error)")
            return BackgroundCommits.Outcome(after: error)
        }
    }
}
