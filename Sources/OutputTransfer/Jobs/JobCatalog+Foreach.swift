internal import BlobStorage
internal import OutputViews

extension JobCatalog {
    /// Whether a container is that of a foreach loop, as the view `foreach` knows it; not one of somebody else's.
    func isForeach(_ container: String) async throws -> Bool {
        do throws(StorageError) { return try await gatherer.isForeachJob(container) } catch {
            if error.kind == .denied { return false }
            throw error
        }
    }
}
