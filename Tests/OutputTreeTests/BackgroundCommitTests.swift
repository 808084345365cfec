import BlobStorage
import FileSystemSuite
import Glibc
import TestSupport
import Testing

@testable import OutputTree

/// Commits that no program waits for.
@Suite("A commit behind a program's back", .timeLimit(.minutes(5)))
struct BackgroundCommitTests {
    /// §3.4, with `--durability journal`: close has returned, and the file is opened again before it was sent.
    @Test func `does not send what another writer is in the middle of`() async throws {
        try await onOwnThread {
            let world = try TreeWorld(keepsNames: true) { $0.durability = .journal }
            defer { world.end() }
            world.put("f", "stored")
            world.store.failNext(.putBlob, count: .max, error: .test(.unavailable, .persistent))
            try world.files.writeFile(world.path("f"), "closed")
            let descriptor = try world.files.open(world.path("f"), O_WRONLY | O_TRUNC)
            try world.files.write(descriptor, Array("half".utf8))
            world.store.removeFaults()
            let node = try #require(world.tree.nodes.file(at: world.blob("f")))
            #expect(try blocking { await world.tree.attemptCommit(node) } == .done)
            #expect(world.stored("f") == "stored")
            try world.files.write(descriptor, Array(" and half".utf8))
            try world.files.close(descriptor)
            #expect(try blocking { await world.tree.attemptCommit(node) } == .done)
            #expect(world.stored("f") == "half and half")
        }
    }
}
