import BlobStorage
import FileSystemSuite
import Glibc
import OutputTree
import SystemPackage
import TestSupport
import Testing

/// A view whose directories are put together from several listings, as the tree shows and changes it: §1.13.
@Suite("Foreach jobs in the tree", .timeLimit(.minutes(5)))
struct ForeachViewTests {
    /// In a world with the job `job1` of tasks 1 and 2.
    private func inWorld(
        keepsNames: Bool = false,
        _ body: @escaping @Sendable (TreeWorld) throws -> Void
    ) async throws {
        try await onOwnThread {
            let world = try TreeWorld(keepsNames: keepsNames)
            defer { world.end() }
            for name in ["worker.R", "merger.R", "job1.rds", "job1-metadata.rds", "notes.txt"] { world.putBlob(name) }
            for task in 1...2 {
                world.putBlob("results/\(task)-result.rds", "result \(task)")
                world.putBlob("logs/\(task).txt", "log \(task)")
            }
            try body(world)
        }
    }

    @Test func `a job is a tree of its tasks`() async throws {
        try await inWorld { world in
            let files = world.files
            #expect(try files.names("foreach") == ["job1"])
            #expect(try files.names("foreach/job1") == ["job", "other", "results", "tasks"])
            #expect(try files.names("foreach/job1/tasks") == ["1", "2"])
            #expect(try files.names("foreach/job1/tasks/1") == ["log.txt", "result.rds"])
            #expect(try files.names("foreach/job1/results") == ["1.rds", "2.rds"])
            #expect(try files.names("foreach/job1/job") == ["environment.rds", "metadata.rds", "scripts"])
            #expect(try files.names("foreach/job1/other") == ["notes.txt"])
            #expect(try files.readText("foreach/job1/tasks/2/log.txt") == "log 2")
            let inodes = try [
                "foreach/job1/results/1.rds", "foreach/job1/tasks/1/result.rds", "containers/job1/results/1-result.rds",
            ]
            .map { try files.status($0).inode }
            #expect(Set(inodes).count == 1)
        }
    }

    /// `keepsNames`: as the kernel does, which knows directories for as long as it has room.
    @Test(arguments: [false, true])
    func `what was removed here is gone at once, and a task with its last file`(keepsNames: Bool) async throws {
        try await inWorld(keepsNames: keepsNames) { world in
            let files = world.files
            #expect(try files.names("foreach/job1/tasks") == ["1", "2"])
            #expect(try files.names("foreach/job1/results") == ["1.rds", "2.rds"])
            try files.unlink("foreach/job1/tasks/1/result.rds")
            #expect(world.store.bytes(of: BlobAddress(container: "job1", name: "results/1-result.rds")) == nil)
            #expect(try files.names("foreach/job1/tasks/1") == ["log.txt"])
            #expect(try files.names("foreach/job1/results") == ["2.rds"])
            expect(.noSuchFileOrDirectory) { try files.status("foreach/job1/results/1.rds") }
            expect(.noSuchFileOrDirectory) { try files.status("foreach/job1/tasks/1/result.rds") }
            try files.unlink("foreach/job1/tasks/1/log.txt")
            #expect(try files.names("foreach/job1/tasks") == ["2"])
            // For the directory itself, `rm -r` has yet to come.
            #expect(try files.names("foreach/job1/tasks/1") == [])
            world.letValidityPass()
            expect(.noSuchFileOrDirectory) { try files.status("foreach/job1/tasks/1") }
        }
    }

    @Test func `what was removed in another view is not shown either`() async throws {
        try await inWorld { world in
            let files = world.files
            #expect(try files.names("foreach/job1/tasks/1") == ["log.txt", "result.rds"])
            try files.unlink("containers/job1/logs/1.txt")
            #expect(try files.names("foreach/job1/tasks/1") == ["result.rds"])
            expect(.noSuchFileOrDirectory) { try files.status("foreach/job1/tasks/1/log.txt") }
        }
    }

    @Test func `a file that is being written in another view is there, and is the same`() async throws {
        try await inWorld { world in
            let files = world.files
            expect(.noSuchFileOrDirectory) { try files.status("foreach/job1/tasks/1/stdout.txt") }
            world.putBlob("stdout/2-stdout.txt")
            let descriptor = try files.open("containers/job1/stdout/1-stdout.txt", O_WRONLY | O_CREAT)
            try files.write(descriptor, Array("unsent".utf8))
            #expect(try files.readText("foreach/job1/tasks/1/stdout.txt") == "unsent")
            try files.close(descriptor)
        }
    }

    @Test func `a file is changed in its place, and moved out of it`() async throws {
        try await inWorld { world in
            let files = world.files
            try files.writeFile("foreach/job1/tasks/1/log.txt", "changed")
            #expect(world.text("logs/1.txt") == "changed")
            #expect(try files.readText("containers/job1/logs/1.txt") == "changed")
            try files.rename("foreach/job1/tasks/1/log.txt", to: "containers/job1/old.txt")
            #expect(world.text("old.txt") == "changed")
            #expect(world.text("logs/1.txt") == nil)
            #expect(try files.names("foreach/job1/tasks/1") == ["result.rds"])
        }
    }

    @Test func `nothing is made where directories are put together`() async throws {
        try await inWorld { world in
            let files = world.files
            let folders = [
                "foreach", "foreach/job1", "foreach/job1/tasks", "foreach/job1/tasks/1", "foreach/job1/job",
                "foreach/job1/job/scripts", "foreach/job1/results", "foreach/job1/other",
            ]
            for folder in folders {
                expect(.notPermitted) { try files.makeDirectory("\(folder)/new") }
                expect(.notPermitted) { try files.writeFile("\(folder)/new.txt", "x") }
                expect(.notPermitted) { try files.rename("containers/job1/notes.txt", to: "\(folder)/moved") }
                expect(.notPermitted) { try files.makeLink("\(folder)/link", to: "x") }
            }
            #expect(world.text("notes.txt") != nil)
        }
    }

    @Test func `a directory is removed when nothing is in it`() async throws {
        try await inWorld { world in
            let files = world.files
            expect(.directoryNotEmpty) { try files.removeDirectory("foreach/job1/tasks/1") }
            expect(.directoryNotEmpty) { try files.removeDirectory("foreach/job1/tasks") }
            expect(.notPermitted) { try files.removeDirectory("foreach/job1") }
            try files.removeTree("foreach/job1/tasks/1")
            expect(.noSuchFileOrDirectory) { try files.status("foreach/job1/tasks/1") }
            #expect(try files.names("foreach/job1/tasks") == ["2"])
            #expect(world.store.blobNames(in: "job1").contains("logs/2.txt"))
            world.putBlob("mine/x", "mine")
            try files.removeTree("foreach/job1/other/mine")
            #expect(!world.store.blobNames(in: "job1").contains("mine/x"))
            expect(.noSuchFileOrDirectory) { try files.status("foreach/job1/other/mine") }
        }
    }

    @Test func `the environment of a job is for its owner only, by every path, unless its mode is set`() async throws {
        try await inWorld { world in
            let files = world.files
            let paths = ["foreach/job1/job/environment.rds", "containers/job1/job1.rds"]
            // From a listing, by its name, from an open file, and when it is looked at later.
            _ = try files.names("containers/job1")
            for path in paths {
                #expect(try files.status(path).permissions == 0o400)
                world.letValidityPass()
                #expect(try files.status(path).permissions == 0o400)
                let descriptor = try files.open(path, O_RDONLY)
                #expect(try files.status(descriptor).permissions == 0o400)
                try files.close(descriptor)
                #expect(try files.status(path).permissions == 0o400)
            }
            #expect(try files.status("foreach/job1/job/metadata.rds").permissions == 0o644)
            try files.setPermissions(paths[0], 0o640)
            world.letValidityPass()
            for path in paths { #expect(try files.status(path).permissions == 0o640) }
        }
    }

    @Test func `a lookup lists nothing, however often it is made`() async throws {
        try await inWorld(keepsNames: true) { world in
            let files = world.files
            let tasks = try files.names("foreach/job1/tasks")
            #expect(tasks == ["1", "2"])
            for _ in 0..<5 {
                world.letValidityPass()
                world.store.resetCounts()
                #expect(try files.readText("foreach/job1/tasks/1/log.txt") == "log 1")
                #expect(try files.readText("foreach/job1/tasks/2/log.txt") == "log 2")
                // Only the job is looked for by one, which the kernel asks once a second.
                #expect(world.store.count(of: .listBlobs) == 2)
            }
        }
    }

    @Test func `a job that is deleted while it is listed is gone`() async throws {
        let world = try TreeWorld()
        world.putBlob("job1-metadata.rds")
        world.putBlob("logs/1.txt")
        try await onOwnThread {
            let tasks = try world.files.names("foreach/job1/tasks")
            #expect(tasks == ["1"])
        }
        world.letValidityPass()
        try await world.store.deleteContainer("job1")
        try await onOwnThread {
            expect(.noSuchFileOrDirectory) { try world.files.names("foreach/job1/tasks") }
            let jobs = try world.files.names("foreach")
            #expect(jobs == [])
            world.end()
        }
    }

    @Test(arguments: [(StorageError.Kind.unavailable, EIO), (.throttled, EIO)] as [(StorageError.Kind, Int32)])
    func `a directory that cannot be listed whole is an error`(kind: StorageError.Kind, errno: Int32) async throws {
        try await inWorld { world in
            _ = try world.files.status("foreach/job1/tasks")
            world.store.fail(call: 4, of: .listBlobs, error: .test(kind))
            expect(Errno(rawValue: errno)) { try world.files.names("foreach/job1/tasks") }
            #expect(try world.files.names("foreach/job1/tasks") == ["1", "2"])
        }
    }

    @Test func `where listing is denied names can be opened`() async throws {
        try await inWorld { world in
            world.store.failNext(.listBlobs, count: .max, error: .test(.denied))
            let tasks = try world.files.names("foreach/job1/tasks")
            #expect(tasks == [])
            #expect(try world.files.readText("foreach/job1/tasks/1/log.txt") == "log 1")
        }
    }
}

extension TreeWorld {
    /// Somebody else puts a blob into the job's container.
    fileprivate func putBlob(_ name: String, _ text: String = "x") {
        store.add(BlobAddress(container: "job1", name: name), Array(text.utf8))
    }

    fileprivate func text(_ name: String) -> String? {
        store.bytes(of: BlobAddress(container: "job1", name: name)).map { String(decoding: $0, as: UTF8.self) }
    }
}
