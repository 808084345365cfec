import FileSystemModel
import FileSystemSuite
import Glibc
import OutputTree
import SystemPackage
import TestSupport
import Testing

/// What is asked of the store and when; and who is let go when it takes too long.
@Suite("In its own time", .timeLimit(.minutes(5)))
struct TreeTimingTests {
    @Test func `within the validity stat, ls and absent names cost nothing`() async throws {
        try await onOwnThread {
            let world = try TreeWorld(keepsNames: true)
            defer { world.end() }
            for number in 0..<20 { world.put("n\(number)", "x") }
            #expect(try world.files.names(world.folder).count == 20)
            world.clock.advance(by: .milliseconds(900))
            // This kernel has no name cache: what the way there costs is not counted.
            let way = try requests(world) { _ = try world.files.status(world.folder) }
            let listing = try requests(world) { _ = try world.files.names(world.folder) }
            let status = try requests(world) { _ = try world.files.status(world.path("n1")) }
            let absence = requests(world) { _ = world.files.exists(world.path("none")) }
            #expect(listing == way && status == way && absence == way)
            world.clock.advance(by: .milliseconds(200))
            let later = try requests(world) { _ = try world.files.status(world.path("n1")) }
            #expect(later > way)
        }
    }

    private func requests(_ world: TreeWorld, _ body: () throws -> Void) rethrows -> Int {
        world.store.resetCounts()
        try body()
        return world.store.counts.values.reduce(0, +)
    }

    @Test func `an open asks once, and reading what came with it nothing`() async throws {
        try await onOwnThread {
            let world = try TreeWorld(keepsNames: true)
            defer { world.end() }
            world.put("f", "bytes")
            #expect(try world.files.names(world.folder) == ["f"])
            let way = try requests(world) { _ = try world.files.status(world.path("f")) }
            var descriptor: Int32 = -1
            let opening = try requests(world) { descriptor = try world.files.open(world.path("f"), O_RDONLY) }
            #expect(opening == way + 1)
            world.store.resetCounts()
            for _ in 0..<3 { #expect(try world.files.pread(descriptor, count: 5, at: 0) == Array("bytes".utf8)) }
            #expect(world.store.counts.isEmpty)
            try world.files.close(descriptor)
        }
    }

    /// §5.3
    @Test func `a reader that is interrupted gets EINTR, and others read on`() async throws {
        let world = try TreeWorld()
        world.put("f", "bytes")
        world.store.hold(.read)
        let reader = Worker { () -> Errno? in
            do throws(Errno) {
                _ = try world.files.readFile(world.path("f"))
                return nil
            } catch { return error }
        }
        await world.store.waitUntilHeld(.read)
        world.kernel.interruptAll()
        let outcome = try await reader.value()
        #expect(outcome == .interrupted)
        world.store.release(.read)
        try await onOwnThread {
            let text = try world.files.readText(world.path("f"))
            #expect(text == "bytes")
            world.end()
        }
    }

    @Test func `a close that is interrupted gets EINTR, and its bytes are sent behind it`() async throws {
        let world = try TreeWorld()
        try await onOwnThread { try world.makeJob() }
        world.store.hold(.putBlob)
        let writer = Worker { () -> Errno? in
            do throws(Errno) {
                try world.files.writeFile(world.path("f"), "bytes")
                return nil
            } catch { return error }
        }
        await world.store.waitUntilHeld(.putBlob)
        world.kernel.interruptAll()
        let outcome = try await writer.value()
        #expect(outcome == .interrupted)
        world.store.release(.putBlob)
        try await onOwnThread {
            let isThere = eventually { world.stored("f") == "bytes" }
            #expect(isThere)
            let isSettled = eventually { world.tree.status().pendingFiles.isEmpty }
            #expect(isSettled)
            world.end()
        }
    }

    @Test func `several who list a directory at once get one listing`() async throws {
        let world = try TreeWorld(keepsNames: true)
        world.put("f", "x")
        try await onOwnThread { _ = try world.files.status(world.folder) }
        world.store.resetCounts()
        world.store.hold(.listBlobs)
        let listers = (0..<3).map { _ in Worker { try world.files.names(world.folder) } }
        await world.store.waitUntilHeld(.listBlobs)
        world.store.release(.listBlobs)
        for lister in listers {
            let names = try await lister.value()
            #expect(names == ["f"])
        }
        // One for the directory, and one on each one's way, where this kernel asks whether the task is there.
        #expect(world.store.count(of: .listBlobs) <= 4)
        try await onOwnThread { world.end() }
    }

    /// §1.8
    @Test func `self leads to the task of the process that reads it`() async throws {
        try await onOwnThread {
            let world = try TreeWorld()
            defer { world.end() }
            try world.makeJob()
            try world.files.writeFile(world.path("f"), "mine")
            let process = try ChildProcess(
                ["/bin/sleep", "60"],
                environment: ["AZ_BATCH_JOB_ID=j", "AZ_BATCH_TASK_ID=t"]
            )
            defer {
                process.send(SIGKILL)
                process.wait()
            }
            expect(.noSuchFileOrDirectory) { try world.files.readLink("self") }
            world.kernel.caller = Caller(userID: geteuid(), groupID: getegid(), processID: process.id, umask: 0o022)
            // Until it has exec'd, its environment is ours.
            let isThere = eventually { (try? world.files.readLink("self")) == "jobs/j/tasks/t" }
            #expect(isThere)
            #expect(try world.files.readText("self/TaskOutput/f") == "mine")
            expect(.notPermitted) { try world.files.unlink("self") }
        }
    }
}
