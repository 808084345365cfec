import BlobStorage
import FileSystemSuite
import Glibc
import OutputTree
import SystemPackage
import TestSupport
import Testing

/// What programs see of failures of the store, and that nothing lies about them.
@Suite("When the store fails", .timeLimit(.minutes(5)))
struct StoreFailureTests {
    /// §5.4
    @Test(
        arguments: [
            (.notFound, ESTALE), (.denied, EACCES), (.unauthenticated, EACCES), (.leased, EBUSY), (.immutable, EPERM),
            (.archived, EREMOTE), (.encrypted, EACCES), (.conflict, EBUSY), (.containerBeingDeleted, EBUSY),
            (.invalid, EINVAL),
            (.tooLarge, EFBIG), (.throttled, EIO), (.unavailable, EIO), (.corrupted, EIO), (.unexpected, EIO),
        ] as [(StorageError.Kind, Int32)]
    )
    func `a read says why`(kind: StorageError.Kind, errno: Int32) async throws {
        try await onOwnThread {
            let world = try TreeWorld()
            defer { world.end() }
            world.store.add(world.blob("f"), pattern(300_000))
            let descriptor = try world.files.open(world.path("f"), O_RDONLY)
            world.store.failNext(.read, error: .test(kind))
            expect(Errno(rawValue: errno)) { try world.files.pread(descriptor, count: 10, at: 200_000) }
            #expect(try world.files.pread(descriptor, count: 10, at: 200_000) == Array(pattern(200_010).suffix(10)))
            try world.files.close(descriptor)
            #expect(world.tree.status().errors.count == (kind == .notFound ? 0 : 1))
        }
    }

    @Test(
        arguments: [
            (.denied, EACCES), (.leased, EBUSY), (.immutable, EPERM), (.conflict, EBUSY),
            (.invalid, EINVAL), (.tooLarge, EFBIG), (.throttled, EIO), (.unavailable, EIO), (.localInput, EIO),
        ] as [(StorageError.Kind, Int32)]
    )
    func `a close that fails says why, keeps the bytes, and a later fsync sends them`(
        kind: StorageError.Kind,
        errno: Int32
    ) async throws {
        try await onOwnThread {
            let world = try TreeWorld()
            defer { world.end() }
            try world.makeJob()
            let keeper = try world.files.open(world.path("f"), O_RDWR | O_CREAT)
            try world.files.write(keeper, Array("bytes".utf8))
            let twin = try world.files.duplicate(keeper)
            world.store.failNext(.putBlob, error: .test(kind))
            expect(Errno(rawValue: errno)) { try world.files.close(twin) }
            #expect(world.stored("f") == nil)
            #expect(try world.files.readText(world.path("f")) == "bytes")
            #expect(try world.files.names(world.folder) == ["f"])
            let pending = world.tree.status().pendingFiles
            #expect(pending.map(\.path) == ["job-j/t/$TaskOutput/f"])
            #expect(pending.first?.failedAttempts == 1)
            try world.files.fsync(keeper)
            #expect(world.stored("f") == "bytes")
            #expect(world.tree.status().pendingFiles.isEmpty)
            try world.files.close(keeper)
        }
    }

    @Test func `what a failed last close left is sent behind it`() async throws {
        try await onOwnThread {
            let world = try TreeWorld()
            defer { world.end() }
            try world.makeJob()
            world.store.failNext(.putBlob, error: .test(.unavailable))
            expect(.ioError) { try world.files.writeFile(world.path("f"), "bytes") }
            #expect(try world.files.readText(world.path("f")) == "bytes")
            let isThere = eventually { world.stored("f") == "bytes" }
            #expect(isThere)
            let isSettled = eventually { world.tree.status().pendingFiles.isEmpty }
            #expect(isSettled)
        }
    }

    @Test func `a name that was lost to somebody else behind the last close leaves nothing behind`() async throws {
        let world = try TreeWorld()
        try await onOwnThread {
            try world.makeJob()
            world.store.hold(.putBlob)
            // Nothing is written: close does not place the file, the last release does.
            let descriptor = try world.files.open(world.path("f"), O_WRONLY | O_CREAT | O_EXCL)
            try world.files.close(descriptor)
        }
        await world.store.waitUntilHeld(.putBlob)
        world.put("f", "theirs")
        world.kernel.forgetAll()
        #expect(world.tree.status().pendingFiles.map(\.path) == ["job-j/t/$TaskOutput/f"])
        world.store.release(.putBlob)
        try await onOwnThread {
            // The root and `self`.
            let isSettled = eventually { world.tree.status().knownNodes == 2 }
            #expect(isSettled)
            let text = try world.files.readText(world.path("f"))
            #expect(text == "theirs")
            world.end()
        }
    }

    @Test func `a drain sends what is there, and says what it could not send`() async throws {
        let world = try TreeWorld()
        try await onOwnThread {
            try world.makeJob()
            for name in ["a", "b"] {
                let descriptor = try world.files.open(world.path(name), O_WRONLY | O_CREAT)
                try world.files.write(descriptor, Array(name.utf8))
            }
        }
        world.store.failNext(.putBlob, count: .max, error: .test(.denied))
        let failed = await world.tree.drain(timeout: .seconds(20))
        #expect(failed.uploaded == 0)
        #expect(failed.remaining.map(\.path) == ["job-j/t/$TaskOutput/a", "job-j/t/$TaskOutput/b"])
        let isExplained = failed.remaining.allSatisfy { $0.lastError != nil && $0.isOpen }
        #expect(isExplained)
        world.store.removeFaults()
        let done = await world.tree.drain(timeout: .seconds(20))
        #expect(done.uploaded == 2 && done.remaining.isEmpty)
        #expect(world.stored("a") == "a" && world.stored("b") == "b")
        await world.end()
    }

    @Test func `a drain whose time is up tells what is left`() async throws {
        let world = try TreeWorld()
        try await onOwnThread {
            try world.makeJob()
            let descriptor = try world.files.open(world.path("a"), O_WRONLY | O_CREAT)
            try world.files.write(descriptor, [1])
        }
        world.store.hold(.putBlob)
        let report = await world.tree.drain(timeout: .milliseconds(50))
        #expect(report.uploaded == 0 && report.remaining.count == 1)
        world.store.release(.putBlob)
        await world.end()
    }

    // MARK: Every request of every operation

    /// What is done, and how the store looks when it is done.
    struct Operation: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let prepare: @Sendable (TreeWorld) throws -> Void
        let run: @Sendable (any FileOperations, TreeWorld) throws -> Void
        let isDone: @Sendable (TreeWorld) -> Bool
    }

    static let operations: [Operation] = [
        Operation(testDescription: "write a small file") {
            try $0.makeJob()
        } run: { files, world in
            try files.writeFile(world.path("f"), "small")
        } isDone: {
            $0.stored("f") == "small"
        },
        Operation(testDescription: "write a file of many blocks") {
            try $0.makeJob()
        } run: { files, world in
            try files.writeFile(world.path("f"), pattern(1_000_000))
        } isDone: {
            $0.store.bytes(of: $0.blob("f")) == pattern(1_000_000)
        },
        Operation(testDescription: "edit a file of many blocks") {
            $0.store.add($0.blob("f"), pattern(700_000))
        } run: { files, world in
            let descriptor = try files.open(world.path("f"), O_RDWR)
            do { try files.pwrite(descriptor, [77], at: 300_000) } catch {
                try? files.close(descriptor)
                throw error
            }
            try files.close(descriptor)
        } isDone: {
            $0.store.bytes(of: $0.blob("f"))?[300_000] == 77 && $0.store.bytes(of: $0.blob("f"))?.count == 700_000
        },
        Operation(testDescription: "truncate") {
            $0.put("f", "0123456789")
        } run: { files, world in
            try files.truncate(world.path("f"), to: 4)
        } isDone: {
            $0.stored("f") == "0123"
        },
        Operation(testDescription: "rename a file") {
            $0.put("f", "x")
        } run: { files, world in
            guard files.exists(world.path("f")) || !files.exists(world.path("g")) else { return }
            try files.rename(world.path("f"), to: world.path("g"))
        } isDone: {
            $0.stored("g") == "x" && $0.stored("f") == nil
        },
        Operation(testDescription: "rename a directory") { world in
            for name in ["d/a", "d/b", "d/e/c"] { world.put(name, name) }
        } run: { files, world in
            // No single step moves many blobs: what failed half way is both here and there, complete in one of them.
            let isMoved = ["n/a", "n/b", "n/e/c"].allSatisfy { files.exists(world.path($0)) }
            if isMoved { return try files.removeTree(world.path("d")) }
            if files.exists(world.path("n")) { try files.removeTree(world.path("n")) }
            try files.rename(world.path("d"), to: world.path("n"))
        } isDone: {
            $0.blobNames == ["t/$TaskOutput/n/a", "t/$TaskOutput/n/b", "t/$TaskOutput/n/e/c"]
        },
        Operation(testDescription: "unlink") {
            $0.put("f", "x")
        } run: { files, world in
            do throws(Errno) { try files.unlink(world.path("f")) } catch {
                guard error != .noSuchFileOrDirectory else { return }
                throw error
            }
        } isDone: {
            $0.stored("f") == nil
        },
        Operation(testDescription: "make and remove a directory") {
            try $0.makeJob()
        } run: { files, world in
            if !files.exists(world.path("d")) { try files.makeDirectory(world.path("d")) }
            try files.removeDirectory(world.path("d"))
        } isDone: {
            $0.blobNames == []
        },
        Operation(testDescription: "make a symbolic link") {
            try $0.makeJob()
        } run: { files, world in
            try files.makeLink(world.path("l"), to: "target")
        } isDone: {
            $0.stored("l") == "target"
        },
        Operation(testDescription: "chmod") {
            $0.put("f", "x")
        } run: { files, world in
            try files.setPermissions(world.path("f"), 0o600)
        } isDone: {
            $0.store.storedProperties(of: $0.blob("f"))?.metadata["permissions"] == "33152"
        },
        Operation(testDescription: "set an attribute") {
            $0.put("f", "x")
        } run: { files, world in
            try files.setAttribute(world.path("f"), "user.a", [65])
        } isDone: {
            $0.store.storedProperties(of: $0.blob("f"))?.metadata["ofs_xattr_61"] == "QQ"
        },
        Operation(testDescription: "list and read") {
            $0.put("d/f", "x")
        } run: { files, world in
            guard try files.names(world.path("d")) == ["f"] else { throw Errno.invalidArgument }
            guard try files.readText(world.path("d/f")) == "x" else { throw Errno.invalidArgument }
        } isDone: { _ in
            true
        },
    ]

    /// The n-th request fails, for n = 1, 2, 3 … until the operation makes fewer. Success means that it is done; after a
    /// failure the same once more, or a drain, does it.
    @Test(arguments: operations)
    func `no request may fail unseen`(_ operation: Operation) async throws {
        for n in 1...60 {
            let world = try TreeWorld(keepsNames: n.isMultiple(of: 2))
            let wasReached = try await onOwnThread {
                try operation.prepare(world)
                world.store.resetCounts()
                world.store.fail(call: n, error: .test(.unavailable))
                do {
                    try operation.run(world.files, world)
                    _ = eventually { operation.isDone(world) }
                    #expect(operation.isDone(world), "said done with request \(n) failing")
                } catch { #expect(error as? Errno == .ioError, "with request \(n) failing") }
                return world.store.counts.values.reduce(0, +) >= n
            }
            world.store.removeFaults()
            _ = await world.tree.drain(timeout: .seconds(30))
            try await onOwnThread {
                world.letValidityPass()
                if !operation.isDone(world) { try operation.run(world.files, world) }
                #expect(operation.isDone(world), "not done after request \(n) failed and nothing else")
                world.end()
            }
            if !wasReached { return }
        }
        Issue.record("more than 60 requests")
    }
}
