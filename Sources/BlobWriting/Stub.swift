package import BlobStorage
package import LocalStore

package final class UploadScheduler: Sendable {}
package enum WriteOutcome: Sendable { case done, busy }
package enum Segment: Sendable, Hashable { case local(Range<UInt64>), base(Range<UInt64>), hole(Range<UInt64>) }
package enum CommitError: Error, Sendable { case storage(StorageError), local(LocalStoreError) }
package struct CommittedFile: Sendable {
    package var version: BlobVersion; package var size: UInt64; package var contentMD5: String?
}
package final class DirtyFile: Sendable {
    package init(scheduler: UploadScheduler, blob: BlobAddress, base: BlobProperties?) throws(LocalStoreError) {}
    package var size: UInt64 { 0 }
    package var isDirty: Bool { false }
    package func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(LocalStoreError) -> WriteOutcome {
        .done
    }
    package func truncate(to size: UInt64) throws(LocalStoreError) -> WriteOutcome { .done }
    package func punchHole(offset: UInt64, length: UInt64) throws(LocalStoreError) -> WriteOutcome { .done }
    package func zeroRange(offset: UInt64, length: UInt64) throws(LocalStoreError) -> WriteOutcome { .done }
    package func segments(of range: Range<UInt64>) -> [Segment] { [] }
    package func readLocal(_ range: Range<UInt64>, into: UnsafeMutableRawBufferPointer) throws(LocalStoreError) {}
    package func commit(headers: BlobHeaders, condition: VersionCondition) async throws(CommitError) -> CommittedFile {
        fatalError()
    }
    package func waitUntilWritable() async {}
    package func move(to blob: BlobAddress) {}
    package func discard() {}
}
