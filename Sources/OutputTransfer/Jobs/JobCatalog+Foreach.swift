internal import BlobStorage

extension JobCatalog {
    /// Whether a container is that of a foreach loop: by its content, since its name may be any. It has `<c>-metadata.rds`,
    /// or, in older releases, `<c>.rds` and both scripts.
    func isForeach(_ container: String) async throws -> Bool {
        do throws(StorageError) {
            // Of most containers that are none, nothing begins with their own names: one request.
            let names = try await firstNames(BlobQuery(container: container, prefix: container, pageSize: 8))
            if names.isEmpty { return false }
            let metadata = container + "-metadata.rds"
            if names.contains(where: { $0.utf8.elementsEqual(metadata.utf8) }) { return true }
            if try await has(metadata, container) { return true }
            for name in [container + ".rds", "worker.R", "merger.R"] where !(try await has(name, container)) {
                return false
            }
            return true
        } catch {
            // It went away since it was listed, or is somebody else's.
            switch error.kind {
            case .notFound, .containerBeingDeleted, .denied: return false
            default: throw error
            }
        }
    }

    private func has(_ name: String, _ container: String) async throws(StorageError) -> Bool {
        do throws(StorageError) {
            _ = try await store.properties(of: BlobAddress(container: container, name: name))
            return true
        } catch {
            if error.kind == .notFound { return false }
            throw error
        }
    }
}
