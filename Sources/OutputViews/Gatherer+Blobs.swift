import BlobStorage
import OutputConventions

/// What every view asks of the store.
extension Gatherer {
    /// Requests about one directory that are under way at a time: 10,000 of 20 ms are 13 seconds, and not 3 minutes.
    static let requestsMax = 16

    /// The file as the store has it; `nil` if it is not there, or only says that there is a directory.
    func file(_ view: OutputView, _ blob: BlobAddress) async throws(StorageError) -> GatheredEntry.Target? {
        guard let properties = try await properties(of: blob), !properties.marksDirectory(blob.name) else { return nil }
        return .file(.file(view, container: blob.container, name: blob.name), properties)
    }

    /// `nil` if it is not there. What may not be looked at, and what is encrypted with a customer's key, may be listed.
    func properties(of blob: BlobAddress) async throws(StorageError) -> BlobProperties? {
        do throws(StorageError) { return try await store.properties(of: blob) } catch {
            switch error.kind {
            case .notFound: return nil
            case .denied, .encrypted: return try await listedProperties(of: blob, insteadOf: error)
            default: throw error
            }
        }
    }

    private func listedProperties(
        of blob: BlobAddress,
        insteadOf refusal: StorageError
    ) async throws(StorageError) -> BlobProperties? {
        let query = BlobQuery(container: blob.container, prefix: blob.name, includesMetadata: true, pageSize: 1)
        var marker: ListMarker?
        do throws(StorageError) {
            repeat {
                let page = try await store.listBlobs(query, after: marker)
                // Of all names that begin so, its own comes first.
                if case .blob(let name, let properties)? = page.items.first {
                    return name.utf8.elementsEqual(blob.name.utf8) ? properties : nil
                }
                marker = page.next
            } while marker != nil
        } catch { throw error.kind == .denied ? refusal : error }
        return nil
    }

    /// Whether there is a blob of this name.
    func isThere(_ blob: BlobAddress) async throws(StorageError) -> Bool {
        do throws(StorageError) {
            _ = try await store.properties(of: blob)
            return true
        } catch {
            if error.kind == .notFound { return false }
            throw error
        }
    }

    /// Gives all that a listing by `/` shows to `body`, until that has seen enough and says false.
    func list(
        _ prefix: String,
        in container: String,
        _ body: (ListedItem) -> Bool
    ) async throws(StorageError) {
        let query = BlobQuery(container: container, prefix: prefix, delimiter: "/", includesMetadata: true)
        var marker: ListMarker?
        repeat {
            guard let page = try await page(query, after: marker) else { return }
            for item in page.items {
                guard body(item) else { return }
            }
            marker = page.next
        } while marker != nil
    }

    /// Whether any blob's name begins so.
    func hasBlobs(below prefix: String, in container: String) async throws(StorageError) -> Bool {
        let query = BlobQuery(container: container, prefix: prefix, pageSize: 1)
        var marker: ListMarker?
        repeat {
            guard let page = try await page(query, after: marker) else { return false }
            if !page.items.isEmpty { return true }
            marker = page.next
        } while marker != nil
        return false
    }

    /// `nil` if nothing can be below the prefix: a hierarchical namespace refuses to list below what is a file.
    private func page(_ query: BlobQuery, after marker: ListMarker?) async throws(StorageError) -> BlobPage? {
        do throws(StorageError) { return try await store.listBlobs(query, after: marker) } catch {
            if error.kind == .invalid, query.prefix.utf8.last == UInt8(ascii: "/") { return nil }
            throw error
        }
    }
}
