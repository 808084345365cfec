import BlobStorage
import Synchronization
import TestSupport

/// A container `many` with a directory `d` of any number of small files, made up as they are asked for.
final class ManyBlobs: BlobStore {
    private let count: Int
    private let lists = Atomic(0)
    private let heads = Atomic(0)

    private let onList: @Sendable () -> Void
    private let onNextKnown: @Sendable () async -> Void

    /// `onList`: what happens while a listing is on its way; `onNextKnown`: while its answer is read.
    init(
        count: Int,
        onList: @escaping @Sendable () -> Void = {},
        onNextKnown: @escaping @Sendable () async -> Void = {}
    ) {
        self.count = count
        self.onList = onList
        self.onNextKnown = onNextKnown
    }

    var listCount: Int { lists.load(ordering: .relaxed) }
    var headCount: Int { heads.load(ordering: .relaxed) }

    static func name(_ number: Int) -> String { "file-" + String(10_000_000 + number).dropFirst() + ".parquet" }

    private func blob(_ number: Int) -> BlobProperties {
        let etag = ETag("\"0x\(String(0x8DE_0000_0000_0000 + number, radix: 16, uppercase: true))\"")
        let version = BlobVersion(etag: etag, lastModified: 1_700_000_000)
        return BlobProperties(
            version: version,
            length: UInt64(number),
            contentMD5: "XrY7u+Ae7tCTyyK7j1rNww=="
        )
    }

    func listBlobs(
        _ query: BlobQuery,
        after marker: ListMarker?,
        nextKnown: @Sendable (ListMarker) -> Void
    ) async throws(StorageError) -> BlobPage {
        lists.add(1, ordering: .relaxed)
        onList()
        guard query.prefix == "d/" else {
            return BlobPage(items: "d/".utf8.starts(with: query.prefix.utf8) ? [.prefix("d/")] : [], next: nil)
        }
        let start = marker.flatMap { Int($0.text) } ?? 0
        let end = min(count, start + (query.pageSize ?? 5_000))
        if end < count {
            nextKnown(ListMarker("\(end)"))
            await onNextKnown()
        }
        let items = (start..<end).map { ListedItem.blob(name: "d/" + Self.name($0), blob($0)) }
        return BlobPage(items: items, next: end < count ? ListMarker("\(end)") : nil)
    }

    func properties(of blob: BlobAddress) async throws(StorageError) -> BlobProperties {
        heads.add(1, ordering: .relaxed)
        guard blob.name.utf8.starts(with: "d/file-".utf8), blob.name.utf8.count == 22,
            let number = Int(blob.name.dropFirst(7).prefix(7)), number < count
        else { throw .test(.notFound) }
        return self.blob(number)
    }

    func listContainers(_: ContainerQuery, after: ListMarker?) async throws(StorageError) -> ContainerPage {
        ContainerPage(containers: [try await properties(ofContainer: "many")], next: nil)
    }

    func properties(ofContainer name: String) async throws(StorageError) -> ContainerProperties {
        ContainerProperties(name: name, version: BlobVersion(etag: ETag("\"0x1\""), lastModified: 0), metadata: [:])
    }

    // MARK: Nothing can be changed

    private var refusal: StorageError { .test(.denied) }

    func createContainer(_: String, metadata: BlobMetadata) async throws(StorageError) -> BlobVersion { throw refusal }
    func setMetadata(_: BlobMetadata, ofContainer: String) async throws(StorageError) -> BlobVersion { throw refusal }
    func deleteContainer(_: String, unmodifiedSince: Int64?) async throws(StorageError) { throw refusal }

    func read(
        _: BlobRead,
        completion: @escaping @Sendable (Result<BlobReadResult, StorageError>) -> Void
    ) -> any ReadOperation {
        completion(.failure(refusal))
        return NoRead()
    }

    private final class NoRead: ReadOperation { func cancel() {} }

    func putBlob(
        _: BlobAddress,
        _: UploadBody,
        headers: BlobHeaders,
        condition: VersionCondition
    ) async throws(StorageError) -> BlobVersion { throw refusal }

    func putBlock(_: BlockID, of: BlobAddress, _: UploadBody) async throws(StorageError) { throw refusal }

    func putBlock(
        _: BlockID,
        of: BlobAddress,
        from: BlobAddress,
        range: Range<UInt64>,
        sourceCondition: VersionCondition
    ) async throws(StorageError) { throw refusal }

    func putBlockList(
        _: [BlockReference],
        of: BlobAddress,
        headers: BlobHeaders,
        condition: VersionCondition
    ) async throws(StorageError) -> BlobVersion { throw refusal }

    func blockList(of: BlobAddress) async throws(StorageError) -> BlockList { throw refusal }

    func createAppendBlob(
        _: BlobAddress,
        headers: BlobHeaders,
        condition: VersionCondition
    ) async throws(StorageError) -> BlobVersion { throw refusal }

    func append(_: UploadBody, to: BlobAddress, at: UInt64) async throws(StorageError) -> AppendResult { throw refusal }

    func copy(
        _: BlobAddress,
        sourceCondition: VersionCondition,
        known: BlobProperties?,
        to: BlobAddress,
        metadata: BlobMetadata?,
        condition: VersionCondition
    ) async throws(StorageError) -> BlobProperties { throw refusal }

    func setMetadata(
        _: BlobMetadata,
        of: BlobAddress,
        condition: VersionCondition
    ) async throws(StorageError) -> BlobVersion { throw refusal }

    func setProperties(
        _: BlobHeaders,
        of: BlobAddress,
        condition: VersionCondition
    ) async throws(StorageError) -> BlobVersion { throw refusal }

    func delete(_: BlobAddress, condition: VersionCondition) async throws(StorageError) { throw refusal }
}
