import BlobStorage
import FileSystemSuite
import Glibc
import OutputTree
import SystemPackage
import TestSupport
import Testing

/// What was unlinked while it was open goes with its last handle, and does not come back.
@Suite("An unlinked file that is open", .timeLimit(.minutes(5)))
struct HeldBlobTests {
    @Test func `without delete permission it keeps its name, and unlink says so`() async throws {
        try await onOwnThread {
            let world = try TreeWorld()
            defer { world.end() }
            world.put("f", "bytes")
            world.store.failNext(.delete, count: .max, error: .test(.denied))
            let descriptor = try world.files.open(world.path("f"), O_RDONLY)
            expect(.permissionDenied) { try world.files.unlink(world.path("f")) }
            #expect(try world.files.names(world.folder) == ["f"])
            try world.files.close(descriptor)
            #expect(world.stored("f") == "bytes")
        }
    }

    @Test func `a removal that fails is named, and a drain sends it`() async throws {
        let world = try TreeWorld()
        try await onOwnThread {
            world.put("f", "bytes")
            let descriptor = try world.files.open(world.path("f"), O_RDONLY)
            try world.files.unlink(world.path("f"))
            world.store.failNext(.delete, count: .max, error: .test(.unavailable))
            try world.files.close(descriptor)
            let isNamed = eventually { world.tree.status().pendingFiles.first?.failedAttempts == 1 }
            #expect(isNamed)
            world.letValidityPass()
            #expect(try world.files.names(world.folder) == [])
        }
        let failed = await world.tree.drain(timeout: .seconds(20))
        #expect(failed.remaining.map(\.path) == ["job-j/t/$TaskOutput/f"])
        world.store.removeFaults()
        let done = await world.tree.drain(timeout: .seconds(20))
        #expect(done.remaining.isEmpty && done.uploaded == 0)
        #expect(world.stored("f") == nil)
        await world.end()
    }

    @Test func `a drain waits for a removal that is under way`() async throws {
        let world = try TreeWorld()
        try await onOwnThread {
            world.put("f", "bytes")
            let descriptor = try world.files.open(world.path("f"), O_RDONLY)
            try world.files.unlink(world.path("f"))
            world.store.hold(.delete)
            try world.files.close(descriptor)
        }
        await world.store.waitUntilHeld(.delete)
        async let report = world.tree.drain(timeout: .seconds(20))
        world.store.release(.delete)
        #expect(await report.remaining.isEmpty)
        #expect(world.stored("f") == nil)
        await world.end()
    }

    @Test func `a drain names what is unlinked and still open`() async throws {
        let world = try TreeWorld()
        try await onOwnThread {
            world.put("f", "bytes")
            _ = try world.files.open(world.path("f"), O_RDONLY)
            try world.files.unlink(world.path("f"))
        }
        let report = await world.tree.drain(timeout: .seconds(20))
        #expect(report.remaining.map(\.isOpen) == [true])
        #expect(world.stored("f") == "bytes")
        await world.end()
    }

    @Test func `one that somebody changed the attributes of is removed all the same`() async throws {
        try await onOwnThread {
            let world = try TreeWorld()
            defer { world.end() }
            world.put("f", "bytes")
            world.store.change(world.blob("f")) { $0.contentMD5 = "MD5 of bytes" }
            let descriptor = try world.files.open(world.path("f"), O_RDONLY)
            try world.files.unlink(world.path("f"))
            world.store.change(world.blob("f")) { $0.metadata["a"] = "b" }
            try world.files.close(descriptor)
            let isGone = eventually { world.stored("f") == nil }
            #expect(isGone)
        }
    }

    @Test func `one that somebody replaced stays theirs`() async throws {
        try await onOwnThread {
            let world = try TreeWorld()
            defer { world.end() }
            world.put("f", "bytes")
            let descriptor = try world.files.open(world.path("f"), O_RDONLY)
            try world.files.unlink(world.path("f"))
            world.put("f", "theirs")
            try world.files.close(descriptor)
            let isSettled = eventually { world.tree.status().pendingFiles.isEmpty }
            #expect(isSettled)
            #expect(world.stored("f") == "theirs")
        }
    }

    @Test func `an empty one takes nothing away that got its name since`() async throws {
        try await onOwnThread {
            let world = try TreeWorld()
            defer { world.end() }
            for name in ["d", "f", "l"] { world.put(name, "") }
            let descriptors = try ["d", "f", "l"].map { try world.files.open(world.path($0), O_RDONLY) }
            for name in ["d", "f", "l"] { try world.files.unlink(world.path(name)) }
            try world.files.makeDirectory(world.path("d"))
            try world.files.writeFile(world.path("f"), "")
            try world.files.makeLink(world.path("l"), to: "f")
            for descriptor in descriptors { try world.files.close(descriptor) }
            let isSettled = eventually { world.tree.status().pendingFiles.isEmpty }
            #expect(isSettled)
            world.letValidityPass()
            #expect(try world.files.names(world.folder) == ["d", "f", "l"])
        }
    }

    @Test func `a new file of its name that is unlinked before it is sent leaves it to those who read on`() async throws
    {
        try await onOwnThread {
            let world = try TreeWorld()
            defer { world.end() }
            world.put("f", "bytes")
            let reader = try world.files.open(world.path("f"), O_RDONLY)
            try world.files.unlink(world.path("f"))
            let writer = try world.files.open(world.path("f"), O_WRONLY | O_CREAT | O_EXCL)
            try world.files.unlink(world.path("f"))
            try world.files.close(writer)
            world.letValidityPass()
            #expect(try world.files.names(world.folder) == [])
            #expect(try world.files.readAll(reader) == Array("bytes".utf8))
            try world.files.close(reader)
            let isGone = eventually { world.stored("f") == nil }
            #expect(isGone)
        }
    }
}
