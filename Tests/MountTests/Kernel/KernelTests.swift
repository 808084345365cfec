import FileSystemModel
import FileSystemSuite
import Foundation
import Glibc
import OutputTree
import SystemPackage
import TestSupport
import Testing

/// What only a kernel in between can show: mappings, signals, other programs.
@Suite(
    "Behind a kernel",
    .serialized,
    .timeLimit(.minutes(2)),
    .enabled(if: access("/dev/fuse", R_OK | W_OK) == 0 && geteuid() == 0, "needs /dev/fuse and root")
)
struct KernelTests {
    private func with(
        usesPassthrough: Bool = true,
        _ body: @escaping @Sendable (MountWorld) throws -> Void
    ) async throws {
        try await onOwnThread {
            let world = try MountWorld(usesPassthrough: usesPassthrough)
            defer { world.end() }
            try world.makeJob()
            try body(world)
        }
    }

    @Test func `stores through a mapping are committed by msync, and behind the last close`() async throws {
        try await with { world in
            let descriptor = try world.files.open(world.path("f"), O_RDWR | O_CREAT)
            try world.files.truncate(descriptor, to: 8192)
            let map = mmap(nil, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0)
            let bytes = try #require(map).assumingMemoryBound(to: UInt8.self)
            bytes[0] = 65
            #expect(msync(map, 8192, MS_SYNC) == 0)
            #expect(world.store.bytes(of: world.blob("f"))?.first == 65)
            try world.files.close(descriptor)
            bytes[4096] = 66
            munmap(map, 8192)
            let isThere = eventually { world.store.bytes(of: world.blob("f"))?[4096] == 66 }
            #expect(isThere)
        }
    }

    @Test func `a reader of a mapping sees the file`() async throws {
        try await with { world in
            world.store.add(world.blob("f"), pattern(300_000))
            let descriptor = try world.files.open(world.path("f"), O_RDONLY)
            let map = mmap(nil, 300_000, PROT_READ, MAP_SHARED, descriptor, 0)
            let mapped = Array(UnsafeRawBufferPointer(start: map, count: 300_000))
            #expect(mapped == pattern(300_000))
            munmap(map, 300_000)
            try world.files.close(descriptor)
        }
    }

    @Test(arguments: [SIGKILL, SIGINT])
    func `a reader that waits for the store ends at once when it is told to`(signal: Int32) async throws {
        let world = try await onOwnThread {
            let world = try MountWorld()
            world.put("f", "bytes")
            return world
        }
        world.store.hold(.read)
        let reader = try ChildProcess(["/bin/cat", world.mount.root + "/" + world.path("f")])
        await world.store.waitUntilHeld(.read)
        reader.send(signal)
        try await onOwnThread {
            #expect(reader.wait() == -signal)
            world.store.release(.read)
            let text = try world.files.readText(world.path("f"))
            #expect(text == "bytes")
            world.end()
        }
    }

    @Test func `self is each process's own task`() async throws {
        try await with { world in
            let output = NSTemporaryDirectory() + "/outputfs-self-\(UUID())"
            defer { unlink(output) }
            let child = try ChildProcess(
                ["/bin/readlink", world.mount.root + "/self"],
                environment: ["AZ_BATCH_JOB_ID=j", "AZ_BATCH_TASK_ID=t"],
                output: output
            )
            let code = child.wait()
            let text = try String(contentsOfFile: output, encoding: .utf8)
            #expect(code == 0)
            #expect(text == "jobs/j/tasks/t\n")
            expect(.noSuchFileOrDirectory) { try world.files.readLink("self") }
        }
    }

    @Test func `hard links and device nodes are EPERM`() async throws {
        try await with { world in
            try world.files.writeFile(world.path("f"), "x")
            let (old, new) = (world.mount.root + "/" + world.path("f"), world.mount.root + "/" + world.path("g"))
            let linked = link(old, new) == 0 ? 0 : errno
            let made = mknod(new, S_IFCHR | 0o600, 0x0103) == 0 ? 0 : errno
            #expect(linked == EPERM)
            #expect(made == EPERM)
        }
    }

    @Test func `reads and writes work with passthrough off`() async throws {
        try await with(usesPassthrough: false) { world in
            try world.files.writeFile(world.path("f"), pattern(2_000_000))
            let bytes = try world.files.readFile(world.path("f"))
            #expect(bytes == pattern(2_000_000))
            world.letValidityPass()
            let again = try world.anotherMount().readFile(world.path("f"))
            #expect(again == pattern(2_000_000))
        }
    }

    @Test func `a busy mount says so, and unmounts when the file is closed`() async throws {
        try await with { world in
            let descriptor = try world.files.open(world.path("f"), O_WRONLY | O_CREAT)
            let refused = umount2(world.mount.root, 0) == 0 ? 0 : errno
            #expect(refused == EBUSY)
            try world.files.write(descriptor, [1])
            try world.files.close(descriptor)
        }
    }

    /// `SEED=…` replays a run.
    @Test(.timeLimit(.minutes(5)), arguments: 0..<3)
    func `a mount does what a local directory does`(_ run: Int) async throws {
        let seed = testSeed() &+ UInt64(run)
        try await onOwnThread {
            let world = try MountWorld()
            defer { world.end() }
            var random = try RandomRun(world, oracle: NSTemporaryDirectory() + "/outputfs-oracle-\(UUID())")
            try random.run(seed: seed, steps: 200)
        }
    }
}
