import BlobStorage
import FileSystemSuite
import Glibc
import OutputConventions
import TestSupport
import Testing

@testable import OutputTree

/// Mass deletes where directories are the store's own, and outlive what was in them.
@Suite("In a hierarchical namespace a mass delete", .timeLimit(.minutes(5)))
struct MassRemovalTests {
    private func makeWorld() async throws -> TreeWorld {
        let world = try TreeWorld(namespace: .hierarchical)
        try await onOwnThread { try world.makeJob() }
        return world
    }

    private func step(_ path: String, isDryRun: Bool = false) -> RemovalStep {
        RemovalStep(path: path, isRecursive: true, isDryRun: isDryRun, atOnce: 4)
    }

    @Test(arguments: [false, true])
    func `takes files first, and then the directories`(_ isMounted: Bool) async throws {
        let world = try await makeWorld()
        world.put("d/f", "1")
        world.put("d/sub/deep/g", "22")
        world.put("e", "333")
        let removal = MassRemoval(store: world.store, views: [.jobs, .containers], onlyContainer: nil)
        let (asked, dry) = (step(world.path("d")), step(world.path("d"), isDryRun: true))
        let listed = try await removal.run(dry)
        #expect(listed.blobs.count == 5)
        let answer = isMounted ? try await world.tree.remove(asked) : try await removal.run(asked)
        #expect(answer.failures == [] && answer.blobs.count == 5)
        #expect(world.blobNames == ["t/$TaskOutput/e"])
        world.letValidityPass()
        let shown = try await onOwnThread { try world.files.names(world.folder) }
        #expect(shown == ["e"])
        await world.end()
    }

    @Test func `takes the blob of an unlinked file that is open along`() async throws {
        let world = try await makeWorld()
        world.put("d/f", "1")
        let descriptor = try await onOwnThread {
            let descriptor = try world.files.open(world.path("d/f"), O_RDONLY)
            try world.files.unlink(world.path("d/f"))
            return descriptor
        }
        let answer = try await world.tree.remove(step(world.path("d")))
        #expect(answer.failures == [] && world.blobNames == [])
        try await onOwnThread { try world.files.close(descriptor) }
        await world.end()
    }

    @Test func `leaves a directory where something stays, and says so`() async throws {
        let world = try await makeWorld()
        world.put("d/f", "1")
        world.put("d/sub/g", "1")
        world.store.failNext(.delete, error: .test(.leased))
        let answer = try await world.tree.remove(step(world.path("d")))
        #expect(answer.failures.count >= 2)
        #expect(world.blobNames.count >= 2)
        await world.end()
    }

    @Test func `of a single file asks for nothing below it`() async throws {
        let world = try await makeWorld()
        world.put("f", "1")
        let answer = try await world.tree.remove(step(world.path("f")))
        #expect(answer.failures == [] && answer.blobs.count == 1 && world.blobNames == [])
        await world.end()
    }
}
