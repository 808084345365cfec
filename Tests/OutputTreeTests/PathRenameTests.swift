import BlobStorage
import FileSystemSuite
import Glibc
import SystemPackage
import TestSupport
import Testing

/// Renames and removals in a hierarchical namespace, beside commits, changes elsewhere, and failures.
@Suite("In a hierarchical namespace a rename", .timeLimit(.minutes(5)))
struct PathRenameTests {
    private func withWorld(_ show: @escaping @Sendable (TreeWorld) throws -> Void) async throws {
        try await onOwnThread {
            let world = try TreeWorld(keepsNames: true, namespace: .hierarchical)
            defer { world.end() }
            try world.makeJob()
            try show(world)
        }
    }

    @Test func `of a file that was just written is one request`() async throws {
        try await withWorld { (world) throws in
            try world.files.writeFile(world.path("f.txt"), "content")
            world.store.resetCounts()
            try world.files.rename(world.path("f.txt"), to: world.path("g.txt"))
            let counts = world.store.counts.filter { $0.key != .properties && $0.key != .listBlobs }
            #expect(counts == [.renamePath: 1])
            #expect(world.stored("g.txt") == "content" && world.stored("f.txt") == nil)
        }
    }

    @Test func `of a directory is one request, whatever is in it`() async throws {
        try await withWorld { (world) throws in
            for number in 0..<50 { world.put("d/sub/\(number)", "\(number)") }
            world.store.resetCounts()
            try world.files.rename(world.path("d"), to: world.path("e"))
            #expect(world.store.count(of: .renamePath) == 1)
            #expect(world.store.count(of: .copy) == 0 && world.store.count(of: .delete) == 0)
            #expect(try world.files.names(world.path("e/sub")).count == 50)
            expect(.noSuchFileOrDirectory) { try world.files.status(world.path("d")) }
        }
    }

    @Test func `that the store refuses leaves everything as it was`() async throws {
        try await withWorld { (world) throws in
            world.put("f", "x")
            world.put("d/g", "y")
            for (old, new) in [("f", "f2"), ("d", "d2")] {
                world.store.failNext(.renamePath, error: .test(.denied))
                expect(.permissionDenied) { try world.files.rename(world.path(old), to: world.path(new)) }
            }
            #expect(try world.files.names(world.folder).sorted() == ["d", "f"])
            #expect(try world.files.readText(world.path("d/g")) == "y")
            #expect(try world.files.readText(world.path("f")) == "x")
        }
    }

    @Test(arguments: [false, true])
    func `of which nobody knows whether it took place shows what the store has`(_ tookPlace: Bool) async throws {
        try await withWorld { (world) throws in
            world.put("f", "x")
            world.store.failNext(
                .renamePath,
                error: .test(.unavailable, .persistent),
                takesEffect: tookPlace
            )
            expect(.ioError) { try world.files.rename(world.path("f"), to: world.path("g")) }
            world.letValidityPass()
            #expect(try world.files.names(world.folder) == [tookPlace ? "g" : "f"])
            #expect(try world.files.readText(world.path(tookPlace ? "g" : "f")) == "x")
        }
    }

    @Test func `names the version that it replaces`() async throws {
        try await withWorld { (world) throws in
            world.put("f", "new")
            world.put("g", "old")
            #expect(try world.files.status(world.path("g")).size == 3)
            world.put("g", "newer")
            world.store.resetCounts()
            try world.files.rename(world.path("f"), to: world.path("g"))
            // A request for the version that was known, which a store that is late must not carry out, and one for what is there.
            #expect(world.store.count(of: .renamePath) == 2)
            #expect(world.stored("g") == "new" && world.stored("f") == nil)
        }
    }

    @Test func `of a file that was replaced elsewhere a moment ago moves what is there now`() async throws {
        try await withWorld { (world) throws in
            world.put("f", "old")
            #expect(try world.files.status(world.path("f")).size == 3)
            world.put("f", "newer")
            try world.files.rename(world.path("f"), to: world.path("g"))
            #expect(world.stored("f") == nil && world.stored("g") == "newer")
        }
    }

    @Test func `that must not replace does not, even if the name came up elsewhere just now`() async throws {
        try await withWorld { (world) throws in
            world.put("f", "mine")
            try world.files.makeDirectory(world.path("d"))
            #expect(try world.files.names(world.folder).sorted() == ["d", "f"])
            world.put("g", "theirs")
            world.put("e/x", "theirs")
            for (old, new) in [("f", "g"), ("d", "e")] {
                expect(.fileExists) {
                    try world.files.rename(world.path(old), to: world.path(new), flags: 1)
                }
            }
            #expect(world.stored("f") == "mine" && world.stored("g") == "theirs")
        }
    }

    @Test func `never takes the place of a directory that somebody filled just now`() async throws {
        try await withWorld { (world) throws in
            try world.files.makeDirectory(world.path("empty"))
            world.put("d/x", "mine")
            #expect(try world.files.names(world.folder).sorted() == ["d", "empty"])
            world.put("empty/theirs", "theirs")
            expect(.directoryNotEmpty) { try world.files.rename(world.path("d"), to: world.path("empty")) }
            #expect(world.stored("empty/theirs") == "theirs" && world.stored("d/x") == "mine")
        }
    }

    @Test func `that fails puts the empty directory back whose place it was to take`() async throws {
        try await withWorld { (world) throws in
            try world.files.makeDirectory(world.path("empty"))
            world.put("d/x", "mine")
            world.store.failNext(.renamePath, error: .test(.denied))
            expect(.permissionDenied) { try world.files.rename(world.path("d"), to: world.path("empty")) }
            #expect(try world.files.names(world.folder).sorted() == ["d", "empty"])
        }
    }

    @Test func `takes open files along, with what was not sent yet`() async throws {
        try await withWorld { (world) throws in
            world.put("d/f", "stored")
            let reader = try world.files.open(world.path("d/f"), O_RDONLY)
            let writer = try world.files.open(world.path("d/w"), O_WRONLY | O_CREAT)
            try world.files.write(writer, Array("before ".utf8))
            try world.files.rename(world.path("d"), to: world.path("e"))
            try world.files.write(writer, Array("after".utf8))
            #expect(try world.files.pread(reader, count: 100, at: 0) == Array("stored".utf8))
            try world.files.close(writer)
            try world.files.close(reader)
            #expect(world.stored("e/w") == "before after" && world.stored("d/w") == nil)
            #expect(try world.files.names(world.path("e")).sorted() == ["f", "w"])
        }
    }

    @Test func `does not bring back what was unlinked while it was open`() async throws {
        try await withWorld { (world) throws in
            world.put("d/f", "unlinked")
            world.put("d/g", "kept")
            let reader = try world.files.open(world.path("d/f"), O_RDONLY)
            try world.files.unlink(world.path("d/f"))
            try world.files.rename(world.path("d"), to: world.path("e"))
            #expect(try world.files.names(world.path("e")) == ["g"])
            try world.files.close(reader)
            world.letValidityPass()
            #expect(try world.files.names(world.path("e")) == ["g"])
        }
    }

    @Test func `moves nothing while what was unlinked in it cannot be deleted`() async throws {
        try await withWorld { (world) throws in
            world.put("d/f", "unlinked")
            world.put("d/g", "kept")
            try world.files.makeDirectory(world.path("empty"))
            let reader = try world.files.open(world.path("d/f"), O_RDONLY)
            try world.files.unlink(world.path("d/f"))
            world.store.failNext(.delete, error: .test(.denied))
            expect(.permissionDenied) { try world.files.rename(world.path("d"), to: world.path("empty")) }
            #expect(world.store.count(of: .renamePath) == 0)
            #expect(try world.files.names(world.folder).sorted() == ["d", "empty"])
            // The next one gets through.
            try world.files.rename(world.path("d"), to: world.path("empty"))
            try world.files.close(reader)
            world.letValidityPass()
            #expect(try world.files.names(world.path("empty")) == ["g"])
            #expect(world.stored("empty/f") == nil && world.stored("d/f") == nil)
        }
    }

    @Test func `aside, rmdir says why what was unlinked cannot be deleted`() async throws {
        try await withWorld { (world) throws in
            world.put("d/f", "unlinked")
            let reader = try world.files.open(world.path("d/f"), O_RDONLY)
            try world.files.unlink(world.path("d/f"))
            world.store.failNext(.delete, error: .test(.denied))
            expect(.permissionDenied) { try world.files.removeDirectory(world.path("d")) }
            try world.files.removeDirectory(world.path("d"))
            try world.files.close(reader)
        }
    }

    @Test func `and the next one never cut a read short that is looking for the file`() async throws {
        try await withWorld { (world) throws in
            world.put("d/f", String(repeating: "x", count: 600_000))
            let reader = try world.files.open(world.path("d/f"), O_RDONLY)
            // The store has renamed, for which the read knows only when it has asked; and again, when it asks there.
            world.store.failNext(.read, count: 2, error: .test(.conditionFailed))
            world.store.afterNext(.properties) { [files = world.files, from = world.path("d"), to = world.path("e")] in
                do { try files.rename(from, to: to) } catch { Issue.record(error) }
            }
            let bytes = try world.files.pread(reader, count: 1_000, at: 500_000)
            #expect(bytes.count == 1_000 && world.stored("e/f") != nil)
            try world.files.close(reader)
        }
    }

    @Test func `of a directory that has only what was never sent makes it under its new name`() async throws {
        try await withWorld { (world) throws in
            let writer = try world.files.open(world.path("f"), O_WRONLY | O_CREAT)
            try world.files.write(writer, Array("x".utf8))
            try world.files.rename("jobs/j/tasks/t/TaskOutput", to: "jobs/j/tasks/t/Other")
            try world.files.close(writer)
            #expect(try world.files.readText("jobs/j/tasks/t/Other/f") == "x")
        }
    }

    // MARK: Directories

    @Test func `mkdir and rmdir ask the store itself`() async throws {
        try await withWorld { (world) throws in
            #expect(try world.files.names(world.folder) == [])
            world.put("theirs/x", "x")
            expect(.fileExists) { try world.files.makeDirectory(world.path("theirs")) }
            try world.files.makeDirectory(world.path("mine"))
            world.put("mine/y", "y")
            expect(.directoryNotEmpty) { try world.files.removeDirectory(world.path("mine")) }
            #expect(world.stored("mine/y") == "y")
        }
    }

    @Test func `modes of directories are asked for where a listing does not tell them`() async throws {
        try await withWorld { (world) throws in
            try world.files.makeDirectory(world.path("d"))
            try world.files.setPermissions(world.path("d"), 0o700)
            let other = try world.anotherMount()
            #expect(try other.list(world.folder).first?.name == "d")
            #expect(try other.status(world.path("d")).permissions == 0o700)
        }
    }
}
