import BlobStorage
import FileSystemSuite
import Glibc
import OutputTree
import SystemPackage
import TestSupport
import Testing

/// Tokens that do not permit everything: the tree works with what they do permit.
@Suite("With a limited token", .timeLimit(.minutes(5)))
struct LimitedTokenTests {
    private func with(
        denied operations: [StoreOperation],
        _ body: @escaping @Sendable (TreeWorld) throws -> Void
    ) async throws {
        for keepsNames in [false, true] {
            try await onOwnThread {
                let world = try TreeWorld(keepsNames: keepsNames) { $0.onlyContainer = "job-j" }
                defer { world.end() }
                world.store.addContainer("job-j")
                for operation in operations { world.store.failNext(operation, count: .max, error: .test(.denied)) }
                try body(world)
            }
        }
    }

    /// §1.9
    @Test func `a mount of one container shows just that job`() async throws {
        try await with(denied: [.listContainers, .createContainer, .containerProperties]) { (world) throws in
            world.store.addContainer("job-other")
            world.put("f", "x")
            #expect(try world.files.names("jobs") == ["j"])
            #expect(try world.files.names("containers") == ["job-j"])
            #expect(try world.files.readText(world.path("f")) == "x")
            expect(.noSuchFileOrDirectory) { try world.files.status("jobs/other") }
            expect(.notPermitted) { try world.files.makeDirectory("jobs/other") }
        }
    }

    @Test func `without list permission a directory lists what was written here, and every name opens`() async throws {
        try await with(denied: [.listBlobs, .listContainers, .containerProperties]) { (world) throws in
            world.put("theirs", "theirs")
            #expect(try world.files.names(world.folder) == [])
            #expect(try world.files.readText(world.path("theirs")) == "theirs")
            try world.files.writeFile(world.path("ours"), "ours")
            #expect(try world.files.names(world.folder) == ["ours"])
            #expect(try world.files.readText(world.path("ours")) == "ours")
            expect(.noSuchFileOrDirectory) { try world.files.readText(world.path("none")) }
        }
    }

    @Test func `without delete permission unlink and rename are EACCES and change nothing`() async throws {
        try await with(denied: [.delete]) { (world) throws in
            world.put("f", "x")
            world.put("d/g", "x")
            expect(.permissionDenied) { try world.files.unlink(world.path("f")) }
            expect(.permissionDenied) { try world.files.rename(world.path("f"), to: world.path("n")) }
            expect(.permissionDenied) { try world.files.rename(world.path("d"), to: world.path("n")) }
            #expect(try world.files.readText(world.path("f")) == "x")
            #expect(try world.files.readText(world.path("d/g")) == "x")
            #expect(try world.files.names(world.folder) == ["d", "f"])
            #expect(world.stored("f") == "x" && world.stored("d/g") == "x")
        }
    }

    @Test func `a token that only writes can write`() async throws {
        try await with(denied: [.listBlobs, .listContainers, .containerProperties, .properties, .read, .blockList]) {
            (world) throws in
            try world.files.writeFile(world.path("small"), "x")
            try world.files.writeFile(world.path("large"), pattern(700_000))
            #expect(world.stored("small") == "x")
            #expect(world.store.bytes(of: world.blob("large")) == pattern(700_000))
        }
    }
}
