import Synchronization

/// The way to one foreign container.
package final class StoreRoute: Sendable {
    package let container: ForeignContainer
    let store: any BlobStore
    private let found: Mutex<Namespace?>
    private let detect: @Sendable () async throws(StorageError) -> Namespace

    /// - Parameters:
    ///   - store: of the container's account.
    ///   - namespace: how the account keeps directories, where that is known already.
    ///   - detect: finds it out; asked by the first operations, before anything else, until it answers. An account that is
    ///     down keeps nobody else waiting.
    package init(
        to container: ForeignContainer,
        _ store: any BlobStore,
        namespace: Namespace?,
        detect: @escaping @Sendable () async throws(StorageError) -> Namespace
    ) {
        (self.container, self.store, self.detect) = (container, store, detect)
        found = Mutex(namespace)
    }

    /// Flat until it is known otherwise: a name is looked up before anything is done that this decides.
    var namespace: Namespace { found.withLock { $0 } ?? .flat }

    func perform<Value: Sendable>(
        _ operation: (any BlobStore, String) async throws(StorageError) -> Value
    ) async throws(StorageError) -> Value {
        do throws(StorageError) {
            if found.withLock({ $0 == nil }) {
                let namespace = try await detect()
                found.withLock { $0 = namespace }
            }
            return try await operation(store, container.name)
        } catch { throw named(error) }
    }

    /// The failure by the names under which the mount knows the container and what is in it.
    func named(_ error: StorageError) -> StorageError {
        var error = error
        error.resource = "\(container.endpoint)/\(error.resource)"
        return error
    }
}
