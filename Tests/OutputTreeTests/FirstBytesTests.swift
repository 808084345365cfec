import BlobReading
import BlobStorage
import FileSystemSuite
import Glibc
import SystemPackage
import TestSupport
import Testing

@testable import OutputTree

/// What an open asks the store, and what comes with the answer.
@Suite("An open for reading", .timeLimit(.minutes(5)))
struct FirstBytesTests {
    /// With a kernel that keeps names, whose directory was listed just now: only opens and reads are counted.
    private func inListedWorld(
        disk: DiskUse = .none,
        _ prepare: @escaping @Sendable (TreeWorld) -> Void,
        _ body: @escaping @Sendable (TreeWorld) throws -> Void
    ) async throws {
        try await onOwnThread {
            let world = try TreeWorld(keepsNames: true, disk: disk)
            defer { world.end() }
            // What this mount made is known: the way to the folder costs nothing.
            try world.makeJob()
            prepare(world)
            for name in try world.files.names(world.folder) { _ = try world.files.status(world.path(name)) }
            world.store.resetCounts()
            try body(world)
        }
    }

    // MARK: Requests

    @Test(arguments: [1, 65_536, 65_537, 200_000, 262_144])
    func `of a small file costs one GET, with which all of it comes`(size: Int) async throws {
        try await inListedWorld {
            $0.store.add($0.blob("f"), pattern(size))
        } _: { (world) throws in
            #expect(try world.files.readFile(world.path("f")) == pattern(size))
            #expect(world.store.counts == [.read: 1])
        }
    }

    @Test func `of a larger file brings one piece, and no more`() async throws {
        try await inListedWorld {
            $0.store.add($0.blob("f"), pattern(600_000))
        } _: { (world) throws in
            let descriptor = try world.files.open(world.path("f"), O_RDONLY)
            #expect(try world.files.pread(descriptor, count: 65_536, at: 0) == pattern(65_536))
            #expect(world.store.counts == [.read: 1])
            #expect(world.tree.cache.statistics.bytesFromStore == 65_536)
            #expect(try world.files.readAll(descriptor) == pattern(600_000))
            #expect(eventually { world.tree.cache.statistics.bytesFromStore == 600_000 })
            try world.files.close(descriptor)
        }
    }

    @Test func `of what is here asks for no bytes`() async throws {
        try await inListedWorld {
            $0.put("f", "bytes")
        } _: { (world) throws in
            #expect(try world.files.readText(world.path("f")) == "bytes")
            world.store.resetCounts()
            #expect(try world.files.readText(world.path("f")) == "bytes")
            #expect(world.store.counts == [.properties: 1])
        }
    }

    @Test func `of what the disk has asks for no bytes in a new mount either`() async throws {
        try await inListedWorld(disk: .cache) {
            $0.store.add($0.blob("f"), pattern(100_000))
        } _: { (world) throws in
            #expect(try world.files.readFile(world.path("f")) == pattern(100_000))
            #expect(eventually { world.tree.cache.statistics.bytesSaved == 100_000 })
            let (_, files) = try world.secondTree()
            _ = try files.status(world.path("f"))
            world.store.resetCounts()
            #expect(try files.readFile(world.path("f")) == pattern(100_000))
            #expect(world.store.count(of: .read) == 0)
        }
    }

    @Test(arguments: [O_WRONLY, O_WRONLY | O_APPEND])
    func `is not what one for writing only is: that asks for no bytes`(flags: Int32) async throws {
        try await inListedWorld {
            $0.put("f", "bytes")
        } _: { (world) throws in
            try world.files.close(try world.files.open(world.path("f"), flags))
            #expect(world.store.counts == [.properties: 1])
        }
    }

    @Test func `of an empty file asks for its properties, of one that was emptied meanwhile for both`() async throws {
        try await inListedWorld {
            $0.put("empty", "")
            $0.put("emptied", "bytes")
        } _: { (world) throws in
            #expect(try world.files.readText(world.path("empty")) == "")
            #expect(world.store.counts == [.properties: 1])
            world.put("emptied", "")
            #expect(try world.files.readText(world.path("emptied")) == "")
        }
    }

    @Test func `of a file that was replaced reads the new bytes, which are fetched once`() async throws {
        try await inListedWorld {
            $0.put("f", "old")
        } _: { (world) throws in
            world.put("f", "newer")
            #expect(try world.files.readText(world.path("f")) == "newer")
            #expect(world.store.counts == [.read: 1, .properties: 1])
        }
    }

    @Test func `of a log that grew since it was looked up brings all of it`() async throws {
        try await inListedWorld {
            $0.store.add($0.blob("log"), pattern(100), type: .append)
        } _: { (world) throws in
            let (store, blob) = (world.store, world.blob("log"))
            try blocking { _ = try await store.append(UploadBody([7, 8]), to: blob, at: 100) }
            world.store.resetCounts()
            #expect(try world.files.readFile(world.path("log")) == pattern(100) + [7, 8])
            #expect(world.store.counts == [.read: 1])
        }
    }

    @Test func `of a log that was read before fetches what is new, and nothing twice`() async throws {
        try await inListedWorld {
            $0.store.add($0.blob("log"), pattern(100), type: .append)
        } _: { (world) throws in
            #expect(try world.files.readFile(world.path("log")) == pattern(100))
            let (store, blob) = (world.store, world.blob("log"))
            try blocking { _ = try await store.append(UploadBody([7, 8]), to: blob, at: 100) }
            let before = world.tree.cache.statistics.bytesFromStore
            #expect(try world.files.readFile(world.path("log")) == pattern(100) + [7, 8])
            // Counted when the request has ended, which is after its bytes were read.
            #expect(eventually { world.tree.cache.statistics.bytesFromStore >= before + 2 })
            #expect(world.tree.cache.statistics.bytesFromStore == before + 2)
        }
    }

    @Test func `by many at once fetches the bytes once, and each asks for itself`() async throws {
        let world = try TreeWorld(keepsNames: true)
        try await onOwnThread {
            try world.makeJob()
            world.put("f", "bytes")
            _ = try world.files.names(world.folder)
            _ = try world.files.status(world.path("f"))
        }
        world.store.resetCounts()
        world.store.hold(.read)
        let first = Worker { try world.files.readText(world.path("f")) }
        await world.store.waitUntilHeld(.read)
        let others = (0..<3).map { _ in Worker { try world.files.readText(world.path("f")) } }
        try await onOwnThread { #expect(eventually { world.store.count(of: .properties) == 3 }) }
        world.store.release(.read)
        let text = try await first.value()
        #expect(text == "bytes")
        for other in others {
            let text = try await other.value()
            #expect(text == "bytes")
        }
        #expect(world.store.count(of: .read) == 1)
        // One more for who is overtaken, between his open and his read, by the last close of the others.
        #expect((3...6).contains(world.store.count(of: .properties)))
        try await onOwnThread { world.end() }
    }

    // MARK: What goes wrong

    @Test func `of what is in the archive by now says so, and the log how it stands`() async throws {
        try await inListedWorld {
            $0.put("f", "cold")
        } _: { (world) throws in
            world.store.change(world.blob("f")) {
                $0.accessTier = "Archive"
                $0.archiveStatus = "rehydrate-pending-to-hot"
            }
            expect(Errno(rawValue: EREMOTE)) { try world.files.open(world.path("f"), O_RDONLY) }
            #expect(world.tree.status().errors.last?.message.contains("rehydrate-pending-to-hot") == true)
        }
    }

    @Test func `of what is gone by now is ENOENT`() async throws {
        try await inListedWorld {
            $0.put("f", "bytes")
        } _: { (world) throws in
            world.store.remove(world.blob("f"))
            expect(.noSuchFileOrDirectory) { try world.files.open(world.path("f"), O_RDONLY) }
        }
    }

    @Test(
        arguments: [
            (.denied, EACCES), (.unauthenticated, EACCES), (.encrypted, EACCES), (.leased, EBUSY), (.throttled, EIO),
            (.unavailable, EIO),
        ] as [(StorageError.Kind, Int32)]
    )
    func `that is refused says why, after one request`(kind: StorageError.Kind, errno: Int32) async throws {
        try await inListedWorld {
            $0.put("f", "bytes")
        } _: { (world) throws in
            world.store.failNext(.read, error: .test(kind))
            expect(Errno(rawValue: errno)) { try world.files.open(world.path("f"), O_RDONLY) }
            #expect(world.store.counts == [.read: 1])
            #expect(try world.files.readText(world.path("f")) == "bytes")
        }
    }

    /// §2.6: it is the read that fails.
    @Test(
        arguments: [.corrupted, .invalid, .tooLarge, .unexpected, .conditionFailed, .conflict] as [StorageError.Kind]
    )
    func `whose bytes do not come right succeeds, and they are asked for again`(kind: StorageError.Kind) async throws {
        try await inListedWorld {
            $0.put("f", "bytes")
        } _: { (world) throws in
            world.store.failNext(.read, error: .test(kind))
            #expect(try world.files.readText(world.path("f")) == "bytes")
            #expect(world.store.counts == [.read: 2, .properties: 1])
        }
    }

    @Test func `that is interrupted gets EINTR, and leaves nothing behind`() async throws {
        let world = try TreeWorld(keepsNames: true)
        try await onOwnThread {
            try world.makeJob()
            world.put("f", "bytes")
            _ = try world.files.status(world.path("f"))
        }
        world.store.hold(.read)
        let opener = Worker { () -> Errno? in
            do throws(Errno) {
                _ = try world.files.open(world.path("f"), O_RDONLY)
                return nil
            } catch { return error }
        }
        await world.store.waitUntilHeld(.read)
        world.kernel.interruptAll()
        let outcome = try await opener.value()
        #expect(outcome == .interrupted)
        world.store.release(.read)
        try await onOwnThread {
            let text = try world.files.readText(world.path("f"))
            #expect(text == "bytes")
            #expect(eventually { world.tree.cache.statistics.residentBytes <= 65_536 })
            world.end()
        }
    }

    /// The n-th request fails, for every n: the bytes, or an error, and the next try has them.
    @Test(arguments: [0, 5, 300_000])
    func `whose n-th request fails fails whole, or not at all`(size: Int) async throws {
        for n in 1...10 {
            let isPast = try await onOwnThread {
                let world = try TreeWorld(keepsNames: true)
                defer { world.end() }
                try world.makeJob()
                world.store.add(world.blob("f"), pattern(size))
                _ = try world.files.status(world.path("f"))
                world.store.resetCounts()
                world.store.fail(call: n, error: .test(.unavailable))
                do {
                    let bytes = try world.files.readFile(world.path("f"))
                    #expect(bytes == pattern(size))
                } catch { #expect(error as? Errno == .ioError) }
                let count = world.store.counts.values.reduce(0, +)
                world.store.removeFaults()
                #expect(try world.files.readFile(world.path("f")) == pattern(size))
                return count < n
            }
            if isPast { return }
        }
        Issue.record("more than ten requests")
    }

    // MARK: What a GET does not tell

    @Test func `does not hide the tier, which a GET does not tell`() async throws {
        try await inListedWorld {
            $0.put("f", "bytes")
            $0.store.change($0.blob("f")) { $0.accessTier = "Cool" }
        } _: { (world) throws in
            let descriptor = try world.files.open(world.path("f"), O_RDONLY)
            #expect(try world.files.attribute(world.path("f"), "user.blob.content_type") != [])
            #expect(world.store.counts == [.read: 1])
            #expect(try world.files.attribute(world.path("f"), "user.blob.access_tier") == Array("Cool".utf8))
            #expect(world.store.counts == [.read: 1, .properties: 1])
            try world.files.close(descriptor)
        }
    }
}
