import FileSystemModel
import Logging
import Synchronization

/// Commits that no program waits for, tried again until they work.
final class BackgroundCommits: Sendable {
    private let active = Mutex<[NodeID: Task<Void, Never>]>([:])
    private let clock: TreeClock
    private let logger: Logger

    init(clock: TreeClock, logger: Logger) {
        self.clock = clock
        self.logger = logger
    }

    /// Runs `attempt` until it says true: at once, then after 5, 10, 20 … 300 s. One per node at a time.
    func run(_ node: FileNode, _ attempt: @escaping @Sendable () async -> Bool) {
        active.withLock { active in
            guard active[node.id] == nil else { return }
            active[node.id] = Task { [self] in
                var pause = Duration.seconds(5)
                while !Task.isCancelled, await !attempt() {
                    // What was unlinked or committed meanwhile needs no further try.
                    guard node.hasUnsentContent else { break }
                    try? await Task.sleep(for: pause)
                    pause = min(pause * 2, .seconds(300))
                }
                self.active.withLock { $0[node.id] = nil }
            }
        }
    }

    func cancelAll() {
        let tasks = active.withLock { Array($0.values) }
        for task in tasks { task.cancel() }
    }

    var count: Int { active.withLock { $0.count } }
}
