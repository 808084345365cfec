import BlobStorage
import FileSystemSuite
import Glibc
import OutputTree
import SystemPackage
import TestSupport
import Testing

/// Stories in which this mount, other machines and the kernel's caches meet on one file.
@Suite("Coherence", .timeLimit(.minutes(5)))
struct CoherenceTests {
    private func inWorld(_ body: @escaping @Sendable (TreeWorld) throws -> Void) async throws {
        try await onOwnThread {
            let world = try TreeWorld()
            defer { world.end() }
            try body(world)
        }
    }

    @Test func `a foreign chmod while a file is open does not turn the next write into an empty file`() async throws {
        try await inWorld { world in
            world.store.add(world.blob("f"), Array("0123456789".utf8)) { $0.contentMD5 = "eB5eJF1ptWaXm4bijSPyxw==" }
            let descriptor = try world.files.open(world.path("f"), O_RDWR)
            world.store.change(world.blob("f")) { $0.metadata["permissions"] = "33152" }
            world.letValidityPass()
            _ = try world.files.status(world.path("f"))
            try world.files.pwrite(descriptor, Array("XX".utf8), at: 4)
            try world.files.close(descriptor)
            #expect(world.stored("f") == "0123XX6789")
            #expect(world.store.storedProperties(of: world.blob("f"))?.metadata["permissions"] == "33152")
        }
    }

    /// §2.2
    @Test func `a read that meets a commit of another descriptor gets the bytes of the new version`() async throws {
        try await inWorld { world in
            var bytes = pattern(30_000_000)
            world.store.add(world.blob("f"), bytes)
            let reader = try world.files.open(world.path("f"), O_RDONLY)
            #expect(try world.files.pread(reader, count: 10, at: 0) == Array(bytes[..<10]))
            // On its way before anything is written.
            world.store.hold(.read)
            let (files, store, part) = (world.files, world.store, 20_000_000..<20_001_000)
            let reading = Worker { try files.pread(reader, count: part.count, at: UInt64(part.lowerBound)) }
            try blocking { await store.waitUntilHeld(.read) }
            let writer = try files.open(world.path("f"), O_WRONLY)
            try files.pwrite(writer, [1, 2, 3], at: UInt64(part.lowerBound))
            bytes.replaceSubrange(part.lowerBound..<part.lowerBound + 3, with: [1, 2, 3])
            // The store has the new version, and the mount does not know it while the read is refused, and asks again.
            store.afterNext(.putBlockList) {
                store.release(.read)
                usleep(300_000)
            }
            try files.close(writer)
            #expect(try reading.join() == Array(bytes[part]))
            try files.close(reader)
            #expect(world.store.bytes(of: world.blob("f")) == bytes)
        }
    }

    @Test func `a foreign chmod between a write and its close is no conflict`() async throws {
        try await inWorld { world in
            world.store.add(world.blob("f"), Array("0123456789".utf8)) { $0.contentMD5 = "eB5eJF1ptWaXm4bijSPyxw==" }
            let descriptor = try world.files.open(world.path("f"), O_RDWR)
            try world.files.pwrite(descriptor, Array("XX".utf8), at: 4)
            world.store.change(world.blob("f")) { $0.metadata["note"] = "theirs" }
            try world.files.close(descriptor)
            #expect(world.stored("f") == "0123XX6789")
            #expect(world.store.storedProperties(of: world.blob("f"))?.metadata["note"] == "theirs")
        }
    }

    @Test func `appending to a name that somebody made since the last lookup keeps their bytes`() async throws {
        try await inWorld { world in
            try world.makeJob()
            expect(.noSuchFileOrDirectory) { try world.files.status(world.path("f")) }
            world.put("f", "theirs ")
            let descriptor = try world.files.open(world.path("f"), O_WRONLY | O_CREAT | O_APPEND)
            try world.files.write(descriptor, Array("ours".utf8))
            try world.files.close(descriptor)
            #expect(world.stored("f") == "theirs ours")
        }
    }

    @Test func `a file written again after its fsync is known to be unsent, and drained`() async throws {
        let world = try TreeWorld()
        try await onOwnThread {
            try world.makeJob()
            let descriptor = try world.files.open(world.path("f"), O_WRONLY | O_CREAT)
            try world.files.write(descriptor, Array("one".utf8))
            try world.files.fsync(descriptor)
            try world.files.write(descriptor, Array(" two".utf8))
            world.store.fail(call: 1, error: .test(.unavailable))
            world.store.failNext(.putBlob, error: .test(.unavailable))
            do { try world.files.close(descriptor) } catch { #expect(error as? Errno == .ioError) }
            #expect(world.tree.status().pendingFiles.count == 1)
            world.store.removeFaults()
        }
        let report = await world.tree.drain(timeout: .seconds(30))
        #expect(report.remaining.isEmpty)
        #expect(world.stored("f") == "one two")
        try await onOwnThread { world.end() }
    }

    @Test func `fsync through a descriptor that only reads sends what others wrote`() async throws {
        try await inWorld { world in
            try world.makeJob()
            let writer = try world.files.open(world.path("f"), O_WRONLY | O_CREAT)
            try world.files.write(writer, Array("x".utf8))
            let reader = try world.files.open(world.path("f"), O_RDONLY)
            try world.files.fsync(reader)
            #expect(world.stored("f") == "x")
            try world.files.close(reader)
            try world.files.close(writer)
        }
    }

    @Test func `a truncate that failed is not published later`() async throws {
        try await inWorld { world in
            world.put("f", "0123456789")
            _ = try world.files.status(world.path("f"))
            world.store.failNext(.putBlob, count: 9, error: .test(.unavailable))
            expect(.ioError) { try world.files.truncate(world.path("f"), to: 3) }
            world.store.removeFaults()
            #expect(world.tree.status().pendingFiles.isEmpty)
            #expect(try world.files.readText(world.path("f")) == "0123456789")
            #expect(world.stored("f") == "0123456789")
        }
    }

    @Test func `an attribute that does not fit says so, and the file can still be closed`() async throws {
        try await inWorld { world in
            world.put("f", "x")
            expect(.init(rawValue: E2BIG)) {
                try world.files.setAttribute(world.path("f"), "user.big", [UInt8](repeating: 1, count: 7000))
            }
            try world.files.setAttribute(world.path("f"), "user.fits", [UInt8](repeating: 1, count: 5000))
            try world.files.writeFile(world.path("f"), "changed")
            #expect(world.stored("f") == "changed")
        }
    }

    @Test func `what stat shows is never older than the validity, however it was learned`() async throws {
        try await inWorld { world in
            world.put("f", "old")
            _ = try world.files.names(world.folder)
            world.clock.advance(by: .milliseconds(900))
            // From the listing, which is 0.9 s old: good for 0.1 s more.
            #expect(try world.files.status(world.path("f")).size == 3)
            world.put("f", "newer")
            world.clock.advance(by: .milliseconds(200))
            #expect(try world.files.status(world.path("f")).size == 5)
        }
    }
}
