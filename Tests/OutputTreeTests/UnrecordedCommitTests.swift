import BlobStorage
import BlobWriting
import FileSystemModel
import FileSystemSuite
import Glibc
import HandOver
import TestSupport
import Testing

@testable import OutputTree

/// A process that is killed between the two places where it notes that a commit was answered: the journal has it, and the
/// table of open files does not.
@Suite(.timeLimit(.minutes(5)))
struct UnrecordedCommitTests {
    private let lives = TwoLives()
    private let blob = BlobAddress(container: "data", name: "f")

    init() { lives.store.addContainer("data") }

    /// Made, or emptied if it is there.
    private func open(_ access: OpenFlags.Access, in tree: OutputFileSystem) async throws -> (NodeID, HandleID) {
        let (parent, flags) = (
            await OneAnswer.directory("containers", "data", in: tree), OpenFlags(access, truncates: true)
        )
        if lives.store.bytes(of: blob) != nil {
            let node = await OneAnswer.directory("containers", "data", "f", in: tree)
            let answer = await OneAnswer.of { tree.open($0.request(), node, flags: flags) }
            guard case .opened(let opened) = answer else { throw UnexpectedAnswer(answer: "\(answer)") }
            return (node, opened.handle)
        }
        let answer = await OneAnswer.of {
            tree.create($0.request(), "f", in: parent, permissions: 0o640, flags: flags)
        }
        guard case .created(let created) = answer else { throw UnexpectedAnswer(answer: "\(answer)") }
        return (created.entry.node, created.opened.handle)
    }

    /// The last note of a file that was committed is taken back. The numbers of its node and its handle, and the process
    /// that follows.
    private func beKilledBehindCommit(
        _ access: OpenFlags.Access,
        writing bytes: [UInt8]
    ) async throws -> (NodeID, HandleID, OutputFileSystem) {
        let uploads = try lives.scheduler()
        let killed = lives.tree(uploads)
        let survivors = try #require(killed.survivors)
        let (node, handle) = try await open(access, in: killed)
        let count = await OneAnswer.of { answer in
            bytes.withUnsafeBytes { bytes in
                killed.write(answer.request(), node, handle: handle, offset: 0, bytes, flags: WriteFlags())
            }
        }
        guard case .count = count else { throw UnexpectedAnswer(answer: "\(count)") }
        let before = survivors.entries(.file)
        #expect(before.count == 1)
        guard case .done = await OneAnswer.of({ killed.flush($0.request(), node, handle: handle) }) else {
            throw UnexpectedAnswer(answer: "close failed")
        }
        // It is written behind the answer. What a look at it claims, the next look may find claimed.
        var found: [RecoveredFile] = []
        while found.first?.duty != JournalReplay.Duty.none {
            found = []
            try await Task.sleep(for: .milliseconds(5))
            found = try lives.left(lives.scheduler())
        }
        for record in before { survivors.set(.file, record.key, record.bytes) }
        return (node, handle, try lives.resumed(found: found))
    }

    @Test(arguments: [true, false])
    func `who waits for his close is told that it succeeded`(_ isNew: Bool) async throws {
        if !isNew { lives.store.add(blob, Array("what it was".utf8)) }
        let bytes = Array("what was written".utf8)
        let (node, handle, tree) = try await beKilledBehindCommit(.writeOnly, writing: bytes)
        let version = try await lives.store.properties(of: blob).version
        let answer = await OneAnswer.of { tree.flush($0.request(), node, handle: handle) }
        guard case .done = answer else {
            Issue.record("\(answer)")
            return
        }
        // Nothing is sent twice.
        #expect(try await lives.store.properties(of: blob).version == version)
        #expect(lives.store.bytes(of: blob) == bytes)
        let attributes = await OneAnswer.of { tree.getattr($0.request(), node, handle: handle) }
        guard case .attributes(let found) = attributes else {
            Issue.record("\(attributes)")
            return
        }
        #expect(found.attributes.size == UInt64(bytes.count))
        tree.shutDown()
    }

    @Test func `who writes on changes what was committed`() async throws {
        let (node, handle, tree) = try await beKilledBehindCommit(.readWrite, writing: Array("one two".utf8))
        let three = Array("three".utf8)
        let count = await OneAnswer.of { answer in
            three.withUnsafeBytes { bytes in
                tree.write(answer.request(), node, handle: handle, offset: 4, bytes, flags: WriteFlags())
            }
        }
        guard case .count(5) = count,
            case .done = await OneAnswer.of({ tree.flush($0.request(), node, handle: handle) })
        else {
            Issue.record("\(count)")
            return
        }
        #expect(lives.store.bytes(of: blob) == Array("one three".utf8))
        tree.shutDown()
    }
}

private struct UnexpectedAnswer: Error { let answer: String }
