package import BlobStorage
package import OutputConventions

/// Puts together what gathered directories show, by asking the store.
///
/// Each view has a file of its own, which says in which order what is asked. Nothing that may change is remembered here:
/// whoever asks knows how long an answer is good for.
package struct Gatherer: Sendable {
    let store: any BlobStore
    let source: GatheredSource

    package init(store: any BlobStore, source: GatheredSource = GatheredSource()) {
        (self.store, self.source) = (store, source)
    }

    /// All names of the directory, in no order.
    package func entries(of place: GatheredPlace) async throws(StorageError) -> [GatheredEntry] {
        switch place.view {
        case .datastores: try await datastores()
        case .runs, .uploads, .foreach, .jobs, .projects, .containers: []
        }
    }

    /// What a name of the directory leads to; `nil` when it is not there. It costs no listing of the whole where the
    /// name itself tells where to look.
    package func find(_ name: String, in place: GatheredPlace) async throws(StorageError) -> GatheredEntry.Target? {
        switch place.view {
        case .datastores: try await datastores().first { $0.name.utf8.elementsEqual(name.utf8) }?.target
        case .runs, .uploads, .foreach, .jobs, .projects, .containers: nil
        }
    }
}

/// What gathering goes by besides the store.
package struct GatheredSource: Sendable, Hashable {
    /// The one container that credentials reach; `nil`: the account's.
    package var onlyContainer: String?

    package init(onlyContainer: String? = nil) { self.onlyContainer = onlyContainer }
}
