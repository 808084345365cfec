import BlobReading
import BlobStorage
import FileSystemSuite
import Glibc
import SystemPackage
import TestSupport
import Testing

@testable import OutputTree

/// Files whose bytes are on the local disk, read by a kernel that passes through (`TreeFiles` stands for it).
@Suite("Local copies", .timeLimit(.minutes(5)))
struct LocalCopyTests {
    private let size = 700_000

    /// A world whose file `f` lies on the disk as a whole, and what its mount was asked so far is forgotten.
    private func withWarmFile(
        disk: DiskUse = .passthrough,
        _ body: @escaping @Sendable (TreeWorld) throws -> Void
    ) async throws {
        let size = size
        try await onOwnThread {
            let world = try TreeWorld(keepsNames: true, disk: disk)
            defer { world.end() }
            try world.makeJob()
            world.store.add(world.blob("f"), pattern(size))
            // From now on the kernel knows its name.
            _ = try world.files.status(world.path("f"))
            try same(world.files.readFile(world.path("f")), pattern(size))
            #expect(eventually { world.tree.isSaved(UInt64(size)) })
            world.store.resetCounts()
            try body(world)
        }
    }

    // MARK: Reading

    @Test func `a file that is on the disk is read by the kernel, after one request`() async throws {
        try await withWarmFile { world in
            let (bytes, all) = try world.counting { try world.files.readFile(world.path("f")) }
            same(bytes, pattern(700_000))
            #expect(world.kernel.passthroughReads > 0)
            #expect(all == [.properties: 1])
        }
    }

    @Test func `where the kernel may not, it is read from the disk by the mount`() async throws {
        try await withWarmFile(disk: .cache) { world in
            let (tree, files) = try world.secondTree()
            let bytes = try files.readFile(world.path("f"))
            same(bytes, pattern(700_000))
            #expect(files.passthroughReads == 0)
            #expect(world.store.count(of: .read) == 0)
            #expect(tree.cache.statistics.bytesFromDisk == 700_000)
        }
    }

    @Test func `after a new mount the disk is read at once, and by the kernel once the file is verified`() async throws
    {
        try await withWarmFile { world in
            let (_, files) = try world.secondTree()
            try same(files.readFile(world.path("f")), pattern(700_000))
            #expect(
                eventually {
                    let before = files.passthroughReads
                    let bytes = try? files.readFile(world.path("f"))
                    return bytes == pattern(700_000) && files.passthroughReads > before
                }
            )
            #expect(world.store.count(of: .read) == 0)
        }
    }

    @Test func `an open asks the store once, stat and listing within the validity not at all`() async throws {
        try await withWarmFile { world in
            let (status, asked) = try world.counting { try world.files.status(world.path("f")) }
            #expect(status.size == 700_000)
            #expect(asked.isEmpty)
            let (descriptor, open) = try world.counting { try world.files.open(world.path("f"), O_RDONLY) }
            #expect(open == [.properties: 1])
            let (_, opened) = try world.counting { try world.files.status(descriptor) }
            #expect(opened.isEmpty)
            _ = try world.files.names(world.folder)
            let (names, listing) = try world.counting { try world.files.names(world.folder) }
            #expect(names == ["f"])
            #expect(listing.isEmpty)
            let (_, close) = try world.counting { try world.files.close(descriptor) }
            #expect(close.isEmpty)
        }
    }

    @Test func `what was written here is on the disk after its close`() async throws {
        try await onOwnThread {
            let world = try TreeWorld(keepsNames: true, disk: .passthrough)
            defer { world.end() }
            try world.makeJob()
            try world.files.writeFile(world.path("f"), pattern(700_000, seed: 5))
            #expect(
                eventually {
                    let before = world.kernel.passthroughReads
                    let bytes = try? world.files.readFile(world.path("f"))
                    return bytes == pattern(700_000, seed: 5) && world.kernel.passthroughReads > before
                }
            )
            let (_, files) = try world.secondTree()
            world.store.resetCounts()
            try same(files.readFile(world.path("f")), pattern(700_000, seed: 5))
            #expect(world.store.count(of: .read) == 0)
        }
    }

    // MARK: Another name

    private func isThere(_ world: TreeWorld, _ name: String) -> Bool {
        guard let etag = world.store.storedProperties(of: world.blob(name))?.version.etag else { return false }
        return world.holdsLocally(world.blob(name), etag)
    }

    private func expectLocal(_ world: TreeWorld, _ name: String) throws {
        #expect(eventually { isThere(world, name) })
        let (_, files) = try world.secondTree()
        world.store.resetCounts()
        try same(files.readFile(world.path(name)), pattern(700_000))
        #expect(world.store.count(of: .read) == 0)
    }

    @Test func `what is on the disk stays a file's that is renamed`() async throws {
        try await withWarmFile(disk: .cache) { world in
            try world.files.rename(world.path("f"), to: world.path("g"))
            try expectLocal(world, "g")
        }
    }

    @Test func `what is on the disk stays a file's whose mode is changed`() async throws {
        try await withWarmFile(disk: .cache) { world in
            try world.files.setPermissions(world.path("f"), 0o600)
            try expectLocal(world, "f")
        }
    }

    @Test func `what is on the disk goes along with a directory`() async throws {
        try await withWarmFile(disk: .cache) { world in
            try world.files.rename("jobs/j/tasks/t/TaskOutput", to: "jobs/j/tasks/t/Other")
            let moved = BlobAddress(container: world.blob("f").container, name: "t/$Other/f")
            #expect(
                eventually {
                    world.store.storedProperties(of: moved).map { world.holdsLocally(moved, $0.version.etag) } == true
                }
            )
        }
    }

    @Test func `what was written, closed and renamed at once is on the disk under its last name`() async throws {
        try await onOwnThread {
            let world = try TreeWorld(keepsNames: true, disk: .cache)
            defer { world.end() }
            try world.makeJob()
            try world.files.writeFile(world.path("f.tmp"), pattern(700_000))
            try world.files.rename(world.path("f.tmp"), to: world.path("f.part"))
            try world.files.setPermissions(world.path("f.part"), 0o600)
            try world.files.rename(world.path("f.part"), to: world.path("f"))
            try expectLocal(world, "f")
        }
    }

    @Test func `who has it open while it is renamed and changed leaves it on the disk at close`() async throws {
        try await withWarmFile(disk: .cache) { world in
            let reader = try world.files.open(world.path("f"), O_RDONLY)
            try world.files.setPermissions(world.path("f"), 0o600)
            try world.files.rename(world.path("f"), to: world.path("g"))
            // Read, it would be fetched and saved under its new name.
            try world.files.close(reader)
            try expectLocal(world, "g")
        }
    }

    // MARK: Changes

    @Test(arguments: [O_RDWR, O_WRONLY, O_WRONLY | O_TRUNC, O_WRONLY | O_APPEND])
    func `a writer gets a node of its own, and the kernel's readers keep the bytes of their open`(
        flags: Int32
    ) async throws {
        try await withWarmFile { world in
            let reader = try world.files.open(world.path("f"), O_RDONLY)
            let writer = try world.files.open(world.path("f"), flags)
            try world.files.write(writer, Array("new".utf8))
            let fresh = try world.files.open(world.path("f"), O_RDONLY)
            try same(world.files.readAll(reader), pattern(700_000))
            #expect(try world.files.status(reader).size == 700_000)
            // Whoever opens it from now on sees the writer's bytes at once.
            let expected =
                flags & O_TRUNC != 0
                ? Array("new".utf8)
                : flags & O_APPEND != 0
                    ? pattern(700_000) + Array("new".utf8)
                    : Array("new".utf8) + pattern(700_000)[3...]
            try same(world.files.readAll(fresh), expected)
            try world.files.close(writer)
            same(world.store.bytes(of: world.blob("f")) ?? [], expected)
            try same(world.files.readAll(reader), pattern(700_000))
            try world.files.close(fresh)
            try world.files.close(reader)
            try same(world.files.readFile(world.path("f")), expected)
        }
    }

    @Test func `while a writer has it open, nobody is sent to the local copy`() async throws {
        try await withWarmFile { world in
            let writer = try world.files.open(world.path("f"), O_RDWR)
            let reader = try world.files.open(world.path("f"), O_RDONLY)
            try world.files.pwrite(writer, Array("XX".utf8), at: 10)
            #expect(try world.files.pread(reader, count: 4, at: 9) == [pattern(10)[9]] + Array("XX".utf8) + [12])
            #expect(world.kernel.passthroughReads == 0)
            try world.files.close(writer)
            try world.files.close(reader)
        }
    }

    @Test func `truncate by name changes the file, not what the kernel's readers have`() async throws {
        try await withWarmFile { world in
            let reader = try world.files.open(world.path("f"), O_RDONLY)
            try world.files.truncate(world.path("f"), to: 5)
            #expect(world.store.bytes(of: world.blob("f")) == pattern(5))
            #expect(try world.files.status(world.path("f")).size == 5)
            try same(world.files.readFile(world.path("f")), pattern(5))
            try same(world.files.readAll(reader), pattern(700_000))
            #expect(try world.files.status(reader).size == 700_000)
            try world.files.close(reader)
        }
    }

    @Test func `a change of mode leaves the kernel's readers where they are`() async throws {
        try await withWarmFile { world in
            let reader = try world.files.open(world.path("f"), O_RDONLY)
            try world.files.setPermissions(world.path("f"), 0o600)
            #expect(try world.files.status(reader).permissions == 0o600)
            let again = try world.files.open(world.path("f"), O_RDONLY)
            let before = world.kernel.passthroughReads
            try same(world.files.readAll(again), pattern(700_000))
            #expect(world.kernel.passthroughReads > before)
            try world.files.close(again)
            try world.files.close(reader)
        }
    }

    @Test func `unlink and rename do not disturb the kernel's readers`() async throws {
        try await withWarmFile { world in
            let reader = try world.files.open(world.path("f"), O_RDONLY)
            try world.files.rename(world.path("f"), to: world.path("g"))
            try same(world.files.readAll(reader), pattern(700_000))
            // Renamed, still open: whoever comes shares the copy, and a writer gets another node.
            let second = try world.files.open(world.path("g"), O_RDONLY)
            try world.files.close(reader)
            let writer = try world.files.open(world.path("g"), O_WRONLY)
            try world.files.pwrite(writer, [1], at: 0)
            try world.files.close(writer)
            try same(world.files.readAll(second), pattern(700_000))
            try world.files.unlink(world.path("g"))
            try same(world.files.readAll(second), pattern(700_000))
            try world.files.close(second)
            #expect(eventually { world.store.bytes(of: world.blob("g")) == nil })
            expect(.noSuchFileOrDirectory) { try world.files.status(world.path("g")) }
        }
    }

    @Test func `another file that is renamed over it is what the name means`() async throws {
        try await withWarmFile { world in
            let reader = try world.files.open(world.path("f"), O_RDONLY)
            try world.files.writeFile(world.path("new"), "new")
            try world.files.rename(world.path("new"), to: world.path("f"))
            #expect(try world.files.readText(world.path("f")) == "new")
            try same(world.files.readAll(reader), pattern(700_000))
            #expect(try world.files.status(reader).size == 700_000)
            try world.files.close(reader)
        }
    }

    @Test func `a version from elsewhere is read by who opens it, never mixed with the copy`() async throws {
        try await withWarmFile { world in
            let reader = try world.files.open(world.path("f"), O_RDONLY)
            world.store.add(world.blob("f"), pattern(700_000, seed: 9))
            try same(world.files.readFile(world.path("f")), pattern(700_000, seed: 9))
            try same(world.files.readAll(reader), pattern(700_000))
            try world.files.close(reader)
        }
    }

    @Test func `writers and readers of one file may come in any number`() async throws {
        try await withWarmFile { world in
            var readers: [Int32] = []
            for turn in 0..<6 as Range<UInt8> {
                // Until the last close, the copy is verified again and again by those that come.
                readers.append(try world.files.open(world.path("f"), O_RDONLY))
                let writer = try world.files.open(world.path("f"), O_WRONLY)
                try world.files.pwrite(writer, [turn], at: UInt64(turn))
                try world.files.close(writer)
                #expect(try world.files.readFile(world.path("f"))[Int(turn)] == turn)
            }
            for reader in readers { try world.files.close(reader) }
        }
    }

    // MARK: Never

    @Test func `append blobs and task logs are read by the mount`() async throws {
        try await onOwnThread {
            let world = try TreeWorld(keepsNames: true, disk: .passthrough)
            defer { world.end() }
            try world.makeJob()
            let log = "jobs/j/tasks/t/TaskLog/stdout.txt"
            world.store.add(world.blob("a"), pattern(70_000), type: .append)
            world.store.add(.init(container: "job-j", name: "t/$TaskLog/stdout.txt"), pattern(70_000))
            for _ in 0..<5 {
                try same(world.files.readFile(world.path("a")), pattern(70_000))
                try same(world.files.readFile(log), pattern(70_000))
                #expect(eventually { world.tree.isSaved(140_000) })
            }
            #expect(world.kernel.passthroughReads == 0)
        }
    }
}

extension TreeWorld {
    /// What is asked of the store meanwhile.
    fileprivate func counting<Value>(_ body: () throws -> Value) rethrows -> (Value, [StoreOperation: Int]) {
        store.resetCounts()
        let value = try body()
        return (value, store.counts)
    }
}

extension OutputFileSystem {
    fileprivate func isSaved(_ count: UInt64) -> Bool { cache.statistics.bytesSaved >= count }
}

/// Large arrays, which no failure should print.
private func same(_ one: [UInt8], _ other: [UInt8], sourceLocation: SourceLocation = #_sourceLocation) {
    let isSame = one == other
    #expect(isSame, "\(one.count) and \(other.count) bytes", sourceLocation: sourceLocation)
}
