import BlobStorage

extension BlobStore {
    /// What stat shows of a blob, as it is now: one HEAD.
    ///
    /// Of a blob that is encrypted with a customer's key the service answers no HEAD without the key; a listing tells
    /// its size and times all the same.
    func facts(of blob: BlobAddress) async throws(StorageError) -> FileFacts {
        do throws(StorageError) { return FileFacts(try await properties(of: blob)) } catch {
            // Where nothing may be listed, what the HEAD said is all there is to say.
            guard error.kind == .encrypted, let listed = try? await listedProperties(of: blob) else { throw error }
            return FileFacts(listed)
        }
    }

    /// Of all names that begin with a name, itself is the first.
    private func listedProperties(of blob: BlobAddress) async throws(StorageError) -> BlobProperties? {
        var marker: ListMarker?
        repeat {
            let page = try await listBlobs(
                BlobQuery(container: blob.container, prefix: blob.name, pageSize: 1),
                after: marker
            )
            if case .blob(let name, let properties)? = page.items.first {
                return name.utf8.elementsEqual(blob.name.utf8) ? properties : nil
            }
            marker = page.next
        } while marker != nil
        return nil
    }
}
