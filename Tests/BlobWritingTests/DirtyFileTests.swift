import BlobStorage
import Checksums
import TestSupport
import Testing

@testable import BlobWriting

@Suite(.timeLimit(.minutes(5)))
struct DirtyFileTests {
    let fixture: WritingFixture
    var store: MemoryStore { fixture.store }

    init() throws { fixture = try WritingFixture() }

    // MARK: What is sent

    @Test func `A small file is one Put Blob, and nothing is sent before`() async throws {
        let file = try fixture.makeFile()
        #expect(file.isDirty && !file.hasChanged)
        #expect(try file.write(pattern(100), at: 0) == .done)
        #expect(store.counts.isEmpty)
        let committed = try await file.commit()
        #expect(store.counts == [.putBlob: 1])
        #expect(fixture.stored == pattern(100))
        #expect(committed.size == 100)
        #expect(committed.version == store.storedProperties(of: fixture.blob)?.version)
        #expect(!file.isDirty)
    }

    @Test func `A new file without a byte is an empty blob`() async throws {
        let file = try fixture.makeFile()
        try await file.commit()
        #expect(fixture.stored == [])
    }

    /// §3.2
    @Test func `A long file is staged while it is written and committed by one list`() async throws {
        let file = try fixture.makeFile()
        store.hold(.putBlock)
        for index in 0..<10 { _ = try file.write(pattern(700, index * 700), at: index * 700) }
        await store.waitUntilHeld(.putBlock, count: 6)
        store.release(.putBlock)
        try await file.commit()
        #expect(fixture.stored == (0..<10).flatMap { pattern(700, $0 * 700) })
        #expect(store.counts == [.putBlock: 7, .putBlockList: 1])
        #expect(store.uncommittedBlockCount(of: fixture.blob) == 0)
    }

    @Test func `A second commit without a change sends nothing`() async throws {
        let file = try fixture.makeFile()
        _ = try file.write(pattern(5000), at: 0)
        let first = try await file.commit()
        store.resetCounts()
        let second = try await file.commit()
        #expect(first == second)
        #expect(store.counts.isEmpty)
    }

    @Test func `Other headers are a commit without blocks`() async throws {
        let file = try fixture.makeFile()
        _ = try file.write(pattern(5000), at: 0)
        let first = try await file.commit()
        store.resetCounts()
        let headers = BlobHeaders(contentType: "text/plain", metadata: ["a": "b"])
        _ = try await file.commit(headers: headers, condition: .matches(first.version.etag))
        #expect(store.counts == [.putBlockList: 1])
        #expect(store.storedProperties(of: fixture.blob)?.contentType == "text/plain")
        #expect(store.storedProperties(of: fixture.blob)?.contentMD5 == Base64.encode(md5(pattern(5000))))
        #expect(fixture.stored == pattern(5000))
    }

    @Test func `A changed byte behind a commit moves one block`() async throws {
        let file = try fixture.makeFile()
        _ = try file.write(pattern(5000), at: 0)
        try await file.commit()
        store.resetCounts()
        _ = try file.write([1], at: 2000)
        try await file.commit()
        #expect(store.counts == [.putBlock: 1, .putBlockList: 1])
        var expected = pattern(5000)
        expected[2000] = 1
        #expect(fixture.stored == expected)
    }

    // MARK: What is stored beside the bytes

    @Test(arguments: [0, 1, 1024, 1025, 5000, 40_000])
    func `The MD5 of a sequentially written file is stored`(size: Int) async throws {
        let file = try fixture.makeFile()
        let bytes = pattern(size)
        for start in stride(from: 0, to: size, by: 333) {
            _ = try file.write(Array(bytes[start..<min(size, start + 333)]), at: start)
        }
        let headers = BlobHeaders(contentType: "image/png", contentMD5: "stale", metadata: ["mode": "0644"])
        let committed = try await file.commit(headers: headers, condition: .absent)
        let properties = try #require(store.storedProperties(of: fixture.blob))
        #expect(fixture.stored == bytes)
        #expect(committed.contentMD5 == Base64.encode(md5(bytes)))
        #expect(properties.contentMD5 == committed.contentMD5)
        #expect(properties.contentType == "image/png")
        #expect(properties.metadata["mode"] == "0644")
    }

    @Test func `The MD5 of a long file that was not written in order is not stored`() async throws {
        let file = try fixture.makeFile()
        _ = try file.write(pattern(40_000), at: 200_000)
        _ = try file.write(pattern(40_000), at: 0)
        _ = try await file.commit(headers: BlobHeaders(contentMD5: "stale"), condition: .any)
        #expect(store.storedProperties(of: fixture.blob)?.contentMD5 == nil)
        #expect(fixture.stored?.count == 240_000)
    }

    @Test(arguments: [UploadConfiguration.BodyCheck.crc64, .md5, .none])
    func `Every kind of body checksum is one that the store accepts`(check: UploadConfiguration.BodyCheck) async throws
    {
        let fixture = try WritingFixture { $0.checksum = check }
        for size in [10, 5000] {
            let file = try fixture.makeFile()
            _ = try file.write(pattern(size), at: 0)
            _ = try file.write([9], at: size / 2)
            try await file.commit()
            #expect(fixture.stored?.count == size)
        }
    }

    // MARK: The base version

    @Test func `What was not written comes from the base, in that version`() async throws {
        let old = pattern(5000)
        let version = store.add(fixture.blob, old)
        let base = try #require(store.storedProperties(of: fixture.blob))
        let file = try fixture.makeFile(base: base)
        #expect(!file.isDirty)
        #expect(file.size == 5000)
        _ = try file.write([1, 2, 3], at: 2500)
        #expect(file.segments(of: 0..<5000) == [.base(0..<2500), .local(2500..<2503), .base(2503..<5000)])
        var expected = old
        expected.replaceSubrange(2500..<2503, with: [1, 2, 3])
        #expect(try file.content(base: old) == expected)
        try await file.commit(.matches(version.etag))
        #expect(fixture.stored == expected)
        #expect(try file.content(base: old) == expected)
    }

    @Test func `A base that changed meanwhile fails the commit and keeps the bytes`() async throws {
        store.add(fixture.blob, pattern(5000))
        let file = try fixture.makeFile(base: store.storedProperties(of: fixture.blob))
        _ = try file.write([1], at: 10)
        store.add(fixture.blob, pattern(6000))
        let error = await #expect(throws: CommitError.self) { try await file.commit() }
        guard case .storage(let cause) = error else { return #expect(Bool(false), "\(String(describing: error))") }
        #expect(cause.kind == .conditionFailed)
        #expect(fixture.stored == pattern(6000))
        #expect(file.isDirty)
        #expect(file.segments(of: 10..<11) == [.local(10..<11)])
    }

    @Test func `Appending to a base keeps what is there`() async throws {
        store.add(fixture.blob, pattern(500))
        let file = try fixture.makeFile(base: store.storedProperties(of: fixture.blob))
        _ = try file.write([7, 7], at: 500)
        try await file.commit()
        #expect(fixture.stored == pattern(500) + [7, 7])
    }

    @Test func `A base that was not changed is not sent`() async throws {
        let version = store.add(fixture.blob, pattern(5000))
        let file = try fixture.makeFile(base: store.storedProperties(of: fixture.blob))
        #expect(try await file.commit().version == version)
        #expect(store.counts.isEmpty)
    }

    @Test func `A base that is cut to nothing is not fetched`() async throws {
        store.add(fixture.blob, pattern(5000))
        let file = try fixture.makeFile(base: store.storedProperties(of: fixture.blob))
        _ = try file.truncate(to: 0)
        _ = try file.write(pattern(10), at: 0)
        try await file.commit()
        #expect(fixture.stored == pattern(10))
        #expect(store.count(of: .read) == 0)
    }

    // MARK: Shapes

    @Test func `Holes read as zeros and are stored as zeros`() async throws {
        let file = try fixture.makeFile()
        _ = try file.truncate(to: 3000)
        _ = try file.write([5], at: 200_000)
        _ = try file.zero(199_000..<200_000, extends: false)
        _ = try file.zero(200_001..<200_100, extends: true)
        var expected = [UInt8](repeating: 0, count: 200_100)
        expected[200_000] = 5
        #expect(file.size == 200_100)
        #expect(try file.content() == expected)
        try await file.commit()
        #expect(fixture.stored == expected)
    }

    @Test func `What was cut off reads as zeros when the file grows again`() async throws {
        let file = try fixture.makeFile()
        _ = try file.write(pattern(5000), at: 0)
        _ = try file.truncate(to: 1500)
        _ = try file.truncate(to: 4000)
        let expected = pattern(1500) + [UInt8](repeating: 0, count: 2500)
        #expect(try file.content() == expected)
        try await file.commit()
        #expect(fixture.stored == expected)
    }

    /// §6.1
    @Test func `A file longer than any blob is EFBIG`() throws {
        let file = try fixture.makeFile()
        #expect(throws: (any Error).self) { try file.truncate(to: BlockLayout.fileSizeMax + 1) }
        #expect(throws: (any Error).self) { try file.write([1], at: Int(BlockLayout.fileSizeMax)) }
        #expect(throws: (any Error).self) { try file.write([1], at: Int.max) }
        #expect(file.size == 0)
    }

    // MARK: Names

    @Test func `A renamed file is committed under its new name only`() async throws {
        let file = try fixture.makeFile()
        _ = try file.write(pattern(5000), at: 0)
        let new = BlobAddress(container: "c", name: "new")
        file.move(to: new)
        let committed = try await file.commit()
        #expect(committed.blob == new)
        #expect(store.bytes(of: new) == pattern(5000))
        #expect(store.bytes(of: fixture.blob) == nil)
    }

    @Test func `A renamed file finds its base under the new name`() async throws {
        store.add(fixture.blob, pattern(5000))
        let file = try fixture.makeFile(base: store.storedProperties(of: fixture.blob))
        _ = try file.write([1], at: 0)
        let new = BlobAddress(container: "c", name: "new")
        let version = store.add(new, pattern(5000))
        store.remove(fixture.blob)
        file.move(to: new, version: version)
        try await file.commit(.matches(version.etag))
        #expect(store.bytes(of: new) == [1] + pattern(5000).dropFirst())
    }

    @Test func `A log that is committed again and again keeps its MD5 without being hashed again`() async throws {
        let file = try fixture.makeFile()
        var content: [UInt8] = []
        for index in 0..<30 {
            _ = try file.write(pattern(700, index), at: content.count)
            content += pattern(700, index)
            #expect(try await file.commit().contentMD5 == Base64.encode(md5(content)))
        }
        #expect(fixture.stored == content)
    }

    @Test func `A rename during a commit takes effect after it`() async throws {
        let file = try fixture.makeFile()
        _ = try file.write(pattern(5000), at: 0)
        store.hold(.putBlockList)
        async let first = file.commit()
        await store.waitUntilHeld(.putBlockList)
        let new = BlobAddress(container: "c", name: "new")
        file.move(to: new)
        store.release(.putBlockList)
        #expect(try await first.blob == fixture.blob)
        // The commit went to the old name: the new one does not have the bytes yet, and is owed them.
        #expect(file.isDirty)
        #expect(try await file.commit().blob == new)
        #expect(store.bytes(of: new) == pattern(5000))
    }

    @Test func `An unlinked file sends nothing and can still be used`() async throws {
        let file = try fixture.makeFile()
        file.stopUploading()
        _ = try file.write(pattern(50_000), at: 0)
        #expect(try file.content() == pattern(50_000))
        #expect(store.counts.isEmpty)
    }

    @Test func `A discarded file cancels its commit and takes no more bytes`() async throws {
        let file = try fixture.makeFile()
        _ = try file.write(pattern(5000), at: 0)
        store.hold(.putBlockList)
        let commit = Task { try await file.commit() }
        await store.waitUntilHeld(.putBlockList)
        file.discard()
        await #expect(throws: CommitError.self) { try await commit.value }
        #expect(throws: (any Error).self) { try file.write([1], at: 0) }
        await #expect(throws: CommitError.self) { try await file.commit() }
        #expect(fixture.stored == nil)
    }
}
