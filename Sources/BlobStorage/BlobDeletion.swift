/// A blob that is to go, with its snapshots, if it is the version that is meant.
package struct BlobDeletion: Sendable, Hashable {
    package let blob: BlobAddress
    /// Never `.absent`.
    package let condition: VersionCondition

    package init(_ blob: BlobAddress, condition: VersionCondition) { (self.blob, self.condition) = (blob, condition) }
}

extension BlobStore {
    /// As many requests in flight as may be without keeping everybody else waiting.
    package func deleteEach(_ deletions: [BlobDeletion]) async -> [StorageError?] {
        await deleteEach(deletions, atOnce: 32)
    }

    /// For stores that know no batches.
    package func deleteEach(_ deletions: [BlobDeletion], atOnce: Int) async -> [StorageError?] {
        await deleteSingly(deletions, atOnce: atOnce)
    }

    package func deleteSingly(_ deletions: [BlobDeletion], atOnce: Int) async -> [StorageError?] {
        await withTaskGroup(of: (Int, StorageError?).self) { group in
            var failures = [StorageError?](repeating: nil, count: deletions.count)
            var next = 0
            func start() {
                guard next < deletions.count else { return }
                let index = next
                next += 1
                group.addTask {
                    do throws(StorageError) {
                        try await self.delete(deletions[index].blob, condition: deletions[index].condition)
                        return (index, nil)
                    } catch { return (index, error) }
                }
            }
            for _ in 0..<atOnce { start() }
            for await (index, failure) in group {
                failures[index] = failure
                start()
            }
            return failures
        }
    }
}
