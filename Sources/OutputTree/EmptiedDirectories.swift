import OutputConventions
import Synchronization

/// Directories that are there only with what is in them, and lost a file here a moment ago: `rm -r`, which removes the
/// directory after its last file, still has to find it.
final class EmptiedDirectories: Sendable {
    private let lostAt = Mutex<[TreePlace: Duration]>([:])
    /// How long one is remembered.
    private let keep: Duration

    init(keep: Duration) { self.keep = keep }

    func insert(_ place: TreePlace, at now: Duration) {
        lostAt.withLock { lostAt in
            // Amortised: at every 256th.
            if lostAt.count >= 256, lostAt.count & 0xFF == 0 { lostAt = lostAt.filter { now - $0.value <= keep } }
            lostAt[place] = now
        }
    }

    func remove(_ place: TreePlace) { lostAt.withLock { $0[place] = nil } }

    func contains(_ place: TreePlace, at now: Duration) -> Bool {
        lostAt.withLock { $0[place].map { now - $0 <= keep } ?? false }
    }
}
