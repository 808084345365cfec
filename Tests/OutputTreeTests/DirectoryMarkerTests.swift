import BlobStorage
import FileSystemSuite
import SystemPackage
import TestSupport
import Testing

/// A blob that has the name of a directory is its marker only if it says so and has no bytes.
@Suite("A file beside a directory of its name", .timeLimit(.minutes(5)))
struct DirectoryMarkerTests {
    @Test func `removing the directory leaves the file`() async throws {
        try await onOwnThread {
            let world = try TreeWorld()
            defer { world.end() }
            world.put("a", "bytes")
            world.put("a/b", "x")
            try world.files.removeTree(world.path("a"))
            #expect(world.stored("a/b") == nil)
            #expect(world.stored("a") == "bytes")
            world.letValidityPass()
            #expect(try world.files.readText(world.path("a")) == "bytes")
        }
    }

    @Test func `removing a task leaves a file of its name`() async throws {
        try await onOwnThread {
            let world = try TreeWorld()
            defer { world.end() }
            world.put("f", "x")
            let task = BlobAddress(container: "job-j", name: "t")
            world.store.add(task, Array("bytes".utf8))
            try world.files.removeTree("jobs/j/tasks/t")
            #expect(world.store.blobNames(in: "job-j") == ["t"])
        }
    }

    @Test func `a directory's other marker with bytes in it is a file, and keeps it from being removed`() async throws {
        try await onOwnThread {
            let world = try TreeWorld()
            defer { world.end() }
            world.put("a/", "bytes")
            expect(.directoryNotEmpty) { try world.files.removeDirectory(world.path("a")) }
            #expect(world.stored("a/") == "bytes")
        }
    }

    @Test func `a directory's other marker goes with it`() async throws {
        try await onOwnThread {
            let world = try TreeWorld()
            defer { world.end() }
            world.put("a/", "")
            try world.files.removeDirectory(world.path("a"))
            #expect(world.stored("a/") == nil)
        }
    }

    @Test func `chmod of the directory does not make the file a marker`() async throws {
        try await onOwnThread {
            let world = try TreeWorld()
            defer { world.end() }
            world.put("a", "bytes")
            world.put("a/b", "x")
            expect(.notPermitted) { try world.files.setPermissions(world.path("a"), 0o700) }
            #expect(world.store.storedProperties(of: world.blob("a"))?.metadata["hdi_isfolder"] == nil)
        }
    }

    /// `rsync -a` sets the times of directories last, and looks at them again at once.
    @Test func `what was set of a directory is not taken back by a listing that began before it`() async throws {
        try await onOwnThread {
            let world = try TreeWorld()
            defer { world.end() }
            try world.makeJob()
            let path = world.path("d")
            try world.files.makeDirectory(path, permissions: 0o755)
            world.letValidityPass()
            for time in [1_000_000_000, 2_000_000_000] as [Int64] {
                #expect(try world.files.names(world.folder) == ["d"])
                _ = try world.files.status(path)
                try world.files.setModificationTime(path, time)
                #expect(try world.files.names(world.folder) == ["d"])
                #expect(try world.files.status(path).modificationTime == time)
                try world.files.writeFile(world.path("d/f"), "x")
                #expect(try world.files.status(path).modificationTime == time)
            }
            try world.files.setPermissions(path, 0o700)
            #expect(try world.files.status(path).permissions == 0o700)
        }
    }
}
