import BlobStorage
import Checksums
import TestSupport
import Testing

@testable import BlobWriting

/// Files that begin as a copy of another blob.
@Suite(.timeLimit(.minutes(1)))
struct CopyTests {
    let fixture: WritingFixture
    let source = BlobAddress(container: "c", name: "source")
    var store: MemoryStore { fixture.store }

    init() throws { fixture = try WritingFixture() }

    private func addSource(_ bytes: [UInt8]) throws -> BlobProperties {
        store.add(source, bytes) { $0.contentMD5 = Base64.encode(md5(bytes)) }
        return try #require(store.storedProperties(of: source))
    }

    @Test func `A copy moves no byte through here, and has the MD5 of its source`() async throws {
        let bytes = pattern(20_000)
        let version = try addSource(bytes)
        let file = try fixture.makeFile()
        #expect(try file.copy(0..<12_000, of: source, version) == .done)
        #expect(try file.copy(12_000..<20_000, of: source, version) == .done)
        #expect(file.isCopy && file.size == 20_000 && file.hasChanged)
        #expect(file.segments(of: 0..<20_000) == [.base(0..<20_000)])
        let committed = try await file.commit(.absent)
        #expect(fixture.stored == bytes)
        #expect(store.byteCountMoved == 0)
        #expect(committed.contentMD5 == version.contentMD5)
        #expect(!file.isCopy)
    }

    @Test func `A copy that is changed is the source and the change`() async throws {
        var bytes = pattern(20_000)
        let file = try fixture.makeFile()
        _ = try file.copy(0..<20_000, of: source, try addSource(bytes))
        _ = try file.write([1, 2, 3], at: 5000)
        _ = try file.write([4], at: 20_000)
        let committed = try await file.commit()
        bytes.replaceSubrange(5000..<5003, with: [1, 2, 3])
        #expect(fixture.stored == bytes + [4])
        #expect(store.byteCountMoved == 4)
        #expect(committed.contentMD5 == nil)
        // From now on it is an edit of itself: the source does not matter any more.
        store.remove(source)
        _ = try file.write([5], at: 0)
        try await file.commit()
        bytes[0] = 5
        #expect(fixture.stored == bytes + [4])
    }

    @Test func `A beginning of the source is copied as far as it was asked for`() async throws {
        let bytes = pattern(20_000)
        let file = try fixture.makeFile()
        _ = try file.copy(0..<7000, of: source, try addSource(bytes))
        try await file.commit()
        #expect(fixture.stored == Array(bytes[..<7000]))
        #expect(store.storedProperties(of: fixture.blob)?.contentMD5 == nil)
    }

    @Test func `What is no plain copy has to be written`() async throws {
        let version = try addSource(pattern(20_000))
        let written = try fixture.makeFile()
        _ = try written.write([1], at: 0)
        #expect(try written.copy(0..<20_000, of: source, version) == nil)
        let shifted = try fixture.makeFile()
        #expect(try shifted.copy(1000..<20_000, of: source, version) == nil)
        #expect(try shifted.copy(0..<200, of: source, version) == nil, "too little to be worth it")
        #expect(try shifted.copy(0..<5000, of: source, version) == .done)
        let other = try addSource(pattern(30_000))
        #expect(try shifted.copy(5000..<20_000, of: source, other) == nil, "another version by now")
        #expect(!written.isCopy)
    }

    @Test func `A source that is replaced before the copy is closed fails it`() async throws {
        let file = try fixture.makeFile()
        _ = try file.copy(0..<20_000, of: source, try addSource(pattern(20_000)))
        _ = try addSource(pattern(10))
        let error = await #expect(throws: CommitError.self) { try await file.commit() }
        guard case .storage(let cause) = error else { return #expect(Bool(false), "\(String(describing: error))") }
        #expect(cause.kind == .conditionFailed)
        #expect(fixture.stored == nil)
    }

    @Test func `A copy over a blob of another program takes that blob's ids`() async throws {
        let bytes = pattern(20_000)
        store.add(fixture.blob, blocks: (0..<3).map { WritingFixture.block($0, idByteCount: 48, [1]) })
        let file = try fixture.makeFile()
        _ = try file.copy(0..<20_000, of: source, try addSource(bytes))
        try await file.commit()
        #expect(fixture.stored == bytes)
        #expect(store.byteCountMoved == 0)
    }

    @Test func `A copy that was renamed before it was closed goes to its new name`() async throws {
        let bytes = pattern(20_000)
        let file = try fixture.makeFile()
        _ = try file.copy(0..<20_000, of: source, try addSource(bytes))
        let new = BlobAddress(container: "c", name: "new")
        file.move(to: new, known: .absent)
        try await file.commit()
        #expect(store.bytes(of: new) == bytes)
        #expect(fixture.stored == nil)
    }
}
