internal import Synchronization

/// Whose folders of the journal this process may take over although they are locked: those that earlier processes of the
/// same mount made, whose locks somebody who outlives them keeps. So another mount that begins in between, with the same
/// journal directory, does not take what the programs of this one are in the middle of writing.
package final class JournalSuccession: Sendable {
    private let folders: Mutex<Set<String>>
    /// A folder was made: its lock, by descriptor, is to be kept. For as long as the call lasts.
    private let made: @Sendable (_ folder: String, _ lock: Int32) -> Void
    /// There is nothing in it any more, and it is gone.
    private let ended: @Sendable (_ folder: String) -> Void

    package init(
        _ folders: [String],
        made: @escaping @Sendable (_ folder: String, _ lock: Int32) -> Void,
        ended: @escaping @Sendable (_ folder: String) -> Void
    ) {
        self.folders = Mutex(Set(folders))
        (self.made, self.ended) = (made, ended)
    }

    func isOwn(_ folder: String) -> Bool { folders.withLock { $0.contains(folder) } }

    func noteMade(_ folder: String, lock: Int32) { made(folder, lock) }

    /// The process gives its folder up, which only now may be looked into.
    func noteLeft(_ folder: String) { folders.withLock { _ = $0.insert(folder) } }

    func noteEnded(_ folder: String) {
        if folders.withLock({ $0.remove(folder) }) != nil { ended(folder) }
    }
}
