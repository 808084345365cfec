import BlobStorage
import Checksums
import Synchronization
import TestSupport
import Testing

@testable import BlobWriting

/// What travels when a little of a large blob is changed. Blocks of 1 KiB; the store copies from 300 bytes on.
@Suite(.timeLimit(.minutes(2)))
struct EditTests {
    let fixture: WritingFixture
    var store: MemoryStore { fixture.store }

    init() throws { fixture = try WritingFixture() }

    /// A blob of so many blocks of 2,000 bytes, as another program cuts them.
    private func addBlocks(_ count: Int, byteCount: Int = 2000, idByteCount: Int = 24) -> [UInt8] {
        let blocks = (0..<count).map { number in
            WritingFixture.block(number, idByteCount: idByteCount, pattern(byteCount, number))
        }
        store.add(fixture.blob, blocks: blocks)
        return blocks.flatMap(\.bytes)
    }

    private func edit() throws -> DirtyFile {
        try fixture.makeFile(base: store.storedProperties(of: fixture.blob))
    }

    // MARK: What is kept, copied, fetched

    /// §3.11
    @Test(arguments: [8, 12, 20, 24, 48, 64])
    func `An append to blocks of another program sends what was appended`(idByteCount: Int) async throws {
        let old = addBlocks(50, idByteCount: idByteCount)
        let file = try edit()
        _ = try file.write(pattern(100), at: old.count)
        try await file.commit()
        #expect(fixture.stored == old + pattern(100))
        #expect(store.byteCountMoved == 100)
        #expect(store.counts == [.blockList: 1, .putBlock: 1, .putBlockList: 1])
        #expect(Set(store.committedBlockIDs(of: fixture.blob).map { $0.base64.utf8.count }).count == 1)
    }

    @Test func `An append to a blob of one piece sends what was appended`() async throws {
        let old = pattern(100_000)
        store.add(fixture.blob, old)
        let file = try edit()
        _ = try file.write(pattern(100), at: old.count)
        try await file.commit()
        #expect(fixture.stored == old + pattern(100))
        #expect(store.byteCountMoved == 100)
        #expect(store.counts == [.blockList: 1, .putBlockFromBlob: 1, .putBlock: 1, .putBlockList: 1])
        store.resetCounts()
        _ = try file.write(pattern(50), at: old.count + 100)
        try await file.commit()
        #expect(fixture.stored == old + pattern(100) + pattern(50))
        #expect(store.counts == [.putBlock: 1, .putBlockList: 1], "the blocks are known by now")
        #expect(store.byteCountMoved == 150)
    }

    @Test func `A byte in the middle moves itself; the rest of its block is copied by the store`() async throws {
        var old = addBlocks(20)
        let file = try edit()
        _ = try file.write([7], at: 9000)
        try await file.commit()
        old[9000] = 7
        #expect(fixture.stored == old)
        #expect(store.counts == [.blockList: 1, .putBlockFromBlob: 2, .putBlock: 1, .putBlockList: 1])
        #expect(store.byteCountMoved == 1)
        #expect(store.committedBlockIDs(of: fixture.blob).count == 22)
    }

    @Test func `The same bytes under a new version may be other blocks under the same ids`() async throws {
        var old = addBlocks(20)
        let file = try edit()
        _ = try file.write([7], at: 9000)
        // None of it is staged: what is, goes with the version, and the store would refuse the list.
        store.failNext(.putBlock, count: .max, error: .test(.conditionFailed))
        store.failNext(.putBlockFromBlob, count: .max, error: .test(.conditionFailed))
        await #expect(throws: CommitError.self) { try await file.commit() }
        store.removeFaults()
        // As a tool does that counts its blocks and cuts them shorter this time.
        let blocks = (0..<40).map { WritingFixture.block($0, Array(old[$0 * 1000..<($0 + 1) * 1000])) }
        let version = store.add(fixture.blob, blocks: blocks)
        file.move(to: fixture.blob, version: version)
        try await file.commit(.matches(version.etag))
        old[9000] = 7
        #expect(fixture.stored == old)
    }

    @Test func `A short rest of a block is fetched and sent with what was changed`() async throws {
        var old = addBlocks(20)
        let file = try edit()
        _ = try file.write([7], at: 8100)
        try await file.commit()
        old[8100] = 7
        #expect(fixture.stored == old)
        #expect(store.counts == [.blockList: 1, .read: 1, .putBlockFromBlob: 1, .putBlock: 1, .putBlockList: 1])
        #expect(store.byteCountMoved == 100 + 101)
    }

    @Test func `A truncation moves nothing, and what follows is a block of its own`() async throws {
        let old = addBlocks(20)
        let file = try edit()
        _ = try file.truncate(to: 20_000)
        try await file.commit()
        #expect(fixture.stored == Array(old[..<20_000]))
        #expect(store.byteCountMoved == 0)
        _ = try file.truncate(to: 10_700)
        try await file.commit()
        #expect(fixture.stored == Array(old[..<10_700]))
        #expect(store.byteCountMoved == 0)
    }

    @Test func `A hole in the middle is one short block of zeros`() async throws {
        var old = addBlocks(50)
        let file = try edit()
        _ = try file.zero(10_000..<90_000, extends: false)
        try await file.commit()
        old.replaceSubrange(10_000..<90_000, with: [UInt8](repeating: 0, count: 80_000))
        #expect(fixture.stored == old)
        #expect(store.byteCountMoved < 10_000)
    }

    @Test func `A hole at the end is one short block of zeros`() async throws {
        let old = addBlocks(5)
        let file = try edit()
        _ = try file.truncate(to: 1_000_000)
        _ = try file.write([9], at: 1_000_000)
        try await file.commit()
        #expect(fixture.stored == old + [UInt8](repeating: 0, count: 990_000) + [9])
        #expect(store.byteCountMoved < 2000)
        #expect(store.committedBlockIDs(of: fixture.blob).count <= 4200)
    }

    @Test func `A new file's holes are one block of zeros`() async throws {
        let file = try fixture.makeFile()
        _ = try file.write(pattern(100), at: 0)
        _ = try file.write(pattern(100), at: 700_000)
        _ = try file.write(pattern(100), at: 1_400_000)
        try await file.commit()
        #expect(fixture.stored?.count == 1_400_100)
        var expected = try file.content()
        #expect(fixture.stored == expected)
        #expect(store.byteCountMoved < 3000)
        // The zeros give way one by one.
        _ = try file.write(pattern(5000, 5), at: 300_000)
        try await file.commit()
        expected.replaceSubrange(300_000..<305_000, with: pattern(5000, 5))
        #expect(fixture.stored == expected)
    }

    @Test func `A small file, and one of which little is missing, is sent whole`() async throws {
        store.add(fixture.blob, pattern(900))
        let small = try edit()
        _ = try small.write([1], at: 0)
        try await small.commit()
        #expect(store.counts == [.read: 1, .putBlob: 1])
        store.add(fixture.blob, pattern(2000))
        store.resetCounts()
        let almost = try edit()
        _ = try almost.write(pattern(1900, 4), at: 0)
        try await almost.commit()
        #expect(store.count(of: .read) == 1 && store.count(of: .putBlockFromBlob) == 0)
        #expect(fixture.stored == pattern(1900, 4) + pattern(2000)[1900...])
    }

    @Test func `An old MD5 does not outlive an edit`() async throws {
        let old = pattern(50_000)
        store.add(fixture.blob, old) { $0.contentMD5 = Base64.encode(md5(old)) }
        let file = try edit()
        _ = try file.write([1], at: old.count)
        let committed = try await file.commit()
        #expect(committed.contentMD5 == nil)
        #expect(store.storedProperties(of: fixture.blob)?.contentMD5 == nil)
    }

    @Test func `Ids too short for ours make it one whole Put Blob`() async throws {
        let old = addBlocks(10, idByteCount: 3)
        let file = try edit()
        _ = try file.write([1], at: old.count)
        try await file.commit()
        #expect(fixture.stored == old + [1])
        #expect(store.count(of: .putBlob) == 1)
    }

    @Test func `A store that does not copy ranges gets what it has to be sent`() async throws {
        let old = pattern(20_000)
        store.add(fixture.blob, old)
        let refusal = StorageError(
            .unexpected,
            .permanent,
            operation: "Put Block From URL",
            resource: "",
            message: "",
            status: 501,
            code: "APINotImplemented"
        )
        store.failNext(.putBlockFromBlob, count: .max, error: refusal)
        let file = try edit()
        _ = try file.write([1], at: old.count)
        try await file.commit()
        #expect(fixture.stored == old + [1])
    }

    // MARK: Many blocks

    @Test func `Lines appended one by one do not pile up`() async throws {
        let fixture = try WritingFixture { $0.copyMin = 1 }
        let store = fixture.store
        var model = pattern(5000)
        store.add(fixture.blob, model)
        for index in 0..<300 {
            let file = try fixture.makeFile(base: store.storedProperties(of: fixture.blob))
            _ = try file.write(pattern(10, index), at: model.count)
            model += pattern(10, index)
            try await file.commit()
            file.discard()
            #expect(store.committedBlockIDs(of: fixture.blob).count < 140)
        }
        #expect(fixture.stored == model)
        #expect(store.byteCountMoved == 3000)
    }

    @Test func `A list that is full is joined by the store`() async throws {
        let fixture = try WritingFixture { ($0.copyMin, $0.blockSize) = (1, 8) }
        let store = fixture.store
        let blocks = (0..<50_000).map { WritingFixture.block($0, pattern(2, $0)) }
        store.add(fixture.blob, blocks: blocks)
        let old = blocks.flatMap(\.bytes)
        let file = try fixture.makeFile(base: store.storedProperties(of: fixture.blob))
        _ = try file.write([1, 2, 3], at: old.count)
        try await file.commit()
        #expect(fixture.stored == old + [1, 2, 3])
        #expect(store.byteCountMoved == 3)
        #expect(store.count(of: .putBlockFromBlob) == 1)
        #expect(store.committedBlockIDs(of: fixture.blob).count <= 49_010)
    }

    @Test func `A hundred thousand leftovers are cleared away first`() async throws {
        let fixture = try WritingFixture { $0.copyMin = 1 }
        let store = fixture.store
        let old = (0..<3).map { WritingFixture.block($0, pattern(2000, $0)) }
        store.add(fixture.blob, blocks: old)
        for number in 0..<100_000 {
            store.addLeftover(WritingFixture.block(number + 10, [1]).id, of: fixture.blob)
        }
        let file = try fixture.makeFile(base: store.storedProperties(of: fixture.blob))
        _ = try file.write([1, 2, 3], at: 6000)
        try await file.commit()
        #expect(fixture.stored == old.flatMap(\.bytes) + [1, 2, 3])
        #expect(store.uncommittedBlockCount(of: fixture.blob) == 0)
        #expect(store.byteCountMoved <= 6)
    }

    // MARK: Others, and lost answers

    @Test(arguments: [true, false])
    func `An edit of a version that somebody replaced fails and keeps the bytes`(isEarly: Bool) async throws {
        let old = addBlocks(10)
        let file = try edit()
        _ = try file.write([1], at: old.count)
        store.hold(isEarly ? .blockList : .putBlockList)
        async let commit = file.commit()
        await store.waitUntilHeld(isEarly ? .blockList : .putBlockList)
        store.add(fixture.blob, pattern(30_000))
        store.release(isEarly ? .blockList : .putBlockList)
        do {
            _ = try await commit
            Issue.record("the other's version is gone")
        } catch {
            guard case .storage(let cause) = error as? CommitError else { throw error }
            #expect(cause.kind == .conditionFailed)
        }
        #expect(fixture.stored == pattern(30_000))
        #expect(file.isDirty && file.segments(of: 20_000..<20_001) == [.local(20_000..<20_001)])
    }

    @Test func `An edit whose answer was lost is the base of the next`() async throws {
        let old = addBlocks(10)
        let file = try edit()
        _ = try file.write([1, 2], at: old.count)
        store.failNext(.putBlockList, error: .test(.unavailable, .persistent), takesEffect: true)
        await #expect(throws: CommitError.self) { try await file.commit() }
        _ = try file.write([9], at: 4500)
        let etag = try #require(file.state.withLock { $0.base?.version.etag })
        try await file.commit(.matches(etag))
        var expected = old + [1, 2]
        expected[4500] = 9
        #expect(fixture.stored == expected)
    }

    @Test func `A truncation whose answer was lost is known as ours`() async throws {
        let old = addBlocks(10)
        let file = try edit()
        _ = try file.truncate(to: 10_000)
        store.failNext(.putBlockList, error: .test(.unavailable, .persistent), takesEffect: true)
        await #expect(throws: CommitError.self) { try await file.commit() }
        try await file.commit()
        #expect(fixture.stored == Array(old[..<10_000]))
    }

    /// As where the blob's metadata have no room for a mark, and the second attempt at the commit is refused.
    @Test func `An edit that is refused because it landed is done`() async throws {
        let old = addBlocks(10)
        let file = try edit()
        _ = try file.write([1, 2], at: old.count)
        store.failNext(.putBlockList, error: .test(.conditionFailed), takesEffect: true)
        let committed = try await file.commit()
        #expect(fixture.stored == old + [1, 2])
        #expect(store.storedProperties(of: fixture.blob)?.version == committed.version)
        #expect(store.counts[.putBlockList] == 1)
        _ = try file.write([3], at: 5)
        try await file.commit()
        #expect(fixture.stored?[5] == 3)
    }

    @Test func `Somebody's edit of an edit without an answer is not taken for ours`() async throws {
        let old = addBlocks(10)
        let file = try edit()
        _ = try file.write([1, 2], at: old.count)
        store.failNext(.putBlockList, error: .test(.unavailable, .persistent), takesEffect: true)
        await #expect(throws: CommitError.self) { try await file.commit() }
        let other = try edit()
        _ = try other.write([5], at: 4500)
        try await other.commit()
        let theirs = fixture.stored
        let error = await #expect(throws: CommitError.self) { try await file.commit() }
        guard case .storage(let cause) = error else { return #expect(Bool(false), "\(String(describing: error))") }
        #expect(cause.kind == .conditionFailed)
        #expect(fixture.stored == theirs)
    }

    /// For n = 1, 2, 3 … the n-th request fails, before or after it took effect.
    @Test(arguments: [false, true])
    func `Whichever request fails, an edit tells the truth and can be repeated`(takesEffect: Bool) async throws {
        for n in 1...200 {
            let fixture = try WritingFixture()
            let store = fixture.store
            let blocks = (0..<6).map { WritingFixture.block($0, pattern(2000, $0)) }
            store.add(fixture.blob, blocks: blocks)
            let base = blocks.flatMap(\.bytes)
            let file = try fixture.makeFile(base: store.storedProperties(of: fixture.blob))
            store.fail(call: n, error: .test(.unavailable, .persistent), takesEffect: takesEffect)
            var (model, committed, failureCount) = (base, base, 0)
            for round in 0..<3 {
                let edits = [(100 + round * 3000, pattern(20, round)), (model.count, pattern(700, round))]
                for (offset, bytes) in edits {
                    _ = try file.write(bytes, at: offset)
                    model += [UInt8](repeating: 0, count: max(0, offset + bytes.count - model.count))
                    model.replaceSubrange(offset..<offset + bytes.count, with: bytes)
                }
                do {
                    try await file.commit()
                    committed = model
                } catch {
                    failureCount += 1
                    let stored = fixture.stored
                    #expect(stored == committed || takesEffect && stored == model, "n = \(n), round \(round)")
                    committed = stored ?? []
                }
                #expect(try file.content(base: base) == model)
            }
            try await file.commit()
            #expect(fixture.stored == model, "n = \(n)")
            #expect(store.uncommittedBlockCount(of: fixture.blob) == 0)
            if failureCount == 0, store.counts.values.reduce(0, +) < n { return }
        }
        #expect(Bool(false), "the story never passed")
    }
}
