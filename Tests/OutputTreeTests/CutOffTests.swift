import BlobStorage
import FileSystemModel
import FileSystemSuite
import Glibc
import HandOver
import TestSupport
import Testing

@testable import OutputTree

/// What a process was in the middle of when it was killed, and the next one goes on with (§5.6).
@Suite(.timeLimit(.minutes(5)))
struct CutOffTests {
    private let lives = TwoLives()
    private let blob = BlobAddress(container: "data", name: "f")
    private let other = BlobAddress(container: "data", name: "g")
    private let old = Array("what it was".utf8)

    init() { lives.store.addContainer("data") }

    private func folder(of tree: OutputFileSystem) async -> NodeID {
        await OneAnswer.directory("containers", "data", in: tree)
    }

    private func open(_ node: NodeID, _ flags: OpenFlags, in tree: OutputFileSystem) async -> Answer {
        await OneAnswer.of { tree.open($0.request(), node, flags: flags) }
    }

    private func rename(in tree: OutputFileSystem, _ flags: RenameFlags = []) async -> Answer {
        let parent = await folder(of: tree)
        return await OneAnswer.of { tree.rename($0.request(), "f", in: parent, to: "g", in: parent, flags: flags) }
    }

    @Test func `an empty file that was closed, and of which the journal knows nothing yet, comes to be`() async throws {
        let killed = lives.tree(try lives.scheduler())
        let parent = await folder(of: killed)
        let flags = OpenFlags(.writeOnly)
        let answer = await OneAnswer.of {
            killed.create($0.request(), "f", in: parent, permissions: 0o644, flags: flags)
        }
        guard case .created(let made) = answer, let node = killed.nodes.liveFile(at: blob) else {
            Issue.record("\(answer)")
            return
        }
        let lives = lives
        // Who holds the file's lock keeps it from being sent behind its last close.
        let tree = try await node.changes.withLock { () async throws(FileSystemError) -> OutputFileSystem? in
            _ = await OneAnswer.of { killed.release($0.request(), made.entry.node, handle: made.opened.handle) }
            return try? lives.resumed()
        }
        let next = try #require(tree)
        #expect((await next.drain(timeout: .seconds(20))).remaining.isEmpty)
        #expect(lives.store.bytes(of: blob) == [] && next.survivors?.entries(.file).isEmpty == true)
        next.shutDown()
        killed.shutDown()
    }

    @Test func `who writes to a file whose rename is sent again writes to what has the new name`() async throws {
        lives.store.add(blob, old)
        lives.store.add(other, Array("to be replaced".utf8))
        let killed = lives.tree(try lives.scheduler())
        let node = await OneAnswer.directory("containers", "data", "f", in: killed)
        guard case .opened(let opened) = await open(node, OpenFlags(.readWrite), in: killed) else {
            Issue.record("it cannot be opened")
            return
        }
        killed.rights.learnDelete(in: "data")
        // Copied, and the process ends before the old name is gone.
        lives.store.failNext(.delete, count: .max, error: StorageError.test(.unavailable, .temporary))
        guard case .failure = await rename(in: killed) else {
            Issue.record("it took place")
            return
        }
        lives.store.removeFaults()
        #expect(lives.store.bytes(of: blob) == old && lives.store.bytes(of: other) == old)
        let tree = try lives.resumed()
        guard case .done = await rename(in: tree, .isRepeated) else {
            Issue.record("it cannot be renamed")
            return
        }
        let written = Array("THAT".utf8)
        let count = await OneAnswer.of { answer in
            written.withUnsafeBytes { bytes in
                tree.write(answer.request(), node, handle: opened.handle, offset: 0, bytes, flags: WriteFlags())
            }
        }
        guard case .count(4) = count,
            case .done = await OneAnswer.of({ tree.flush($0.request(), node, handle: opened.handle) })
        else {
            Issue.record("\(count)")
            return
        }
        #expect(lives.store.bytes(of: blob) == nil)
        #expect(lives.store.bytes(of: other) == Array("THAT it was".utf8))
        tree.shutDown()
        killed.shutDown()
    }

    private func write(_ text: String, _ node: NodeID, _ handle: HandleID, in tree: OutputFileSystem) async -> Answer {
        let bytes = Array(text.utf8)
        return await OneAnswer.of { answer in
            bytes.withUnsafeBytes { bytes in
                tree.write(answer.request(), node, handle: handle, offset: 0, bytes, flags: WriteFlags())
            }
        }
    }

    @Test func `a rename that failed, and is asked for anew, replaces what was written to its copy since`() async throws
    {
        lives.store.add(blob, old)
        let tree = lives.tree(try lives.scheduler())
        let node = await OneAnswer.directory("containers", "data", "f", in: tree)
        guard case .opened(let opened) = await open(node, OpenFlags(.readWrite), in: tree) else {
            Issue.record("it cannot be opened")
            return
        }
        tree.rights.learnDelete(in: "data")
        lives.store.failNext(.delete, count: .max, error: StorageError.test(.unavailable, .temporary))
        guard case .failure = await rename(in: tree) else {
            Issue.record("it took place")
            return
        }
        lives.store.removeFaults()
        guard case .count(4) = await write("THAT", node, opened.handle, in: tree),
            case .done = await OneAnswer.of({ tree.flush($0.request(), node, handle: opened.handle) })
        else {
            Issue.record("it cannot be written")
            return
        }
        #expect(lives.store.bytes(of: blob) == old && lives.store.bytes(of: other) == Array("THAT it was".utf8))
        guard case .done = await rename(in: tree) else {
            Issue.record("it cannot be renamed")
            return
        }
        #expect(lives.store.bytes(of: blob) == nil && lives.store.bytes(of: other) == old)
        tree.shutDown()
    }

    @Test func `what a mount left in the journal keeps its attributes over the death of the next mount's process`()
        async throws
    {
        let killed = lives.tree(try lives.scheduler())
        let parent = await folder(of: killed)
        let answer = await OneAnswer.of {
            killed.create($0.request(), "f", in: parent, permissions: 0o644, flags: OpenFlags(.writeOnly))
        }
        guard case .created(let made) = answer else {
            Issue.record("\(answer)")
            return
        }
        let node = made.entry.node
        _ = await OneAnswer.of { answer in
            old.withUnsafeBytes { killed.setxattr(answer.request(), node, "user.origin", $0, flags: .createOrReplace) }
        }
        _ = await write("bytes", node, made.opened.handle, in: killed)
        lives.store.failNext(.putBlob, count: .max, error: StorageError.test(.unavailable, .temporary))
        guard case .failure = await OneAnswer.of({ killed.flush($0.request(), node, handle: made.opened.handle) })
        else {
            Issue.record("it was sent")
            return
        }
        let mount = TwoLives(after: lives)
        let left = try mount.left(mount.scheduler())
        let next = try mount.resumed(found: left)
        while next.survivors?.entries(.file).isEmpty != false { try await Task.sleep(for: .milliseconds(5)) }
        lives.store.removeFaults()
        // What the process before has claimed nobody else can while it lives.
        let last = try mount.resumed(found: left)
        #expect((await last.drain(timeout: .seconds(20))).remaining.isEmpty)
        #expect(lives.store.bytes(of: blob) == Array("bytes".utf8))
        let metadata = try await lives.store.properties(of: blob).metadata
        let key = try #require(ExtendedAttributeNames.key(of: "user.origin"))
        #expect(metadata[key] != nil)
        last.shutDown()
        next.shutDown()
        killed.shutDown()
    }

    @Test func `room that was asked for keeps no file from going on`() async throws {
        lives.store.add(blob, old)
        let killed = lives.tree(try lives.scheduler())
        let node = await OneAnswer.directory("containers", "data", "f", in: killed)
        guard case .opened(let opened) = await open(node, OpenFlags(.readWrite), in: killed) else {
            Issue.record("it cannot be opened")
            return
        }
        let mode = FallocateMode.allocate(keepsSize: true)
        let room = await OneAnswer.of {
            killed.fallocate($0.request(), node, handle: opened.handle, mode: mode, offset: 0, length: 4096)
        }
        guard case .done = room else {
            Issue.record("\(room)")
            return
        }
        let tree = try lives.resumed()
        guard case .count(4) = await write("THAT", node, opened.handle, in: tree),
            case .done = await OneAnswer.of({ tree.flush($0.request(), node, handle: opened.handle) })
        else {
            Issue.record("it is lost")
            return
        }
        #expect(lives.store.bytes(of: blob) == Array("THAT it was".utf8))
        tree.shutDown()
        killed.shutDown()
    }

    @Test func `of two versions that were looked up the later has the name in the next process`() async throws {
        lives.store.add(blob, old)
        let killed = lives.tree(try lives.scheduler())
        let first = await OneAnswer.directory("containers", "data", "f", in: killed)
        lives.store.add(blob, Array("newer".utf8))
        _ = await open(first, OpenFlags(.readOnly), in: killed)
        let second = await OneAnswer.directory("containers", "data", "f", in: killed)
        #expect(second != first)
        let tree = try lives.resumed()
        #expect(await OneAnswer.directory("containers", "data", "f", in: tree) == second)
        tree.shutDown()
        killed.shutDown()
    }

    @Test func `a file that was looked up in one process is opened in the next`() async throws {
        lives.store.add(blob, old)
        let killed = lives.tree(try lives.scheduler())
        let node = await OneAnswer.directory("containers", "data", "f", in: killed)
        let tree = try lives.resumed()
        guard case .opened = await open(node, OpenFlags(.readOnly), in: tree) else {
            Issue.record("the kernel would look it up once more, and then fail")
            return
        }
        tree.shutDown()
        killed.shutDown()
    }

    @Test func `what was looked up in the process before is not emptied in a version that nobody saw`() async throws {
        lives.store.add(blob, old)
        let killed = lives.tree(try lives.scheduler())
        let node = await OneAnswer.directory("containers", "data", "f", in: killed)
        lives.store.add(blob, Array("newer".utf8))
        let tree = try lives.resumed()
        guard case .failure(let error) = await open(node, OpenFlags(.writeOnly, truncates: true), in: tree) else {
            Issue.record("it was opened")
            return
        }
        #expect(error.errno == ESTALE)
        tree.shutDown()
        killed.shutDown()
    }

    @Test func `of the names that were looked up the last are kept, however many there were`() async throws {
        for number in 0..<600 { lives.store.add(BlobAddress(container: "data", name: "f\(number)"), old) }
        let killed = lives.tree(try lives.scheduler())
        for number in 0..<600 {
            let name = FileName("f\(number)")
            _ = await OneAnswer.directory("containers", "data", name, in: killed)
        }
        #expect(killed.survivors?.entries(.lookup).count == 256)
        killed.shutDown()
    }
}
