import BlobStorage
import TestSupport
import Testing

@testable import BlobWriting

/// What a commit does when others get in its way.
@Suite(.timeLimit(.minutes(5)))
struct CommitTests {
    let fixture: WritingFixture
    var store: MemoryStore { fixture.store }

    init() throws { fixture = try WritingFixture() }

    // MARK: Writers and other commits

    @Test func `Writes wait while a commit runs, and are not part of it`() async throws {
        let file = try fixture.makeFile()
        _ = try file.write(pattern(3000), at: 0)
        store.hold(.putBlockList)
        async let commit = file.commit()
        await store.waitUntilHeld(.putBlockList)
        #expect(try file.write([9], at: 0) == .busy)
        #expect(try file.truncate(to: 0) == .busy)
        #expect(try file.zero(0..<10, extends: false) == .busy)
        async let waited: Void = file.waitUntilWritable()
        store.release(.putBlockList)
        _ = try await commit
        await waited
        #expect(fixture.stored == pattern(3000))
        #expect(try file.write([9], at: 0) == .done)
        #expect(file.isDirty)
    }

    @Test func `Somebody who waits to write can go away`() async throws {
        let file = try fixture.makeFile()
        _ = try file.write(pattern(3000), at: 0)
        store.hold(.putBlockList)
        async let commit = file.commit()
        await store.waitUntilHeld(.putBlockList)
        let writer = Task { await file.waitUntilWritable() }
        writer.cancel()
        await writer.value
        store.release(.putBlockList)
        _ = try await commit
    }

    @Test func `Commits that come while one runs share it`() async throws {
        let file = try fixture.makeFile()
        _ = try file.write(pattern(3000), at: 0)
        store.hold(.putBlockList)
        async let first = file.commit(.absent)
        await store.waitUntilHeld(.putBlockList)
        async let second = file.commit(.absent)
        async let third = file.commit(.absent)
        store.release(.putBlockList)
        let versions = Set([try await first.version, try await second.version, try await third.version])
        #expect(versions.count == 1)
        #expect(store.count(of: .putBlockList) == 1)
    }

    @Test func `A commit for other headers follows, on the version that the first made`() async throws {
        let file = try fixture.makeFile()
        _ = try file.write(pattern(3000), at: 0)
        store.hold(.putBlockList)
        async let first = file.commit(.absent)
        await store.waitUntilHeld(.putBlockList)
        async let second = file.commit(headers: BlobHeaders(contentType: "text/plain"), condition: .absent)
        store.release(.putBlockList)
        _ = try await (first, second)
        #expect(store.count(of: .putBlockList) == 2)
        #expect(store.storedProperties(of: fixture.blob)?.contentType == "text/plain")
    }

    @Test func `A commit whose caller goes away ends, and the next one succeeds`() async throws {
        let file = try fixture.makeFile()
        _ = try file.write(pattern(3000), at: 0)
        store.hold(.putBlockList)
        let caller = Task { try await file.commit() }
        await store.waitUntilHeld(.putBlockList)
        caller.cancel()
        await #expect(throws: CommitError.self) { try await caller.value }
        store.release(.putBlockList)
        try await file.commit()
        #expect(fixture.stored == pattern(3000))
    }

    @Test func `A caller that goes away does not take the others' commit along`() async throws {
        let file = try fixture.makeFile()
        _ = try file.write(pattern(3000), at: 0)
        store.hold(.putBlockList)
        let first = Task { try await file.commit() }
        await store.waitUntilHeld(.putBlockList)
        let second = Task { try await file.commit() }
        first.cancel()
        await #expect(throws: CommitError.self) { try await first.value }
        store.release(.putBlockList)
        _ = try await second.value
        #expect(fixture.stored == pattern(3000))
    }

    @Test func `A block that is rewritten on its way is sent again`() async throws {
        let file = try fixture.makeFile()
        store.hold(.putBlock)
        _ = try file.write(pattern(4096), at: 0)
        await store.waitUntilHeld(.putBlock, count: 4)
        _ = try file.write([1, 2, 3], at: 1022)
        store.release(.putBlock)
        try await file.commit()
        var expected = pattern(4096)
        expected.replaceSubrange(1022..<1025, with: [1, 2, 3])
        #expect(fixture.stored == expected)
        #expect(store.count(of: .putBlock) == 6)
    }

    // MARK: Conditions and other writers

    @Test func `A blob that somebody made meanwhile is not replaced`() async throws {
        for size in [10, 5000] {
            let file = try fixture.makeFile()
            _ = try file.write(pattern(size), at: 0)
            store.add(fixture.blob, [1])
            let error = await #expect(throws: CommitError.self) { try await file.commit(.absent) }
            guard case .storage(let cause) = error else { return #expect(Bool(false), "\(String(describing: error))") }
            #expect(cause.kind == .alreadyExists)
            #expect(fixture.stored == [1])
            #expect(file.isDirty && file.lastError != nil)
        }
    }

    @Test func `The last of two writers wins as a whole although the other's commit dropped its blocks`() async throws {
        let (one, two) = (try fixture.makeFile(), try fixture.makeFile())
        _ = try one.write(pattern(5000, 1), at: 0)
        _ = try two.write(pattern(7000, 2), at: 0)
        try await one.commit()
        try await two.commit()
        #expect(fixture.stored == pattern(7000, 2))
        _ = try one.write([5], at: 4999)
        try await one.commit()
        #expect(fixture.stored == pattern(4999, 1) + [5])
    }

    @Test func `Committed blocks that another writer replaced are sent again`() async throws {
        let file = try fixture.makeFile()
        _ = try file.write(pattern(5000), at: 0)
        try await file.commit()
        store.add(fixture.blob, [1])
        _ = try file.write([9], at: 0)
        try await file.commit()
        #expect(fixture.stored == [9] + pattern(5000).dropFirst())
    }

    @Test(arguments: [false, true])
    func `Leftovers of another program do not keep a file out`(isCommitted: Bool) async throws {
        if isCommitted {
            try await store.putBlock(BlockID(base64: "AAAA"), of: fixture.blob, UploadBody([1]))
            _ = try await store.putBlockList(
                [.latest(BlockID(base64: "AAAA"))],
                of: fixture.blob,
                headers: BlobHeaders(),
                condition: .any
            )
        }
        try await store.putBlock(BlockID(base64: "AAAB"), of: fixture.blob, UploadBody([1]))
        let file = try fixture.makeFile()
        for index in 0..<5 { _ = try file.write(pattern(1024, index * 1024), at: index * 1024) }
        try await file.commit()
        #expect(fixture.stored == (0..<5).flatMap { pattern(1024, $0 * 1024) })
        #expect(store.uncommittedBlockCount(of: fixture.blob) == 0)
    }

    @Test(arguments: [false, true])
    func `Leftovers are cleared without harm to the blob`(isCommitted: Bool) async throws {
        let own = BlockID(base64: "AAAAAAAA")
        if isCommitted {
            try await store.putBlock(own, of: fixture.blob, UploadBody([1, 2, 3]))
            _ = try await store.putBlockList(
                [.latest(own)],
                of: fixture.blob,
                headers: BlobHeaders(contentType: "text/plain", metadata: ["a": "b"]),
                condition: .any
            )
        }
        try await store.putBlock(BlockID(base64: "AAAAAAAB"), of: fixture.blob, UploadBody([1]))
        let file = try fixture.makeFile()
        let old = store.storedProperties(of: fixture.blob)
        let condition = try await file.clearLeftovers(
            of: fixture.blob,
            old.map { .matches($0.version.etag) } ?? .absent
        )
        #expect(store.uncommittedBlockCount(of: fixture.blob) == 0)
        let new = store.storedProperties(of: fixture.blob)
        #expect(new?.contentType == old?.contentType)
        #expect(new?.metadata == old?.metadata)
        #expect(fixture.stored == (isCommitted ? [1, 2, 3] : nil))
        #expect(condition == (new.map { .matches($0.version.etag) } ?? .absent))
    }

    @Test func `A blob of one piece is never emptied to clear leftovers`() async throws {
        store.add(fixture.blob, [1, 2, 3])
        try await store.putBlock(BlockID(base64: "AAAA"), of: fixture.blob, UploadBody([1]))
        let file = try fixture.makeFile()
        await #expect(throws: CommitError.self) { try await file.clearLeftovers(of: fixture.blob, .any) }
        #expect(fixture.stored == [1, 2, 3])
    }

    // MARK: Faults

    @Test func `A failed background block fails no write and no commit`() async throws {
        store.fail(call: 2, of: .putBlock, error: .test(.unavailable, .persistent))
        let file = try fixture.makeFile()
        for index in 0..<20 { _ = try file.write(pattern(512, index * 512), at: index * 512) }
        try await file.commit()
        #expect(fixture.stored == (0..<20).flatMap { pattern(512, $0 * 512) })
        #expect(file.lastError == nil)
        #expect(fixture.scheduler.statistics.failures.map(\.isCommit) == [false])
    }

    @Test func `A store that refuses for good is asked once, and again at the commit`() async throws {
        let fixture = try WritingFixture { $0.stagesInFlightMax = 1 }
        fixture.store.failNext(.putBlock, count: .max, error: .test(.denied))
        let file = try fixture.makeFile()
        for index in 0..<50 {
            _ = try file.write(pattern(1024), at: index * 1024)
            while fixture.scheduler.statistics.stagesInFlight > 0 { await Task.yield() }
            if index == 1 { while file.lastError == nil { await Task.yield() } }
        }
        #expect(fixture.store.count(of: .putBlock) == 1)
        let error = await #expect(throws: CommitError.self) { try await file.commit() }
        guard case .storage(let cause) = error else { return #expect(Bool(false), "\(String(describing: error))") }
        #expect(cause.kind == .denied)
        fixture.store.removeFaults()
        try await file.commit()
        #expect(fixture.stored?.count == 50 << 10)
    }

    /// For n = 1, 2, 3 … the n-th request fails, before or after it took effect, until the story passes unharmed. What
    /// a commit reports is what the store holds, and the next commit makes everything good.
    @Test(arguments: [false, true])
    func `Whichever request fails, commits tell the truth and can be repeated`(takesEffect: Bool) async throws {
        let base = pattern(3000, 77)
        for n in 1...200 {
            let fixture = try WritingFixture()
            let store = fixture.store
            store.add(fixture.blob, base)
            let file = try fixture.makeFile(base: store.storedProperties(of: fixture.blob))
            store.fail(call: n, error: .test(.unavailable, .persistent), takesEffect: takesEffect)
            var (model, committed) = (base, base)
            var failureCount = 0
            for round in 0..<3 {
                for start in stride(from: model.count, to: model.count + 4000, by: 900) {
                    _ = try file.write(pattern(900, round), at: start)
                    model += pattern(900, round)
                }
                _ = try file.write([1, 2, 3], at: 100 + round)
                model.replaceSubrange(100 + round..<103 + round, with: [1, 2, 3])
                do {
                    try await file.commit()
                    committed = model
                } catch {
                    failureCount += 1
                    #expect(file.isDirty)
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
