import CFuse3
import FileSystemModel
import Glibc
import Logging
import Testing

@testable import FuseBinding

/// Mounting, unmounting, and programs that are interrupted.
@Suite(.serialized, .timeLimit(.minutes(2)), .enabled(if: canMount, "needs root and /dev/fuse"))
struct MountLifeTests {
    private let toy = MemoryFileSystem()

    @Test func `a busy mount is not taken away unless lazily`() async throws {
        toy.place("file", [1, 2, 3])
        try await mounted(toy) { mount in
            let descriptor = try opened(mount.path("file"), O_RDONLY)
            let error = #expect(throws: SessionError.self) { try mount.session.unmount(lazily: false) }
            #expect(error?.code == .busy)
            try mount.session.unmount(lazily: true)
            #expect(MountTable.current().topmost(at: mount.path) == nil)
            // Who has it open reads on.
            var bytes = [UInt8](repeating: 0, count: 3)
            #expect(read(descriptor, &bytes, 3) == 3)
            close(descriptor)
        }
    }

    @Test func `unmounting what is not mounted any more is no error`() async throws {
        try await mounted(toy) { mount in
            try mount.session.unmount(lazily: false)
            try mount.session.unmount(lazily: false)
        }
    }

    @Test func `a mount over a mount is refused, a dead one is named as such`() async throws {
        toy.place("file", [1])
        try await mounted(toy) { mount in
            func code() -> SessionError.Code? {
                do throws(SessionError) {
                    _ = try MountPreflight.check(mount.path)
                    return nil
                } catch {
                    return error.code
                }
            }
            #expect(code() == .alreadyMounted)
            let descriptor = try opened(mount.path("file"), O_RDONLY)
            defer { close(descriptor) }
            // What the death of the process does: the connection ends, the mount stays.
            #expect(errnoOf { umount2(mount.path, 1) } == EBUSY)  // MNT_FORCE
            #expect(code() == .deadMount)
        }
    }

    @Test func `a session that never ran takes its mount away when it goes`() throws {
        let path = try scratchDirectory()
        defer { rmdir(path) }
        do {
            let session = try FuseSession(
                fileSystem: toy,
                options: SessionOptions(mountPoint: path, fsName: "toy"),
                logger: Logger(label: "test")
            )
            try session.mount()
            #expect(MountTable.current().topmost(at: path)?.isFuse == true)
        }
        #expect(MountTable.current().topmost(at: path) == nil)
    }

    @Test func `SIGKILL ends a program that waits for a read`() async throws {
        let toy = toy
        toy.place("blocked", [1])
        try await mounted(toy) { mount in
            let child = try spawned(["/bin/cat", mount.path("blocked")])
            #expect(toy.blockedReads.take() != nil)
            kill(child, SIGKILL)
            #expect(ended(child) == SIGKILL)
        }
    }

    @Test func `SIGKILL is noticed although a handled signal used up the interrupt`() async throws {
        let toy = toy
        toy.place("blocked", [1])
        try await mounted(toy) { mount in
            let script = "trap : USR1; read line < \(mount.path("blocked"))"
            let child = try spawned(["/bin/sh", "-c", script])
            let pending = try #require(toy.blockedReads.take())
            kill(child, SIGUSR1)
            #expect(becomesTrue { mount.session.requestCounts["interrupt"] == 1 })
            usleep(150_000)
            #expect(mount.session.requestsInFlight == 1)
            kill(child, SIGKILL)
            #expect(ended(child) == SIGKILL)
            #expect(!pending.fail(FileSystemError(errno: EIO, "too late")))
        }
    }

    @Test func `handled signals do not disturb a read, SIGINT ends it with EINTR`() async throws {
        let toy = toy
        toy.place("blocked", [1])
        try await mounted(toy) { mount in
            let previous = [SIGPROF, SIGINT].map { number in (number, signal(number) { _ in }) }
            defer { for (number, handler) in previous { signal(number, handler) } }
            let descriptor = try opened(mount.path("blocked"), O_RDONLY)
            defer { close(descriptor) }
            let results = Held<(count: Int, errno: Int32)>()
            let threads = Held<pthread_t>()
            // Not a PlainThread: those block all signals.
            let reader: @Sendable () -> Void = {
                var all = sigset_t()
                sigemptyset(&all)
                pthread_sigmask(SIG_SETMASK, &all, nil)
                threads.put(pthread_self())
                for _ in 0..<2 {
                    var byte: UInt8 = 0
                    let count = read(descriptor, &byte, 1)
                    results.put((count, errno))
                }
            }
            let thread = try PlainThread(name: "reader", reader)
            let target = try #require(threads.take())

            let first = try #require(toy.blockedReads.take())
            pthread_kill(target, SIGPROF)
            #expect(becomesTrue { mount.session.requestCounts["interrupt"] == 1 })
            usleep(150_000)
            let isOurs = [UInt8(7)].withUnsafeBytes { only in [only].withUnsafeBufferPointer { first.succeed($0) } }
            #expect(isOurs)
            #expect(try #require(results.take()).count == 1)

            #expect(toy.blockedReads.take() != nil)
            pthread_kill(target, SIGINT)
            let second = try #require(results.take())
            #expect((second.count, second.errno) == (-1, EINTR))
            thread.join()
        }
    }
}
