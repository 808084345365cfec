import BlobStorage
import FileSystemSuite
import Glibc
import OutputTree
import SystemPackage
import TestSupport
import Testing

/// Renames beside commits, changes elsewhere, and failures half-way.
@Suite("A rename", .timeLimit(.minutes(5)))
struct RenameTests {
    private static func rename(_ world: TreeWorld, _ old: String, _ new: String) -> Worker<Errno?> {
        Worker {
            do throws(Errno) { try world.files.rename(world.path(old), to: world.path(new)) } catch { return error }
            return nil
        }
    }

    /// Gives a rename that does not wait for the commit under way the time to get past it.
    private func lead(_ worker: Worker<Errno?>) {
        for _ in 0..<30 where !worker.isFinished { usleep(10_000) }
    }

    // MARK: Files

    @Test func `over a file whose close is under way wins over that close`() async throws {
        try await onOwnThread {
            let world = try TreeWorld()
            defer { world.end() }
            world.put("new", "renamed")
            world.put("f", "old")
            let descriptor = try world.files.open(world.path("f"), O_WRONLY | O_TRUNC)
            try world.files.write(descriptor, Array("written".utf8))
            world.store.hold(.putBlob)
            let closing = Worker { try world.files.close(descriptor) }
            try blocking { await world.store.waitUntilHeld(.putBlob) }
            let renaming = Self.rename(world, "new", "f")
            lead(renaming)
            world.store.release(.putBlob)
            try closing.join()
            #expect(try renaming.join() == nil)
            #expect(world.stored("f") == "renamed" && world.stored("new") == nil)
            #expect(try world.files.readText(world.path("f")) == "renamed")
        }
    }

    @Test func `whose delete is lost on its way leaves both names, as either may be the last`() async throws {
        try await onOwnThread {
            let world = try TreeWorld()
            defer { world.end() }
            world.put("f", "x")
            // The first delete only asks for the right.
            world.store.fail(call: 2, of: .delete, error: .test(.unavailable, .persistent))
            expect(.ioError) { try world.files.rename(world.path("f"), to: world.path("g")) }
            #expect(world.stored("f") == "x" && world.stored("g") == "x")
            try world.files.rename(world.path("f"), to: world.path("g"))
            #expect(world.stored("f") == nil && world.stored("g") == "x")
        }
    }

    @Test func `of a file that was just written costs a copy and a delete, besides what its new name means`()
        async throws
    {
        try await onOwnThread {
            let world = try TreeWorld(keepsNames: true)
            defer { world.end() }
            world.put("other", "x")
            for name in ["first.txt", "second.txt"] {
                try world.files.writeFile(world.path(name), "content")
                world.store.resetCounts()
                try world.files.rename(world.path(name), to: world.path("moved-\(name)"))
            }
            // That the name is free was asked by the kernel's lookup; that deletes are permitted, by the first rename.
            #expect(world.store.count(of: .copy) == 1 && world.store.count(of: .delete) == 1)
            #expect(world.store.count(of: .properties) == 1)
            #expect(world.store.count(of: .setProperties) == 0)
            #expect(world.stored("moved-second.txt") == "content")
        }
    }

    @Test func `of a file that was replaced elsewhere a moment ago moves what is there now`() async throws {
        try await onOwnThread {
            let world = try TreeWorld(keepsNames: true)
            defer { world.end() }
            world.put("f", "old")
            #expect(try world.files.status(world.path("f")).size == 3)
            world.put("f", "newer")
            try world.files.rename(world.path("f"), to: world.path("g"))
            #expect(world.stored("f") == nil && world.stored("g") == "newer")
        }
    }

    @Test func `of a file that was removed elsewhere a moment ago finds nothing`() async throws {
        try await onOwnThread {
            let world = try TreeWorld(keepsNames: true)
            defer { world.end() }
            world.put("f", "old")
            #expect(try world.files.status(world.path("f")).size == 3)
            world.store.remove(world.blob("f"))
            expect(.noSuchFileOrDirectory) { try world.files.rename(world.path("f"), to: world.path("g")) }
        }
    }

    @Test func `that must not replace does not, even if the name came up elsewhere just now`() async throws {
        try await onOwnThread {
            let world = try TreeWorld(keepsNames: true)
            defer { world.end() }
            world.put("f", "mine")
            #expect(try world.files.names(world.folder) == ["f"])
            world.put("g", "theirs")
            let noReplace: UInt32 = 1
            expect(.fileExists) {
                try world.files.rename(world.path("f"), to: world.path("g"), flags: noReplace)
            }
            #expect(world.stored("f") == "mine" && world.stored("g") == "theirs")
            let descriptor = try world.files.open(world.path("n"), O_WRONLY | O_CREAT)
            try world.files.write(descriptor, Array("new".utf8))
            world.put("h", "theirs")
            try world.files.rename(world.path("n"), to: world.path("h"), flags: noReplace)
            expect(.fileExists) { try world.files.close(descriptor) }
            #expect(world.stored("h") == "theirs")
        }
    }

    @Test func `of an unsent file onto a stored name covers its blob: unlink removes both`() async throws {
        try await onOwnThread {
            let world = try TreeWorld()
            defer { world.end() }
            world.put("f", "old")
            let descriptor = try world.files.open(world.path("n"), O_WRONLY | O_CREAT)
            try world.files.write(descriptor, Array("new".utf8))
            try world.files.rename(world.path("n"), to: world.path("f"))
            try world.files.unlink(world.path("f"))
            try world.files.close(descriptor)
            let isGone = eventually { world.stored("f") == nil }
            #expect(isGone)
        }
    }

    @Test func `gives a file without a type that of its new name, and keeps any other`() async throws {
        try await onOwnThread {
            let world = try TreeWorld()
            defer { world.end() }
            try world.makeJob()
            try world.files.writeFile(world.path("f.tmp"), "{}")
            try world.files.setAttribute(world.path("f.tmp"), "user.a", [65])
            try world.files.rename(world.path("f.tmp"), to: world.path("f.json"))
            let stored = world.store.storedProperties(of: world.blob("f.json"))
            #expect(stored?.contentType == "application/json")
            #expect(stored?.metadata["ofs_xattr_61"] == "QQ")
            #expect(try world.files.readText(world.path("f.json")) == "{}")
            try world.files.rename(world.path("f.json"), to: world.path("f.txt"))
            #expect(world.store.storedProperties(of: world.blob("f.txt"))?.contentType == "application/json")
        }
    }

    // MARK: Directories

    @Test func `of a directory waits for a close that is under way in it`() async throws {
        try await onOwnThread {
            let world = try TreeWorld()
            defer { world.end() }
            world.put("d/keep", "x")
            let descriptor = try world.files.open(world.path("d/f"), O_WRONLY | O_CREAT)
            try world.files.write(descriptor, Array("written".utf8))
            world.store.hold(.putBlob)
            let closing = Worker { try world.files.close(descriptor) }
            try blocking { await world.store.waitUntilHeld(.putBlob) }
            let renaming = Self.rename(world, "d", "n")
            lead(renaming)
            world.store.release(.putBlob)
            try closing.join()
            #expect(try renaming.join() == nil)
            #expect(world.blobNames == ["t/$TaskOutput/n/f", "t/$TaskOutput/n/keep"])
            #expect(world.stored("n/f") == "written")
        }
    }

    @Test func `of a directory gives no handle the bytes of another version`() async throws {
        try await onOwnThread {
            let world = try TreeWorld()
            defer { world.end() }
            world.store.add(world.blob("d/f"), pattern(300_000))
            let descriptor = try world.files.open(world.path("d/f"), O_RDONLY)
            world.store.add(world.blob("d/f"), pattern(300_000, seed: 2))
            try world.files.rename(world.path("d"), to: world.path("n"))
            expect(Errno(rawValue: ESTALE)) { try world.files.pread(descriptor, count: 10, at: 200_000) }
            // These came with the open.
            #expect(try world.files.pread(descriptor, count: 10, at: 0) == Array(pattern(10)))
            #expect(try world.files.readFile(world.path("n/f")) == pattern(300_000, seed: 2))
            try world.files.close(descriptor)
        }
    }

    @Test func `of a directory leaves behind what was unlinked and is still open`() async throws {
        try await onOwnThread {
            let world = try TreeWorld()
            defer { world.end() }
            world.put("d/keep", "x")
            world.put("d/f", "gone")
            let descriptor = try world.files.open(world.path("d/f"), O_RDONLY)
            try world.files.unlink(world.path("d/f"))
            try world.files.rename(world.path("d"), to: world.path("n"))
            #expect(try world.files.names(world.path("n")) == ["keep"])
            #expect(try world.files.readAll(descriptor) == Array("gone".utf8))
            try world.files.close(descriptor)
            let isGone = eventually { world.blobNames == ["t/$TaskOutput/n/keep"] }
            #expect(isGone)
        }
    }

    @Test func `of a directory that fails while copying leaves no copy`() async throws {
        try await onOwnThread {
            let world = try TreeWorld()
            defer { world.end() }
            for name in ["a", "b", "c"] { world.put("d/" + name, name) }
            world.store.hold(.copy)
            world.store.fail(call: 3, of: .copy, error: .test(.denied))
            let renaming = Self.rename(world, "d", "n")
            try blocking { await world.store.waitUntilHeld(.copy, count: 3) }
            // Two are copied before the third fails.
            world.store.releaseFirst(.copy)
            world.store.releaseFirst(.copy)
            let areThere = eventually { world.blobNames.count == 5 }
            #expect(areThere)
            world.store.release(.copy)
            #expect(try renaming.join() == .permissionDenied)
            #expect(world.blobNames == ["a", "b", "c"].map { "t/$TaskOutput/d/" + $0 })
            try world.files.rename(world.path("d"), to: world.path("n"))
            #expect(world.blobNames == ["a", "b", "c"].map { "t/$TaskOutput/n/" + $0 })
        }
    }

    @Test func `of a directory first ends an earlier one that was cut short there`() async throws {
        try await onOwnThread {
            let world = try TreeWorld()
            defer { world.end() }
            world.put("d/f", "x")
            #expect(try world.files.names(world.path("d")) == ["f"])
            // A copy that nobody hears of, and that cannot be looked for.
            world.store.hold(.copy)
            world.store.failNext(.copy, error: .test(.unavailable, .persistent), takesEffect: true)
            let renaming = Self.rename(world, "d", "e")
            try blocking { await world.store.waitUntilHeld(.copy) }
            world.store.failNext(.listBlobs, count: .max, error: .test(.unavailable, .persistent))
            world.store.release(.copy)
            #expect(try renaming.join() == .ioError)
            let isNamed = eventually { world.tree.status().pendingFiles.contains { $0.failedAttempts > 1 } }
            #expect(isNamed && world.stored("e/f") == "x")
            world.store.removeFaults()
            try world.files.rename(world.path("d"), to: world.path("e"))
            #expect(world.stored("e/f") == "x" && world.stored("d/f") == nil)
            #expect(world.tree.status().pendingFiles.isEmpty)
        }
    }

    @Test func `of a directory cannot be interrupted any more once sources go`() async throws {
        try await onOwnThread {
            let world = try TreeWorld()
            defer { world.end() }
            for name in ["a", "b"] { world.put("d/" + name, name) }
            let descriptor = try world.files.open(world.path("d/a"), O_RDONLY)
            // So that the right to delete is known.
            world.put("w", "w")
            try world.files.rename(world.path("w"), to: world.path("w2"))
            world.store.hold(.delete)
            let renaming = Self.rename(world, "d", "n")
            try blocking { await world.store.waitUntilHeld(.delete, count: 2) }
            world.kernel.interruptAll()
            world.store.release(.delete)
            _ = try renaming.join()
            let isDone = eventually {
                world.blobNames == ["t/$TaskOutput/n/a", "t/$TaskOutput/n/b", "t/$TaskOutput/w2"]
            }
            #expect(isDone)
            #expect(try world.files.readAll(descriptor) == Array("a".utf8))
            try world.files.close(descriptor)
        }
    }

    @Test func `of a directory that cannot delete one source moves the rest, and open files with it`() async throws {
        try await onOwnThread {
            let world = try TreeWorld()
            defer { world.end() }
            for name in ["a", "b", "c"] { world.put("d/" + name, name) }
            let descriptors = try ["a", "b"].map { try world.files.open(world.path("d/" + $0), O_RDONLY) }
            world.store.change(world.blob("d/a")) { $0.leaseState = "leased" }
            // The lease has changed the version, not the bytes; the listing says so.
            expect(.resourceBusy) { try world.files.rename(world.path("d"), to: world.path("n")) }
            #expect(world.blobNames == ["d/a", "n/a", "n/b", "n/c"].map { "t/$TaskOutput/" + $0 })
            #expect(try world.files.names(world.path("d")) == ["a"])
            #expect(try world.files.names(world.path("n")) == ["a", "b", "c"])
            #expect(try world.files.readAll(descriptors[1]) == Array("b".utf8))
            for descriptor in descriptors { try world.files.close(descriptor) }
        }
    }
}
