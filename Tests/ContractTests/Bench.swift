import BlobStorage
import Testing

/// A store with a fresh container, for one test.
struct Bench: Sendable {
    let store: any BlobStore
    let container: String

    /// Runs `body` with a container of its own, and takes the container away afterwards.
    static func run(_ storage: StorageUnderTest, _ body: (Bench) async throws -> Void) async throws {
        let (store, container) = try await storage.makeStore(for: freshName())
        _ = try await store.createContainer(container, metadata: [:])
        let result: Result<Void, any Error>
        do { result = .success(try await body(Bench(store: store, container: container))) } catch {
            result = .failure(error)
        }
        try await store.deleteContainer(container)
        try result.get()
    }

    /// The name of a container that nobody else has.
    static func freshName() -> String { "contract-" + String(UInt64.random(in: 1...UInt64.max), radix: 36) }

    func address(_ name: String) -> BlobAddress { BlobAddress(container: container, name: name) }

    @discardableResult
    func put(
        _ name: String,
        _ text: String,
        headers: BlobHeaders = BlobHeaders(),
        condition: VersionCondition = .any
    ) async throws -> BlobVersion {
        try await store.putBlob(address(name), UploadBody(Array(text.utf8)), headers: headers, condition: condition)
    }

    /// The whole blob as text.
    func text(of name: String) async throws -> String {
        let length = try await store.properties(of: address(name)).length
        return length == 0 ? "" : String(decoding: try await read(name, 0..<length).bytes, as: UTF8.self)
    }

    func read(
        _ name: String,
        _ range: Range<UInt64>,
        condition: VersionCondition = .any,
        verification: RangeVerification = .none,
        wantsProperties: Bool = false
    ) async throws -> (bytes: [UInt8], result: BlobReadResult) {
        let buffer = ReadBuffer(byteCount: range.count)
        let read = BlobRead(
            blob: address(name),
            range: range,
            condition: condition,
            verification: verification,
            destination: buffer.start,
            wantsProperties: wantsProperties
        )
        let result = try await withCheckedContinuation { continuation in
            store.read(read) { continuation.resume(returning: $0) }
        }.get()
        return (buffer.bytes(result.byteCount), result)
    }

    /// Block ids of one length.
    static func id(_ number: Int) -> BlockID {
        let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
        return BlockID(base64: "AA\(letters[number / 26 % 26])\(letters[number % 26])")
    }

    func stage(_ number: Int, _ text: String, of name: String) async throws {
        try await store.putBlock(Self.id(number), of: address(name), UploadBody(Array(text.utf8)))
    }

    @discardableResult
    func commit(
        _ blocks: [BlockReference],
        of name: String,
        headers: BlobHeaders = BlobHeaders(),
        condition: VersionCondition = .any
    ) async throws -> BlobVersion {
        try await store.putBlockList(blocks, of: address(name), headers: headers, condition: condition)
    }

    /// All pages of a listing; a prefix that comes again on a later page is counted once, as the seam allows it.
    func list(_ query: BlobQuery) async throws -> [ListedItem] {
        var items: [ListedItem] = []
        var marker: ListMarker?
        repeat {
            let page = try await store.listBlobs(query, after: marker)
            for item in page.items {
                if case .prefix(let prefix, _) = item, items.contains(where: { $0.isPrefix(prefix) }) { continue }
                items.append(item)
            }
            marker = page.next
        } while marker != nil
        return items
    }

    func names(prefix: String = "", delimiter: String? = nil, pageSize: Int? = nil) async throws -> [String] {
        let query = BlobQuery(container: container, prefix: prefix, delimiter: delimiter, pageSize: pageSize)
        return try await list(query).map(\.name)
    }
}

extension ListedItem {
    func isPrefix(_ prefix: String) -> Bool {
        guard case .prefix(let own, _) = self else { return false }
        return own.utf8.elementsEqual(prefix.utf8)
    }

    var properties: BlobProperties? {
        guard case .blob(_, let properties) = self else { return nil }
        return properties
    }
}

/// Memory that outlives a read.
final class ReadBuffer: Sendable {
    nonisolated(unsafe) let start: UnsafeMutableRawPointer
    let byteCount: Int

    init(byteCount: Int) {
        self.byteCount = byteCount
        start = UnsafeMutableRawPointer.allocate(byteCount: max(1, byteCount), alignment: 16)
        start.initializeMemory(as: UInt8.self, repeating: 0xEE, count: byteCount)
    }

    deinit { start.deallocate() }

    func bytes(_ count: Int) -> [UInt8] { Array(UnsafeRawBufferPointer(start: start, count: min(count, byteCount))) }
}

/// Expects a failure of one of these kinds.
func expectFailure<Value>(
    _ kinds: StorageError.Kind...,
    sourceLocation: SourceLocation = #_sourceLocation,
    from operation: () async throws -> Value
) async {
    do {
        let value = try await operation()
        Issue.record("expected \(kinds), got \(value)", sourceLocation: sourceLocation)
    } catch let error as StorageError {
        #expect(kinds.contains(error.kind), "\(error)", sourceLocation: sourceLocation)
    } catch {
        Issue.record("expected a StorageError, got \(error)", sourceLocation: sourceLocation)
    }
}

/// Expects that all of these items are there; a store may keep items of its own beside them.
func expect(_ metadata: BlobMetadata, contains items: BlobMetadata, sourceLocation: SourceLocation = #_sourceLocation) {
    for item in items.items {
        #expect(metadata[item.name] == item.value, "\(item.name)", sourceLocation: sourceLocation)
    }
}
