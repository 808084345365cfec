import BlobStorage
import Synchronization

/// Blobs whose bytes follow from their name, version and offset, behind GETs that end when the test says so.
final class ScriptedStore: BlobStore {
    enum Pace: Sendable {
        /// GETs wait until the test ends them.
        case held
        /// GETs end before `read` returns.
        case immediate
    }

    /// What a test may look at, and end.
    struct Pending: Sendable {
        let number: Int
        let read: BlobRead
        fileprivate let completion: @Sendable (Result<BlobReadResult, StorageError>) -> Void
    }

    private struct State: Sendable {
        var pace: Pace
        var ignoresCancel = false
        var nextNumber = 0
        var pending: [Int: Pending] = [:]
        var started: [BlobRead] = []
        var cancelCount = 0
        var raised: [Int] = []
        var blobs: [BlobAddress: BlobProperties] = [:]
    }

    private let state: Mutex<State>

    init(_ pace: Pace = .held) { state = Mutex(State(pace: pace)) }

    // MARK: The test's side

    /// Puts a blob in place; its content follows from the ETag, or from the creation time of an append blob.
    @discardableResult
    func put(
        _ name: String,
        length: UInt64,
        etag: String = "\"1\"",
        type: BlobType = .block,
        creationTime: Int64? = nil
    ) -> (address: BlobAddress, properties: BlobProperties) {
        let address = BlobAddress(container: "c", name: name)
        let properties = BlobProperties(
            version: BlobVersion(etag: ETag(etag), lastModified: 0),
            length: length,
            type: type,
            creationTime: creationTime
        )
        state.withLock { $0.blobs[address] = properties }
        return (address, properties)
    }

    func remove(_ name: String) {
        state.withLock { $0.blobs[BlobAddress(container: "c", name: name)] = nil }
    }

    func setPace(_ pace: Pace) { state.withLock { $0.pace = pace } }
    /// Cancelled GETs stay pending: the transport was faster, or is slow to notice.
    func ignoreCancels() { state.withLock { $0.ignoresCancel = true } }

    /// All GETs that were ever started, in order.
    var started: [BlobRead] { state.withLock { $0.started } }
    var ranges: [Range<UInt64>] { started.map(\.range) }
    /// GETs under way, oldest first.
    var pending: [Pending] { state.withLock { $0.pending.values.sorted { $0.number < $1.number } } }
    /// The numbers of GETs whose priority was raised, in order.
    var raised: [Int] { state.withLock { $0.raised } }
    var cancelCount: Int { state.withLock { $0.cancelCount } }
    var byteCount: UInt64 { started.reduce(0) { $0 + UInt64($1.range.count) } }

    /// Ends a GET with what the service would answer, or with an error.
    func end(_ pending: Pending, with error: StorageError? = nil) {
        guard state.withLock({ $0.pending.removeValue(forKey: pending.number) }) != nil else { return }
        if let error { pending.completion(.failure(error)) } else { pending.completion(answer(pending.read)) }
    }

    /// Delivers the first bytes of a GET. It cannot be cancelled meanwhile: its memory would be another's by then.
    func progress(_ pending: Pending, _ count: Int) {
        guard let taken = state.withLock({ $0.pending.removeValue(forKey: pending.number) }) else { return }
        if case .success = fill(pending.read, count) { pending.read.onProgress?(count) }
        state.withLock { $0.pending[pending.number] = taken }
    }

    /// Ends all that are under way, and what is started meanwhile.
    func endAll() {
        while let first = pending.first { end(first) }
    }

    // MARK: The store's side

    func read(
        _ read: BlobRead,
        completion: @escaping @Sendable (Result<BlobReadResult, StorageError>) -> Void
    ) -> any ReadOperation {
        let (number, pace) = state.withLock { state in
            state.started.append(read)
            state.nextNumber += 1
            if state.pace == .held {
                state.pending[state.nextNumber] = Pending(number: state.nextNumber, read: read, completion: completion)
            }
            return (state.nextNumber, state.pace)
        }
        if pace == .immediate { completion(answer(read)) }
        return Operation(store: self, number: number)
    }

    private final class Operation: ReadOperation {
        private let store: ScriptedStore
        private let number: Int

        init(store: ScriptedStore, number: Int) {
            self.store = store
            self.number = number
        }

        func cancel() { store.cancel(number) }
        func raisePriority() { store.state.withLock { $0.raised.append(number) } }
    }

    private func cancel(_ number: Int) {
        let pending = state.withLock { state in
            state.cancelCount += 1
            return state.ignoresCancel ? nil : state.pending.removeValue(forKey: number)
        }
        pending?.completion(.failure(Self.error(.cancelled)))
    }

    private func answer(_ read: BlobRead) -> Result<BlobReadResult, StorageError> { fill(read, read.range.count) }

    private func fill(_ read: BlobRead, _ countMax: Int) -> Result<BlobReadResult, StorageError> {
        guard let blob = state.withLock({ $0.blobs[read.blob] }) else { return .failure(Self.error(.notFound)) }
        if case .matches(let etag) = read.condition, etag != blob.version.etag {
            return .failure(Self.error(.conditionFailed))
        }
        guard read.range.lowerBound < blob.length || read.wantsProperties else {
            return .failure(Self.error(.invalid))
        }
        let count = min(countMax, Int(blob.length - read.range.lowerBound))
        let content = Content(blob)
        let destination = UnsafeMutableRawBufferPointer(start: read.destination, count: count)
        for index in 0..<count { destination[index] = content[read.range.lowerBound + UInt64(index)] }
        return .success(
            BlobReadResult(
                byteCount: count,
                blobLength: blob.length,
                version: blob.version,
                creationTime: blob.creationTime,
                properties: read.wantsProperties ? blob : nil
            )
        )
    }

    static func error(_ kind: StorageError.Kind) -> StorageError {
        StorageError(kind, .permanent, operation: "Get Blob", resource: "c/b", message: "scripted")
    }
}

/// The bytes of one version.
struct Content: Sendable {
    private let seed: UInt64

    init(_ properties: BlobProperties) {
        let identity = properties.type == .append ? "\(properties.creationTime ?? 0)" : properties.version.etag.text
        seed = identity.utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    }

    subscript(_ offset: UInt64) -> UInt8 {
        UInt8(truncatingIfNeeded: ((offset ^ seed) &* 0x9E37_79B9_7F4A_7C15) >> 56)
    }

    /// Whether the buffers hold exactly these bytes.
    func matches(_ buffers: UnsafeBufferPointer<UnsafeRawBufferPointer>, _ range: Range<UInt64>) -> Bool {
        var offset = range.lowerBound
        for buffer in buffers {
            for byte in buffer {
                guard byte == self[offset] else { return false }
                offset += 1
            }
        }
        return offset == range.upperBound
    }
}

// What the cache never asks for.
extension ScriptedStore {
    private var refusal: StorageError { Self.error(.unexpected) }

    func listContainers(_ query: ContainerQuery, after marker: ListMarker?) async throws(StorageError) -> ContainerPage
    {
        throw refusal
    }
    func createContainer(_ name: String, metadata: BlobMetadata) async throws(StorageError) -> BlobVersion {
        throw refusal
    }
    func properties(ofContainer name: String) async throws(StorageError) -> ContainerProperties { throw refusal }
    func setMetadata(_ metadata: BlobMetadata, ofContainer name: String) async throws(StorageError) -> BlobVersion {
        throw refusal
    }
    func deleteContainer(_ name: String, unmodifiedSince: Int64?) async throws(StorageError) { throw refusal }
    func listBlobs(
        _ query: BlobQuery,
        after marker: ListMarker?,
        nextKnown: @Sendable (ListMarker) -> Void
    ) async throws(StorageError) -> BlobPage {
        throw refusal
    }
    func properties(of blob: BlobAddress) async throws(StorageError) -> BlobProperties { throw refusal }
    func putBlob(
        _ blob: BlobAddress,
        _ body: UploadBody,
        headers: BlobHeaders,
        condition: VersionCondition
    ) async throws(StorageError) -> BlobVersion { throw refusal }
    func putBlock(_ id: BlockID, of blob: BlobAddress, _ body: UploadBody) async throws(StorageError) { throw refusal }
    func putBlock(
        _ id: BlockID,
        of blob: BlobAddress,
        from source: BlobAddress,
        range: Range<UInt64>,
        sourceCondition: VersionCondition
    ) async throws(StorageError) { throw refusal }
    func putBlockList(
        _ blocks: [BlockReference],
        of blob: BlobAddress,
        headers: BlobHeaders,
        condition: VersionCondition
    ) async throws(StorageError) -> BlobVersion { throw refusal }
    func blockList(of blob: BlobAddress) async throws(StorageError) -> BlockList { throw refusal }
    func createAppendBlob(
        _ blob: BlobAddress,
        headers: BlobHeaders,
        condition: VersionCondition
    ) async throws(StorageError) -> BlobVersion { throw refusal }
    func append(_ body: UploadBody, to blob: BlobAddress, at position: UInt64) async throws(StorageError)
        -> AppendResult
    { throw refusal }
    func copy(
        _ source: BlobAddress,
        sourceCondition: VersionCondition,
        known: BlobProperties?,
        to destination: BlobAddress,
        metadata: BlobMetadata?,
        condition: VersionCondition
    ) async throws(StorageError) -> BlobProperties { throw refusal }
    func setMetadata(
        _ metadata: BlobMetadata,
        of blob: BlobAddress,
        condition: VersionCondition
    ) async throws(StorageError) -> BlobVersion { throw refusal }
    func setProperties(
        _ headers: BlobHeaders,
        of blob: BlobAddress,
        condition: VersionCondition
    ) async throws(StorageError) -> BlobVersion { throw refusal }
    func delete(_ blob: BlobAddress, condition: VersionCondition) async throws(StorageError) { throw refusal }
}
