import Synchronization

/// What the credentials permit in each container, as far as the store's answers have told.
///
/// Tokens of few rights are usual: the one that the Batch File Conventions library makes may read, add, create, write
/// and list, and may not delete.
final class AccessRights: Sendable {
    private struct State {
        var deletable: Set<String> = []
        var hidden: Set<String> = []
    }

    private let state = Mutex(State())

    func permitsDelete(in container: String) -> Bool { state.withLock { $0.deletable.contains(container) } }
    func learnDelete(in container: String) { state.withLock { _ = $0.deletable.insert(container) } }

    /// Whether a blob may be there although a lookup found none: the store refused to say.
    func hidesBlobs(in container: String) -> Bool { state.withLock { $0.hidden.contains(container) } }
    func learnHidden(in container: String) { state.withLock { _ = $0.hidden.insert(container) } }
}
