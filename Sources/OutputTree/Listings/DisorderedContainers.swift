import Synchronization

/// Containers whose listings came in another order than that of the names' bytes. No page of those is final before the
/// last, so their directories are listed whole before they are shown.
final class DisorderedContainers: Sendable {
    private let names = Mutex<Set<String>>([])

    func contains(_ container: String) -> Bool { names.withLock { $0.contains(container) } }

    /// False if it was known.
    func insert(_ container: String) -> Bool { names.withLock { $0.insert(container).inserted } }
}
