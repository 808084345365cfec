import BlobStorage
import TestSupport
import Testing

@testable import BlobWriting

/// What a commit of a log sends (§3.13).
@Suite(.timeLimit(.minutes(1)))
struct LogCommitTests {
    private let fixture: WritingFixture
    private var store: MemoryStore { fixture.store }

    init() throws { fixture = try WritingFixture { $0.appendBlockCountMax = 6 } }

    private func full(_ code: String = "BlockCountExceedsLimit") -> StorageError {
        var error = StorageError.test(.tooLarge)
        error.code = code
        return error
    }

    @Test func `each commit appends what was written since the last one, and nothing else`() async throws {
        let log = try fixture.makeLog()
        try await log.append("one\n")
        let first = try await log.commit()
        #expect(first.type == .append)
        #expect(first.creationTime != nil)
        #expect(fixture.storedText == "one\n")
        try await log.append("two\n")
        try await log.append("three\n")
        store.resetCounts()
        let second = try await log.commit()
        #expect(second.size == 14)
        #expect(fixture.storedText == "one\ntwo\nthree\n")
        #expect(store.counts == [.append: 1])
        #expect(store.storedProperties(of: fixture.blob)?.type == .append)
        #expect(!log.isDirty)
        _ = try await log.commit()
        #expect(store.counts == [.append: 1])
    }

    @Test func `an empty log is an empty append blob`() async throws {
        let log = try fixture.makeLog()
        try await log.commit()
        #expect(fixture.storedText == "")
        #expect(store.storedProperties(of: fixture.blob)?.type == .append)
    }

    @Test func `who writes behind does not wait while a commit is under way, and is not in it`() async throws {
        let log = try fixture.makeLog()
        try await log.append("one\n")
        store.hold(.append)
        async let commit = log.commit()
        await store.waitUntilHeld(.append)
        #expect(try log.write(Array("two\n".utf8), at: 4) == .done)
        #expect(try log.write([0], at: 1) == .busy)
        store.release(.append)
        #expect(try await commit.size == 4)
        #expect(log.isDirty)
        #expect(fixture.storedText == "one\n")
        try await log.commit()
        #expect(fixture.storedText == "one\ntwo\n")
    }

    @Test func `a commit that joins one under way covers what was written before it was asked for`() async throws {
        let log = try fixture.makeLog()
        try await log.append("one\n")
        store.hold(.append)
        async let first = log.commit()
        await store.waitUntilHeld(.append)
        try await log.append("two\n")
        async let second = log.commit()
        store.release(.append)
        _ = try await first
        #expect(try await second.size == 8)
        #expect(fixture.storedText == "one\ntwo\n")
    }

    @Test func `an existing append blob gets only the new bytes`() async throws {
        _ = try await store.createAppendBlob(fixture.blob, headers: BlobHeaders(), condition: .absent)
        try await fixture.appendElsewhere("theirs\n")
        let log = try await fixture.openLog()
        try await log.append("ours\n")
        store.resetCounts()
        try await log.commit()
        #expect(store.counts == [.append: 1])
        #expect(fixture.storedText == "theirs\nours\n")
    }

    @Test func `behind what others appended, and the file is what the blob is then`() async throws {
        let log = try fixture.makeLog()
        try await log.append("one\n")
        try await log.commit()
        try await fixture.appendElsewhere("theirs, and longer\n")
        try await log.append("two\n")
        let file = try await log.commit()
        #expect(fixture.storedText == "one\ntheirs, and longer\ntwo\n")
        #expect(file.size == UInt64(fixture.stored?.count ?? 0))
        #expect(log.size == file.size)
        #expect(try log.content(base: fixture.stored ?? []) == fixture.stored)
        try await log.append("three\n")
        try await log.commit()
        #expect(fixture.storedText == "one\ntheirs, and longer\ntwo\nthree\n")
    }

    @Test func `a log that others made meanwhile is appended to`() async throws {
        let log = try fixture.makeLog()
        try await log.append("ours\n")
        _ = try await store.createAppendBlob(fixture.blob, headers: BlobHeaders(), condition: .absent)
        try await fixture.appendElsewhere("theirs\n")
        try await log.commit()
        #expect(fixture.storedText == "theirs\nours\n")
        #expect(log.size == 12)
    }

    @Test func `with O_EXCL one that others made is refused`() async throws {
        let log = try fixture.makeLog()
        try await log.append("ours\n")
        _ = try await store.createAppendBlob(fixture.blob, headers: BlobHeaders(), condition: .absent)
        await #expect(throws: CommitError.self) { try await log.commit(.absent) }
        #expect(fixture.storedText == "")
    }

    @Test(arguments: [BlobType.append, .block])
    func `a log that starts over takes the place of what was there, and never doubles it`(type: BlobType) async throws {
        switch type {
        case .append:
            _ = try await store.createAppendBlob(fixture.blob, headers: BlobHeaders(), condition: .absent)
            try await fixture.appendElsewhere("the first try\n")
        default: _ = try await store.putBlob(fixture.blob, UploadBody([1]), headers: BlobHeaders(), condition: .any)
        }
        let log = try fixture.makeLog(.over)
        try await log.append("the second try\n")
        try await log.commit()
        #expect(fixture.storedText == "the second try\n")
        #expect(store.storedProperties(of: fixture.blob)?.type == .append)
    }

    @Test func `cut to nothing, it starts over`() async throws {
        let log = try fixture.makeLog()
        try await log.append("the first try\n")
        try await log.commit()
        #expect(try log.truncate(to: 0) == .done)
        try await log.append("again\n")
        try await log.commit()
        #expect(fixture.storedText == "again\n")
        #expect(log.isLog)
    }

    @Test func `bytes that were not sent may be written over; it stays a log`() async throws {
        let log = try fixture.makeLog()
        try await log.append("0%\n")
        #expect(try log.write(Array("9%\n".utf8), at: 0) == .done)
        try await log.commit()
        #expect(fixture.storedText == "9%\n")
        #expect(log.isLog)
    }

    @Test func `bytes that were sent make it a file like others when they are written over`() async throws {
        let log = try fixture.makeLog()
        try await log.append("0%, and more\n")
        try await log.commit()
        #expect(try log.write(Array("9%".utf8), at: 0) == .done)
        #expect(!log.isLog)
        // The tree answers a refusal because of the type with a delete.
        await #expect(throws: CommitError.self) { try await log.commit() }
        try await store.delete(fixture.blob, condition: .any)
        #expect(try await log.commit().type == .block)
        #expect(fixture.storedText == "9%, and more\n")
    }

    @Test func `a hole makes it a file like others`() async throws {
        let log = try fixture.makeLog()
        try await log.append("ab")
        #expect(try log.write([7], at: 9) == .done)
        #expect(!log.isLog)
        #expect(try await log.commit().type == .block)
        #expect(fixture.stored == Array("ab".utf8) + [0, 0, 0, 0, 0, 0, 0, 7])
    }

    @Test func `a log that somebody removed is put again if all of it is here`() async throws {
        let log = try fixture.makeLog()
        try await log.append("one\n")
        try await log.commit()
        try await store.delete(fixture.blob, condition: .any)
        try await log.append("two\n")
        try await log.commit()
        #expect(fixture.storedText == "one\ntwo\n")
    }

    @Test func `a log that somebody removed, and of which a part was only there, is an error`() async throws {
        _ = try await store.createAppendBlob(fixture.blob, headers: BlobHeaders(), condition: .absent)
        try await fixture.appendElsewhere("theirs\n")
        let log = try await fixture.openLog()
        try await log.append("ours\n")
        try await store.delete(fixture.blob, condition: .any)
        await #expect(throws: CommitError.self) { try await log.commit() }
        #expect(log.isDirty)
        #expect(fixture.stored == nil)
    }

    @Test func `with as many blocks as it may have it is put again in few, and goes on`() async throws {
        let log = try fixture.makeLog()
        var text = ""
        for number in 0..<20 {
            let line = "line \(number)\n"
            text += line
            try await log.append(line)
            try await log.commit()
            #expect(fixture.storedText == text)
            #expect((store.storedProperties(of: fixture.blob)?.committedBlockCount ?? 99) <= 6)
        }
        #expect(store.storedProperties(of: fixture.blob)?.type == .append)
        #expect(log.isLog)
    }

    @Test func `a log that another program filled up is put again in few, too`() async throws {
        _ = try await store.createAppendBlob(fixture.blob, headers: BlobHeaders(), condition: .absent)
        try await fixture.appendElsewhere("theirs\n")
        let log = try await fixture.openLog()
        try await log.append("ours\n")
        store.failNext(.append, error: full())
        try await log.commit()
        #expect(fixture.storedText == "theirs\nours\n")
        #expect(log.size == 12)
    }

    @Test func `metadata is set when it changed, and only then`() async throws {
        let log = try fixture.makeLog()
        try await log.append("one\n")
        _ = try await log.commit(headers: BlobHeaders(metadata: ["a": "1"]), condition: .any)
        try await log.append("two\n")
        store.resetCounts()
        _ = try await log.commit(headers: BlobHeaders(metadata: ["a": "1"]), condition: .any)
        #expect(store.counts == [.append: 1])
        try await log.append("three\n")
        _ = try await log.commit(headers: BlobHeaders(metadata: ["a": "2"]), condition: .any)
        #expect(store.storedProperties(of: fixture.blob)?.metadata["a"] == "2")
        #expect(fixture.storedText == "one\ntwo\nthree\n")
    }

    @Test func `what others appended shows where nothing waits to be sent`() async throws {
        let log = try fixture.makeLog()
        try await log.append("one\n")
        try await log.commit()
        try await fixture.appendElsewhere("theirs\n")
        #expect(await log.adoptGrowth(try await store.properties(of: fixture.blob)))
        #expect(log.size == 11)
        #expect(try log.content(base: fixture.stored ?? []) == fixture.stored)
        #expect(!log.isDirty)
        store.resetCounts()
        try await log.append("two\n")
        try await log.commit()
        #expect(store.counts == [.append: 1])
        #expect(fixture.storedText == "one\ntheirs\ntwo\n")
    }
}
