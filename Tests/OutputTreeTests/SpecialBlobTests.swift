import BlobStorage
import FileSystemSuite
import Glibc
import OutputTree
import SystemPackage
import TestSupport
import Testing

/// Blobs that are not there for everybody, and versions that take each other's place.
@Suite("Special blobs", .timeLimit(.minutes(5)))
struct SpecialBlobTests {
    private func inWorld(
        keepsNames: Bool = false,
        _ body: @escaping @Sendable (TreeWorld) throws -> Void
    ) async throws {
        try await onOwnThread {
            let world = try TreeWorld(keepsNames: keepsNames)
            defer { world.end() }
            try body(world)
        }
    }

    /// §2.8
    @Test func `a blob with a customer's key shows its size by name alone, and is EACCES to open`() async throws {
        try await inWorld { world in
            world.store.add(world.blob("f"), Array("secret".utf8)) { $0.encryptionKeySHA256 = "digest" }
            // Names that begin with its name come behind it in a listing.
            world.put("f.txt", "plain")
            let shown = try world.files.status(world.path("f"))
            #expect(shown.size == 6)
            expect(.permissionDenied) { try world.files.open(world.path("f"), O_RDONLY) }
            world.letValidityPass()
            #expect(try world.files.status(world.path("f")).size == 6)
            #expect(try world.files.names(world.folder) == ["f", "f.txt"])
        }
    }

    /// §2.8: it was taken for a token that may only write, whose appends must be new files.
    @Test func `a blob with a customer's key changes nothing for its neighbours`() async throws {
        try await inWorld { world in
            world.store.add(world.blob("f"), Array("secret".utf8)) { $0.encryptionKeySHA256 = "digest" }
            _ = try world.files.status(world.path("f"))
            expect(.noSuchFileOrDirectory) { try world.files.status(world.path("log")) }
            world.put("log", "theirs ")
            let descriptor = try world.files.open(world.path("log"), O_WRONLY | O_CREAT | O_APPEND)
            try world.files.write(descriptor, Array("ours".utf8))
            try world.files.close(descriptor)
            #expect(world.stored("log") == "theirs ours")
        }
    }

    @Test func `where nothing may be listed a blob with a customer's key is EACCES, not absent`() async throws {
        try await inWorld { world in
            world.store.add(world.blob("f"), Array("secret".utf8)) { $0.encryptionKeySHA256 = "digest" }
            world.store.failNext(.listBlobs, count: 9, error: .test(.denied))
            expect(.permissionDenied) { try world.files.status(world.path("f")) }
            world.store.removeFaults()
        }
    }

    /// §2.4: by device and inode `tail -F` tells whether a name means the file that it has open.
    @Test(arguments: [false, true])
    func `a version that took another one's place is another file to those who compare inodes`(
        keepsNames: Bool
    ) async throws {
        try await inWorld(keepsNames: keepsNames) { world in
            world.put("f", "one")
            let descriptor = try world.files.open(world.path("f"), O_RDONLY)
            let old = try world.files.status(world.path("f")).inode
            world.put("f", "another")
            world.letValidityPass()
            let new = try world.files.status(world.path("f")).inode
            #expect(new != old)
            world.letValidityPass()
            #expect(try world.files.status(world.path("f")).inode == new)
            #expect(try world.files.status(descriptor).inode == old)
            try world.files.close(descriptor)
        }
    }

    @Test func `what this mount writes stays the file that it was`() async throws {
        try await inWorld { world in
            world.put("f", "one")
            let old = try world.files.status(world.path("f")).inode
            try world.files.writeFile(world.path("f"), "another")
            world.letValidityPass()
            #expect(try world.files.status(world.path("f")).inode == old)
        }
    }

    /// §2.4: Put Blob over an append blob leaves its time of creation.
    @Test func `an append blob that was emptied in place shows nothing of what it was`() async throws {
        try await inWorld { world in
            world.store.add(world.blob("log"), Array("the old run, line 1\n".utf8), type: .append)
            let descriptor = try world.files.open(world.path("log"), O_RDONLY)
            #expect(try world.files.readAll(descriptor) == Array("the old run, line 1\n".utf8))
            world.store.add(world.blob("log"), Array("new\n".utf8), type: .append)
            #expect(try world.files.readText(world.path("log")) == "new\n")
            world.store.add(world.blob("log"), Array("new\nand longer than the old one was\n".utf8), type: .append)
            #expect(try world.files.readText(world.path("log")) == "new\nand longer than the old one was\n")
            try world.files.close(descriptor)
        }
    }
}
